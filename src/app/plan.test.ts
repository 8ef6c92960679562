import { expect, it } from 'vitest';
import { decimalText } from '../core/decimal.ts';
import { isoUtc } from '../core/time.ts';
import { checkSite } from '../device/parse.ts';
import { changed, libraryOf, SITE } from '../device/site.testkit.ts';
import { planPoints } from './plan.ts';

function multipliers(...changes: (readonly [string, string])[]) {
  const checked = checkSite(changed(SITE, ...changes), 'site.yaml', libraryOf());
  if (!checked.ok) throw new Error(checked.problems.map(({ what }) => what).join());
  const [plan] = planPoints(checked.value.site, checked.value.devices)[1]!.counted;
  return plan!.multipliers.map(({ from, value }) => [isoUtc(from), decimalText(value)]);
}

it('a multiplier that is stated again is no change: an hour over an exchange of transformers of one ratio is sound', () => {
  expect(multipliers()).toEqual([
    ['2025-12-31T23:00:00Z', '40'],
    ['2026-02-28T23:00:00Z', '80'],
  ]);
  expect(multipliers(['"80"', '"40.0"'])).toEqual([['2025-12-31T23:00:00Z', '40']]);
});
