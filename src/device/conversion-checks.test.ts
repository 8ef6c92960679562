import { describe, expect, it } from 'vitest';
import { checkSite } from './parse.ts';
import { changed, FILES, GAS_MODEL, libraryOf, SITE } from './site.testkit.ts';

const OPERATING = changed(
  GAS_MODEL,
  ['volume.base.total\n    unit', 'volume.operating.total\n    unit'],
  ['volume.base.total, value', 'volume.operating.total, value'],
);
const LIBRARY = libraryOf({ ...FILES, 'test/corrector': OPERATING });
const SAYS = '    capacity: "400"\n';

function told(conversion: string): string[] {
  const checked = checkSite(changed(SITE, [SAYS, `${SAYS}${conversion}`]), 'site.yaml', LIBRARY);
  return checked.ok ? [] : checked.problems.map(({ path, what }) => `${path}: ${what}`);
}

describe('an operating volume', () => {
  it('is sound with a method and a state of the gas', () => {
    const fixed = 'conversion: { method: fixed, ratio: "0.99", pressureKPa: "401.3", temperatureC: "-5.5" }';
    expect(told(`    volume: operating\n    ${fixed}\n`)).toEqual([]);
  });

  it.each([
    ['    volume: operating\n', 'nothing converts'],
    ['    conversion: { method: fixed, ratio: "1" }\n', 'say "volume: operating"'],
    [
      '    volume: operating\n    conversion: { method: fixed, pressureKPa: "101.3", temperatureC: "1" }\n',
      'no "ratio:"',
    ],
    ['    volume: operating\n    conversion: { method: sgerg-88, ratio: "1" }\n', 'no "gas:"'],
    ['    volume: operating\n    conversion: { method: fixed, ratio: "0" }\n', '0.5 to 1.5'],
    ['    volume: operating\n    conversion: { method: fixed, ratio: "98" }\n', 'found "98", expected a ratio K'],
    [
      '    volume: operating\n    conversion: { method: fixed, ratio: "1", pressureKPa: "5", temperatureC: "288.15" }\n',
      'found "5", expected an absolute pressure in kPa, 50 to 12000\npoints.0.conversion.temperatureC: found "288.15"',
    ],
    ['    volume: operating\n    conversion: { method: fixed, ratio: "1", temperatureC: "1" }\n', 'no pressure'],
    ['    volume: operating\n    conversion: { method: fixed, ratio: "1", pressureKPa: "101.3" }\n', 'no temperature'],
  ])('is told what is wrong: %j', (text, what) => {
    expect(told(text).join('\n')).toContain(what);
  });
});
