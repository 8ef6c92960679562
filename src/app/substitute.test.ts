import { describe, expect, it } from 'vitest';
import { aMessage, anAttempt, aReceipt } from '../buffer/buffer.testkit.ts';
import { isDamage, openRow, type Row, sealRow } from '../buffer/frame.ts';
import type { AuditEntry } from '../buffer/index.ts';
import { intervalKey } from '../buffer/keys.ts';
import { decimal, decimalText, parseDecimal } from '../core/decimal.ts';
import { HOUR_MS } from '../core/time.ts';
import type { StoreOp } from '../machine/store.ts';
import { aPlan, aPoint, aReading, aSite, bench, GAS, gasDay, POWER, powerPlan } from './app.testkit.ts';
import { chained, chainFaults, journalFaults } from './audit-chain.ts';
import { readAudit } from './audit-texts.ts';
import { createProfiler } from './profiler.ts';
import { type Substitution, substitute } from './substitute.ts';
import { traceInterval } from './trace.ts';

const DAY = gasDay('2026-06-01');
const HOUR = { start: DAY.start, end: DAY.start + HOUR_MS };
const site = aSite({ combustionHeat: [{ day: '2026-06-01', kWhPerM3: '10.5' }] });
const WISH: Substitution = {
  point: GAS,
  span: { start: DAY.start, end: DAY.start + 2 * HOUR_MS },
  values: parseDecimal('12.5'),
  reason: 'meter exchanged',
  by: 'J. Novák',
};

async function ready() {
  const made = await bench(DAY.end + HOUR_MS);
  await made.buffer.keepRound([aReading(DAY.start, '100'), aReading(HOUR.end, '107')]);
  const points = [aPoint(), aPoint(aPlan(), { code: POWER, counted: [powerPlan(), powerPlan({ channel: 'export' })] })];
  const profiler = createProfiler({ site, points, buffer: made.buffer, clock: made.clock });
  await profiler.follow();
  const parts = {
    site,
    points,
    buffer: made.buffer,
    heatOn: () => parseDecimal('10.5'),
    now: made.clock.now(),
    installedAt: DAY.start,
  };
  return { ...made, points, profiler, parts };
}

describe('a substitution', () => {
  it('is a new version beside the original, with its energy, and stands in the audit log', async () => {
    const { parts, buffer } = await ready();
    const { entry } = await substitute(parts, WISH);
    const versions = await buffer.intervalVersions(GAS, 'volume', HOUR.start);
    expect(versions.map(({ quality, value, version }) => [version, quality, decimalText(value!)])).toEqual([
      [1, 'measured', '7'],
      [2, 'substituted', '12.5'],
    ]);
    const energies = await buffer.intervals(GAS, 'energy', WISH.span);
    expect(energies.map(({ quality, value }) => [quality, decimalText(value!)])).toEqual(
      Array(2).fill(['substituted', '131.25']),
    );
    const log = await buffer.auditLog();
    expect(log).toEqual([entry]);
    expect(chainFaults(log)).toEqual([]);
    expect(readAudit(entry.text)).toMatchObject({
      by: 'J. Novák',
      reason: 'meter exchanged',
      point: GAS,
      channel: 'volume',
    });
    expect(readAudit(entry.text)).toHaveProperty('intervals', [
      {
        start: '2026-06-01T04:00:00Z',
        end: '2026-06-01T05:00:00Z',
        before: { version: 1, quality: 'measured', value: '7' },
        version: 2,
        value: '12.5',
      },
      { start: '2026-06-01T05:00:00Z', end: '2026-06-01T06:00:00Z', version: 1, value: '12.5' },
    ]);
  });

  it('stands when the meter says something else later, until a person decides again', async () => {
    const { parts, buffer, profiler } = await ready();
    await substitute(parts, WISH);
    await buffer.keepRound([aReading(HOUR.end + HOUR_MS, '109')]);
    await profiler.follow();
    await substitute(parts, { ...WISH, values: decimal(3) });
    const [first] = await buffer.intervals(GAS, 'volume', HOUR);
    expect([first!.version, decimalText(first!.value!)]).toEqual([3, '3']);
    expect(chainFaults(await buffer.auditLog())).toEqual([]);
  });

  it('takes a value for each interval', async () => {
    const { parts, buffer } = await ready();
    const values = new Map([
      [HOUR.start, decimal(1)],
      [HOUR.end, decimal(2)],
    ]);
    await substitute(parts, { ...WISH, values });
    expect((await buffer.intervals(GAS, 'volume', WISH.span)).map(({ value }) => decimalText(value!))).toEqual([
      '1',
      '2',
    ]);
  });

  it.each<[string, Partial<Substitution>]>([
    ['there is no point', { point: 'X' }],
    ['a reason and a name', { reason: ' ' }],
    ['a reason and a name', { by: '' }],
    ['whole intervals of 60 minutes', { span: { start: DAY.start, end: DAY.start + 1 } }],
    ['ends before it begins', { span: { start: DAY.start, end: DAY.start } }],
    ['is before 2026-06-01, the first day that', { span: { start: DAY.start - HOUR_MS, end: HOUR.end } }],
    ['is not over yet', { span: { start: DAY.start, end: DAY.end + 2 * HOUR_MS } }],
    ['has more than 6 decimals', { values: parseDecimal('1.1234567') }],
    ['is negative', { values: decimal(-1) }],
    ['no value for 2026-06-01T07:00+02:00', { values: new Map([[DAY.start, decimal(1)]]) }],
    [
      '1 of the values are for no interval of 2026-06-01T06:00+02:00 to 2026-06-01T08:00+02:00: 2026-06-01T15:00+02:00',
      { values: new Map([0, 1, 9].map((hour) => [DAY.start + hour * HOUR_MS, decimal(1)])) },
    ],
    ['beyond 120 %', { values: parseDecimal('120.001') }],
    ['has no channel "energy"', { channel: 'energy' }],
    ['say which channel', { point: POWER }],
  ])('is refused and writes nothing: %s', async (what, change) => {
    const { parts, buffer } = await ready();
    await expect(substitute(parts, { ...WISH, ...change })).rejects.toThrow(what);
    expect(await buffer.auditLog()).toEqual([]);
    expect(await buffer.intervalVersions(GAS, 'volume', HOUR.start)).toHaveLength(1);
  });
});

describe('the chain of the audit log', () => {
  const log: AuditEntry[] = [];
  for (const [n, text] of ['one', 'two', 'three', 'four'].entries())
    log.push({ number: n + 1, ...chained(log.at(-1), text) });

  it('is whole as it was written', () => {
    expect(chainFaults(log)).toEqual([]);
  });

  it.each([
    ['a changed text', log.map((entry) => (entry.number === 2 ? { ...entry, text: 'TWO' } : entry)), [2]],
    [
      'a changed text with a hash of its own',
      log.map((entry) => (entry.number === 2 ? { number: 2, ...chained(log[0], 'TWO') } : entry)),
      [3],
    ],
    ['a missing entry', log.filter(({ number }) => number !== 2), [3]],
    ['a missing beginning', log.slice(1), [2]],
    [
      'an unreadable entry',
      log.map((entry) => (entry.number === 3 ? { number: 3, text: '', hash: '' } : entry)),
      [3, 4],
    ],
  ])('shows %s', (_, entries, numbers) => {
    expect(chainFaults(entries).map(({ number }) => number)).toEqual(numbers);
  });
});

describe('the journal against the audit log', () => {
  const cut = (row: Row): StoreOp => ({ kind: 'delete', key: row.key });
  const forge = ({ key, sequence }: Row): StoreOp => {
    const payload = { text: 'somebody else', hash: 'made to fit' };
    return { kind: 'put', key, value: sealRow(key, sequence, payload) };
  };

  it.each([
    ['cut off', cut],
    ['forged, with a hash of its own', forge],
  ])('shows an end that was %s', async (_, tamper) => {
    const { parts, buffer, store } = await ready();
    for (let times = 0; times < 2; times++) await substitute(parts, WISH);
    expect(await journalFaults(buffer)).toEqual([]);
    const [key, bytes] = (await store.range({ gte: 'a/', lt: 'a0', limit: 10 })).at(-1)!;
    const last = openRow(key, bytes);
    if (isDamage(last)) throw new Error(last.detail);
    await store.batch([tamper(last)]);
    expect((await journalFaults(buffer)).map(({ number }) => number)).toEqual([2]);
  });
});

describe('a trace', () => {
  it('goes from the bytes to the decision', async () => {
    const { parts, buffer, points } = await ready();
    await buffer.keepRound([aReading(HOUR.start, '999')]);
    await substitute(parts, WISH);
    const trace = await traceInterval({ ...parts, installedAt: 0 }, points[0]!, HOUR.start + 1);
    expect(trace).toMatchObject({ point: GAS, start: '2026-06-01T04:00:00Z', end: '2026-06-01T05:00:00Z' });
    const [volume] = trace.channels;
    expect(volume).toMatchObject({ channel: 'volume', state: 'pending', doubled: false });
    const [measured, decided] = volume!.versions;
    expect(measured!.origins[0]!.from.readings).toMatchObject([
      { value: '100', raw: 'ab01', contradicts: false },
      { value: '999', contradicts: true },
    ]);
    expect(measured!.decidedBy).toBeUndefined();
    expect(decided!.decidedBy).toMatchObject({ audit: 1, by: 'J. Novák', reason: 'meter exchanged' });
  });

  it('tells of a version that went with its machine what was told of it; entered again it is that version, and not sent twice', async () => {
    const { parts: before, store, buffer, points, restart } = await ready();
    await substitute(before, WISH);
    const [decided] = await buffer.intervals(GAS, 'volume', HOUR);
    const { id } = await buffer.queueMessage((own) => aMessage(own, [decided!]));
    await buffer.outbox.beginAttempt(id, HOUR.end);
    await buffer.outbox.endAttempt(anAttempt(id, 1, 'answered'), aReceipt(id, 'accepted'));
    // As after a restore from a backup of before: the second copy knows the message, nobody has the version.
    await store.batch([{ kind: 'delete', key: intervalKey(decided!) }]);
    const parts = { ...before, buffer: (await restart()).buffer };
    const volume = async () => (await traceInterval({ ...parts, installedAt: 0 }, points[0]!, HOUR.start)).channels[0]!;
    const told = { version: 2, told: '12.5 m3 substituted', messages: [{ message: id, state: 'accepted' }] };
    expect(await volume()).toMatchObject({ state: 'lost', versions: [{ version: 1 }], lost: [told] });
    await substitute(parts, WISH);
    expect(await volume()).toMatchObject({ state: 'accepted', versions: [{ version: 1 }, { version: 2 }], lost: [] });
  });
});
