import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { SILENT } from '../app/app.testkit.ts';
import { serveControl } from '../app/control.ts';
import { type Desk, deskHandlers } from '../app/desk.ts';
import { INSTALLED_FILE } from '../app/installed.ts';
import { planPoints } from '../app/plan.ts';
import { createProfiler } from '../app/profiler.ts';
import { loadSite } from '../app/site-files.ts';
import { openState, stateFolder } from '../app/state.ts';
import { marketIntervals } from '../core/calendar.ts';
import { decimal } from '../core/decimal.ts';
import { changed, GAS_MODEL, POWER_MODEL, SITE } from '../device/site.testkit.ts';
import { hostClock } from '../host/clock.ts';
import { runCommand } from './program.ts';

const GAS = '27ZG500Z00000019';
const POWER = '859182400500000017';
const DAY = '2026-07-01';
let folder: string;
let config: string;

/** A site that was installed, has read a day of gas, and does not run. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'editing-'));
  config = join(folder, 'site.yaml');
  await mkdir(join(folder, 'device-config', 'test'), { recursive: true });
  await writeFile(join(folder, 'device-config', 'test', 'corrector.yaml'), GAS_MODEL);
  await writeFile(join(folder, 'device-config', 'test', 'meter.yaml'), POWER_MODEL);
  await writeFile(
    config,
    changed(SITE, ['pack: gas-day', 'pack: ote/gasdat'], ['pack: electricity-day', 'pack: ote/cdsdata']),
  );
  const loaded = loadSite(config);
  const state = await openState(loaded, hostClock(), SILENT, 'gateway');
  const spans = marketIntervals('gas', DAY, 'Europe/Prague', 60);
  const edges = [...spans.map(({ start }) => start), spans.at(-1)!.end];
  await state.buffer.keepRound(
    edges.map((at, n) => ({
      device: 'corrector',
      quantity: 'volume.base.total',
      kind: 'counter',
      value: decimal(100_000 + n * 1_500, -3),
      unit: 'm3',
      at,
      source: 'sampled',
      uncertaintyMs: 100,
      readAt: at + 100,
      flags: [],
      raw: '00c0ffee',
    })),
  );
  const points = planPoints(loaded.site, loaded.devices);
  const profiler = createProfiler({ site: loaded.site, points, buffer: state.buffer, clock: hostClock() });
  await profiler.follow();
  await state.close();
  await writeFile(join(stateFolder(loaded), INSTALLED_FILE), '2025-10-24T12:00:00Z\n');
}, 30_000);
afterAll(() => rm(folder, { recursive: true }));

let printed: string;
beforeEach(() => {
  printed = '';
  const take = (text: string | Uint8Array) => {
    printed += String(text);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(take);
  vi.spyOn(process.stderr, 'write').mockImplementation(take);
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

async function run(...words: string[]): Promise<string> {
  printed = '';
  await runCommand(['node', 'odecet', ...words, '--config', config]);
  return printed;
}
const json = async (...words: string[]) => JSON.parse(await run(...words, '--json'));

describe('the commands on a gateway that does not run', () => {
  it('profile shows a chart and a table in the language asked for, and JSON', async () => {
    const czech = await run('profile', GAS, '--day', DAY, '--lang', 'cs');
    expect(czech).toContain('objem: součet 36.000 m3');
    expect(czech).toContain('┤██');
    expect(czech).toContain('kvalita');
    expect(czech).toContain('dopočteno');
    expect(await run('profile', GAS, '--day', DAY, '--lang', 'en')).toContain('volume: sum 36.000 m3');
    const { intervals } = await json('profile', GAS, '--day', DAY);
    expect(intervals).toHaveLength(48);
    expect(intervals[0]).toMatchObject({ start: '2026-07-01T06:00:00+02:00', value: '1.500', quality: 'computed' });
  });

  it('profile shows a hole where an interval was never made, and nothing of what is not over', async () => {
    const { intervals } = await json('profile', GAS, '--day', '2025-10-25');
    expect(intervals).toHaveLength(2 * 25);
    const [first] = intervals;
    expect(first).toMatchObject({ start: '2025-10-25T06:00:00+02:00', quality: 'missing', version: 0, value: '' });
    const czech = await run('profile', GAS, '--day', '2025-10-25', '--lang', 'cs');
    expect(czech).toContain('objem: součet 0 m3, 25 chybí');
    expect(czech).toContain(`0 ┤${'×'.repeat(100)}\n`);
    expect(await run('profile', GAS, '--day', '2999-07-01', '--lang', 'cs')).toBe('není co zobrazit\n');
    expect(await run('profile', GAS, '--day', '2025-10-20', '--lang', 'cs')).toBe(
      `není co zobrazit\nza ${GAS} se odpovídá od 2025-10-25; dříve se nic neočekává\n`,
    );
  });

  it('substitute writes a new version and an audit entry, with the energy of the volume', async () => {
    const span = ['--from', '2026-07-01T06:00+02:00', '--to', '2026-07-01T07:00+02:00'];
    const why = ['--reason', 'meter exchanged', '--by', 'J. Novák'];
    const done = await json('substitute', GAS, ...span, '--value', '2.5', ...why);
    expect(done.audit.number).toBe(1);
    expect(done.intervals).toEqual([
      {
        start: '2026-07-01T04:00:00Z',
        channel: 'volume',
        value: '2.5',
        unit: 'm3',
        version: 2,
        before: { version: 1, quality: 'computed', value: '1.500' },
      },
      { start: '2026-07-01T04:00:00Z', channel: 'energy', value: '26.66225', unit: 'kWh', version: 2 },
    ]);
    const file = join(folder, 'values.csv');
    // As a Czech spreadsheet writes it.
    await writeFile(file, '\ufeffstart;value\r\n2026-07-01T06:00+02:00;3,5\r\n');
    expect((await json('substitute', GAS, ...span, '--file', file, ...why)).intervals[0].value).toBe('3.5');
  });

  it.each([
    [['--value', '-1'], 'negative', 22],
    [[], 'either --value or --file', 2],
    [['--value', '1,5'], 'a number like 12.5', 2],
  ])('substitute %j is refused', async (values, what, status) => {
    const span = ['--from', '2026-07-01T06:00+02:00', '--to', '2026-07-01T07:00+02:00'];
    expect(await run('substitute', GAS, ...span, ...values, '--reason', 'r', '--by', 'b')).toContain(what);
    expect(process.exitCode).toBe(status);
  });

  it.each([
    [
      'start;value\n2026-07-01T06:00+02:00;3\n2026-07-01T06:00+02:00;4\n',
      'line 3: 2026-07-01T06:00+02:00 stands there twice',
    ],
    ['start;value;note\n2026-07-01T06:00+02:00;1,5\n', 'line 2 has not as many cells as the heading'],
    ['', 'there is no value in it'],
    ['start;value\n1. 7. 2026 6:00;3\n', 'line 2: found "1. 7. 2026 6:00" and "3", expected an instant'],
    ['start;value\n2026-07-01T06:00+02:00;0.1.2\n', 'found "2026-07-01T06:00+02:00" and "0.1.2"'],
    ['start;value\n2026-07-01T06:00+02:00;1,1234567\n', 'has more than 6 decimals'],
    ['start;hodnota\n2026-07-01T06:00+02:00;3\n', 'line 2 has no start or no value'],
  ])('a file of values that may mean something else is refused: %j', async (text, what) => {
    const file = join(folder, 'doubtful.csv');
    await writeFile(file, text);
    const span = ['--from', '2026-07-01T06:00+02:00', '--to', '2026-07-01T07:00+02:00'];
    expect(await run('substitute', GAS, ...span, '--file', file, '--reason', 'r', '--by', 'b')).toContain(what);
    expect(process.exitCode).toBe(22);
  });

  it('audit shows who decided, and that the chain is whole', async () => {
    const text = await run('audit');
    expect(text).toContain('J. Novák');
    expect(text).toContain('2 entries, the chain is whole');
    expect(await json('audit')).toMatchObject({ whole: true, faults: [], entries: [{ number: 1 }, { number: 2 }] });
  });

  it('trace tells an interval from its bytes to the decision', async () => {
    const text = await run('trace', GAS, '2026-07-01T06:30+02:00');
    expect(text).toContain('sampled 2026-07-01T06:00+02:00: 100.000 m3');
    expect(text).toContain('bytes 00c0ffee');
    expect(text).toContain('version 3: 3.5 m3, substituted [substituted-by-person]');
    expect(text).toContain('decided by J. Novák: meter exchanged (audit 2');
    expect(text).toContain('with a combustion heat of 10.6649 kWh/m3');
    const czech = await run('trace', GAS, '2026-07-01T06:30+02:00', '--lang', 'cs');
    expect(czech).toContain('verze 3: 3.5 m3, náhradní [substituted-by-person]');
    expect(czech).toContain('rozhodl(a) J. Novák: meter exchanged (záznam 2');
    expect(czech).toContain('se spalným teplem 10.6649 kWh/m3');
    expect(czech).not.toContain('Z: ');
    const future = await run('trace', GAS, '2999-07-01T06:30+02:00');
    expect(future).toContain('it is not over yet');
    expect(future).toContain('volume: not expected, no interval was made');
    const earlier = await run('trace', GAS, '2025-10-20T06:30+02:00', '--lang', 'cs');
    expect(earlier).toContain(`za ${GAS} se odpovídá od 2025-10-25`);
    expect((await json('trace', GAS, '2026-07-01T04:30Z')).channels).toHaveLength(2);
  });

  it('ledger counts a day or several, by point and together', async () => {
    const { day, points, total } = await json('ledger', '--day', DAY);
    expect(day).toBe(DAY);
    expect(points[0]).toMatchObject({ point: GAS, expected: 48, pending: 48, missing: 0, doubled: 0 });
    expect(total.expected).toBe(48 + 96);
    const several = await json('ledger', '--from', DAY, '--to', '2026-07-02');
    expect(several).toMatchObject({ from: DAY, to: '2026-07-02', total: { expected: 288, pending: 48, missing: 240 } });
    expect((await json('ledger', '--day', '2025-10-20')).total).toMatchObject({ expected: 0, notYetDue: 0 });
    expect(await run('ledger', '--day', '2025-10-20', '--lang', 'cs')).toContain(
      'odpovídá se od 2025-10-25, dříve se nic neočekává: celkem',
    );
    expect(await run('ledger', '--day', '2999-01-01')).toContain('not yet due, and not expected: 144 intervals');
    const one = await run('ledger', '--day', DAY, '--rows', '--point', GAS, '--lang', 'cs');
    expect(one).toMatch(/2026-07-01T06:00\+02:00 .*čeká .*náhradní/);
    expect(one).not.toContain(POWER);
    expect(await run('ledger', '--from', '1990-01-01', '--to', DAY)).toContain('13331 days are too many at once');
    expect(process.exitCode).toBe(2);
    await run('ledger', '--from', DAY);
    expect(process.exitCode).toBe(2);
  });

  it('heat import adds days beside the site file', async () => {
    const file = join(folder, 'heat.csv');
    await writeFile(file, 'day;kWhPerM3\n2026-07-02;10,7\n');
    const none = { overruled: [], notBegun: [] };
    const old = { ...none, tooOld: ['2026-07-02'] };
    expect(await json('heat', 'import', file, '--by', 'J. Novák')).toEqual({ added: 1, changed: 0, days: 1, ...old });
    const { entries } = await json('audit');
    expect(entries.at(-1).said).toMatchObject({ what: 'heat', by: 'J. Novák', file, days: [{ value: '10.7' }] });
    const told = `${file}: 2026-07-02 - -> 10.7 kWh/m3`;
    expect(await run('audit', '--lang', 'cs')).toMatch(/J\. Novák, spalné teplo\n {2}/);
    expect(await run('audit')).toContain(told);
    await writeFile(file, 'day;kWhPerM3\n2026-07-02;10,8\n2026-07-03;10,8\n');
    const both = { ...none, tooOld: ['2026-07-02', '2026-07-03'] };
    expect(await json('heat', 'import', file)).toEqual({ added: 1, changed: 1, days: 2, ...both });
    // What says nothing new has nothing that follows.
    expect(await json('heat', 'import', file)).toEqual({ added: 0, changed: 0, days: 2, ...none, tooOld: [] });
    await writeFile(file, 'Day;KWHPERM3\n2026-07-02;10,7\n2999-07-03;10,8\n');
    const said = await run('heat', 'import', file);
    expect(said).toContain('a day more than 45 back that was sent is not corrected by itself: 2026-07-02. To');
    expect(said).toContain('not begun yet: 2999-07-03');
    for (const empty of ['', 'day;kWhPerM3\n', '\ufeffday;kWhPerM3\r\n;\r\n']) {
      await writeFile(file, empty);
      expect(await run('heat', 'import', file)).toContain('names no day; expected a heading day;kWhPerM3');
      expect(process.exitCode).toBe(21);
    }
    await writeFile(file, 'day;kWhPerM3\n2026-07-01;10,8\n');
    expect(await run('heat', 'import', file)).toContain('without effect for 2026-07-01: combustionHeat: in');
    await writeFile(file, 'day;kWhPerM3\n2026-07-02;38,8\n');
    expect(await run('heat', 'import', file)).toContain('[heat-invalid]');
    expect(process.exitCode).toBe(21);
  });
});

describe('the same commands while the gateway runs', () => {
  let close: () => Promise<void>;
  beforeAll(async () => {
    const loaded = loadSite(config);
    const state = await openState(loaded, hostClock(), SILENT, 'change');
    const points = planPoints(loaded.site, loaded.devices);
    const { alone } = createProfiler({ site: loaded.site, points, buffer: state.buffer, clock: hostClock() });
    const desk: Desk = {
      site: loaded.site,
      points,
      buffer: state.buffer,
      heatOn: () => decimal(10),
      now: () => hostClock().now(),
      installedAt: state.installedAt,
      alone,
    };
    const control = await serveControl(stateFolder(loaded), deskHandlers(desk), SILENT);
    close = async () => {
      await control.close();
      await state.close();
    };
  });
  afterAll(() => close());

  it('are answered by it', async () => {
    const span = ['--from', '2026-07-01T08:00+02:00', '--to', '2026-07-01T09:00+02:00'];
    const done = await json(
      'substitute',
      GAS,
      ...span,
      '--value',
      '4',
      '--reason',
      'r\nentry 8',
      '--by',
      'b\u001b[31m',
    );
    expect(done.audit.number).toBe(7);
    expect(done.intervals.map(({ value }: { value: string }) => value)).toEqual(['4', '40']);
    const { intervals } = await json('profile', GAS, '--day', DAY);
    expect(intervals[2]).toMatchObject({ value: '4', quality: 'substituted', findings: 'substituted-by-person' });
    const audit = await run('audit');
    expect(audit).toContain('7 entries, the chain is whole');
    // What somebody wrote stays on its line, and does not reach the terminal as an order.
    expect(audit).toContain(', b\\u001b[31m, substitute\n');
    expect(audit).toContain('\n  r\\nentry 8\n');
    const trace = await run('trace', GAS, '2026-07-01T06:00Z');
    expect(trace).toContain('version 2: 4 m3, substituted');
    // Volume and energy alike.
    expect(trace.split('decided by b\\u001b[31m: r\\nentry 8 (audit 7')).toHaveLength(3);
    expect((await json('ledger', '--day', DAY)).points[0]).toMatchObject({ expected: 48, pending: 48 });
    expect(await run('profile', 'nowhere', '--day', DAY)).toContain('the site has no point "nowhere"');
  });
});
