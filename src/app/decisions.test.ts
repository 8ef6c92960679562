import { describe, expect, it } from 'vitest';
import { aMessage, anAttempt, aReceipt } from '../buffer/buffer.testkit.ts';
import { auditKey, intervalKey } from '../buffer/keys.ts';
import { decimal, decimalText, parseDecimal } from '../core/decimal.ts';
import { HOUR_MS, type Span } from '../core/time.ts';
import type { Store } from '../machine/store.ts';
import { aPoint, aReading, aSite, type Bench, bench, GAS, gasDay } from './app.testkit.ts';
import { chained, chainFaults } from './audit-chain.ts';
import { readAudit } from './audit-texts.ts';
import { pointDayOf, wishOf } from './point-day.ts';
import { createProfiler } from './profiler.ts';
import { type Substitution, substitute } from './substitute.ts';

const DAY = gasDay('2026-06-01');
const hour = (n: number): Span => ({ start: DAY.start + n * HOUR_MS, end: DAY.start + (n + 1) * HOUR_MS });
const DECIDED = hour(3);
const site = aSite({ combustionHeat: [{ day: '2026-06-01', kWhPerM3: '10' }] });
const points = [aPoint()];
const WISH: Substitution = {
  point: GAS,
  span: DECIDED,
  values: parseDecimal('12.5'),
  reason: 'meter exchanged',
  by: 'J. Novák',
};

function program({ buffer, clock }: Bench) {
  const profiler = createProfiler({ site, points, buffer, clock });
  const parts = { site, points, buffer, heatOn: () => decimal(10), now: clock.now(), installedAt: DAY.start };
  return {
    buffer,
    profiler,
    decide: (change: Partial<Substitution> = {}) => substitute(parts, { ...WISH, ...change }),
  };
}

/** A day of 7 m3 an hour, measured. */
async function measuredDay() {
  const made = await bench(DAY.end + HOUR_MS);
  for (let n = 0; n <= 24; n++) await made.buffer.keepRound([aReading(hour(n).start, String(100 + 7 * n))]);
  const { profiler, decide } = program(made);
  await profiler.finish(points[0]!, DAY);
  return { ...made, profiler, decide };
}

async function flip(store: Store, key: string): Promise<void> {
  const value = (await store.get(key))!.slice();
  value[50]! ^= 1;
  await store.batch([{ kind: 'put', key, value }]);
}

async function standing({ buffer }: Pick<Bench, 'buffer'>, span = DECIDED) {
  const [found] = await buffer.intervals(GAS, 'volume', span);
  const { value, quality, version, findings } = found!;
  return { value: value && decimalText(value), quality, version, findings };
}

const decidedKey = (version: number) => intervalKey({ point: GAS, channel: 'volume', start: DECIDED.start, version });

describe("a person's value whose record is damaged", () => {
  it.each([
    ['found by the scrubber', true],
    ['met when the day is closed', false],
  ])('is put back from the audit log under the same name and reason: %s', async (_, isFound) => {
    const before = await measuredDay();
    await before.decide();
    await flip(before.store, decidedKey(2));
    const made = await before.restart();
    const { buffer, profiler } = program(made);
    if (isFound) await buffer.quarantine([{ key: decidedKey(2), detail: 'checksum' }]);
    await profiler.finish(points[0]!, DAY);
    const restored = {
      value: '12.5',
      quality: 'substituted',
      version: 3,
      findings: ['substituted-by-person', 'decision-restored'],
    };
    expect(await standing(made)).toEqual(restored);
    expect((await buffer.intervals(GAS, 'energy', DECIDED)).map(({ value }) => decimalText(value!))).toEqual(['125.0']);
    const log = await buffer.auditLog();
    expect(chainFaults(log)).toEqual([]);
    expect(readAudit(log[1]!.text)).toMatchObject({
      restores: 1,
      by: 'J. Novák',
      reason: 'meter exchanged',
      intervals: [{ start: '2026-06-01T07:00:00Z', version: 3, value: '12.5' }],
    });
    await profiler.finish(points[0]!, DAY);
    expect(await standing(made)).toEqual(restored);
    expect(await buffer.auditLog()).toHaveLength(2);
  });

  it('is put back before new readings say again what the person found wrong', async () => {
    const before = await measuredDay();
    await before.decide();
    await flip(before.store, decidedKey(2));
    const made = await before.restart();
    const { buffer, profiler } = program(made);
    await buffer.quarantine([{ key: decidedKey(2), detail: 'checksum' }]);
    await buffer.nameReadingsAgain('meter', DAY);
    await profiler.follow();
    expect(await standing(made)).toMatchObject({ value: '12.5', quality: 'substituted' });
  });

  it('is the last one that was decided', async () => {
    const before = await measuredDay();
    await before.decide();
    await before.decide({ values: decimal(3), reason: 'counted again' });
    await flip(before.store, decidedKey(3));
    const made = await before.restart();
    await program(made).profiler.finish(points[0]!, DAY);
    expect(await standing(made)).toMatchObject({ value: '3', version: 4 });
    expect(readAudit((await made.buffer.auditLog()).at(-1)!.text)).toMatchObject({
      restores: 2,
      reason: 'counted again',
    });
  });

  it('that was accepted is the version that was told, and goes to nobody again', async () => {
    const before = await measuredDay();
    await before.decide();
    await before.profiler.finish(points[0]!, DAY);
    const day = await before.buffer.intervals(GAS, 'volume', DAY);
    const energies = await before.buffer.intervals(GAS, 'energy', DAY);
    const { id } = await before.buffer.queueMessage((own) => aMessage(own, [...day, ...energies]));
    await before.buffer.outbox.beginAttempt(id, DAY.end);
    await before.buffer.outbox.endAttempt(anAttempt(id, 1, 'answered'), aReceipt(id, 'accepted'));
    await flip(before.store, decidedKey(2));
    const made = await before.restart();
    const { buffer, profiler } = program(made);
    await buffer.quarantine([{ key: decidedKey(2), detail: 'checksum' }]);
    await profiler.finishLost([{ ...DECIDED, point: points[0]! }]);
    expect(await standing(made)).toMatchObject({ value: '12.5', version: 2 });
    const found = await pointDayOf(buffer, points[0]!, DAY);
    expect(found.rows.map(({ state }) => state)).toEqual(Array(48).fill('accepted'));
    expect(wishOf(found, site)).toEqual({ kind: 'nothing' });
  });

  it('is not put back where it was given up with its day', async () => {
    const before = await measuredDay();
    await before.decide();
    const day = await before.buffer.intervals(GAS, 'volume', DAY);
    const { id } = await before.buffer.queueMessage((own) => aMessage(own, day));
    await before.buffer.outbox.beginAttempt(id, DAY.end);
    await before.buffer.outbox.endAttempt(anAttempt(id, 1, 'answered'), aReceipt(id, 'accepted'));
    await before.buffer.trim('intervals', { olderThan: DAY.end, now: before.clock.now(), entriesMax: 1_000 });
    await before.profiler.finish(points[0]!, DAY);
    expect(await before.buffer.intervals(GAS, 'volume', DECIDED)).toEqual([]);
    expect(await before.buffer.auditLog()).toHaveLength(1);
  });
});

describe('where the audit log cannot tell any more', () => {
  /** Both the record and the entry are damaged. */
  async function bothLost() {
    const before = await measuredDay();
    await before.decide();
    await flip(before.store, decidedKey(2));
    await flip(before.store, auditKey(1));
    const made = await before.restart();
    return { ...made, ...program(made) };
  }

  it('nothing takes the place of what may have been decided, and the day waits for a person', async () => {
    const made = await bothLost();
    await made.profiler.finish(points[0]!, DAY);
    await made.buffer.nameReadingsAgain('meter', DAY);
    await made.profiler.follow();
    await made.profiler.finish(points[0]!, DAY);
    expect(await standing(made)).toEqual({ quality: 'missing', version: 3, findings: ['decision-unknown'] });
    expect(await standing(made, hour(4))).toMatchObject({ quality: 'measured', value: '7' });
    const wish = wishOf(await pointDayOf(made.buffer, points[0]!, DAY), site);
    expect(wish).toMatchObject({ kind: 'incomplete', failure: { code: 'day-incomplete' } });
    await made.decide();
    await made.profiler.finish(points[0]!, DAY);
    expect(await standing(made)).toMatchObject({ quality: 'substituted', value: '12.5' });
    expect(wishOf(await pointDayOf(made.buffer, points[0]!, DAY), site)).toEqual({ kind: 'send' });
  });

  it('an end of the log that is gone without a trace is missed, too', async () => {
    const before = await measuredDay();
    await before.decide();
    await flip(before.store, decidedKey(2));
    await before.store.batch([{ kind: 'delete', key: auditKey(1) }]);
    const made = await before.restart();
    await program(made).profiler.finish(points[0]!, DAY);
    expect(await standing(made)).toMatchObject({ quality: 'missing', findings: ['decision-unknown'] });
  });

  it('an entry that was changed is not believed', async () => {
    const before = await measuredDay();
    await before.decide();
    await before.buffer.keepAudited([], () => ({ text: '{"what":"forged"}', hash: 'made up' }));
    await flip(before.store, decidedKey(2));
    const made = await before.restart();
    await program(made).profiler.finish(points[0]!, DAY);
    // The first is whole, and says it.
    expect(await standing(made)).toMatchObject({ quality: 'substituted', value: '12.5' });
    await flip(made.store, intervalKey({ point: GAS, channel: 'volume', start: hour(5).start, version: 1 }));
    const again = await made.restart();
    await program(again).profiler.finish(points[0]!, DAY);
    expect(await standing(again, hour(5))).toMatchObject({ quality: 'missing', findings: ['decision-unknown'] });
  });

  it('what came after the next entry cannot have been decided in it, and is made again of its readings', async () => {
    const made = await bothLost();
    const at = '2026-06-01T06:30:00Z';
    const stranger = JSON.stringify({ at, what: 'stranger', detail: 'x' });
    await made.buffer.keepAudited([], (last) => chained(last, stranger));
    await made.profiler.finish(points[0]!, DAY);
    expect(await standing(made)).toMatchObject({ quality: 'measured', value: '7' });
  });
});
