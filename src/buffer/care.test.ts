import { describe, expect, it } from 'vitest';
import { OdecetError } from '../core/failure.ts';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import type { AppendLog } from '../machine/append-log.ts';
import {
  aMessage,
  anAttempt,
  anInterval,
  aReading,
  aReceipt,
  DAY_START,
  type MemoryStore,
  memoryLog,
  memoryStore,
  POINT,
  queuedIn,
  standingClock,
} from './buffer.testkit.ts';
import { isDamage, openRow, sealRow } from './frame.ts';
import { type Buffer, type Damage, openBuffer, type Suspect } from './index.ts';
import { HEADS_KEY, journalKey } from './keys.ts';

const HOURS = [0, 1, 2, 3].map((hour) => DAY_START + hour * HOUR_MS);
const SPANS = HOURS.map((start) => ({ start, end: start + HOUR_MS }));
const INTERVALS = HOURS.map((start) => anInterval({ start }));
const DAY = { start: DAY_START, end: DAY_START + 24 * HOUR_MS };
const LATER = DAY_START + 1_000 * 24 * HOUR_MS;

async function open(store: MemoryStore, vital?: AppendLog, at = DAY_START) {
  const damages: string[] = [];
  const onDamage = ({ key }: Suspect) => damages.push(key);
  const buffer = await openBuffer(store, { clock: standingClock(at), onDamage, ...(vital && { vital }) });
  return { buffer, damages };
}

async function fill(buffer: Buffer): Promise<void> {
  for (const at of HOURS) {
    await buffer.keepRound([aReading({ at }), aReading({ at: at + 60_000, source: 'sampled' })]);
    await buffer.keepRound([aReading({ at: at + 120_000, source: 'sampled' })]);
  }
  await buffer.keepIntervals(INTERVALS);
}

async function send(buffer: Buffer, intervals = INTERVALS, verdict: 'accepted' | 'rejected' | 'none' = 'accepted') {
  const { id } = await buffer.queueMessage((own) => aMessage(own, intervals));
  const number = await buffer.outbox.beginAttempt(id, DAY_START);
  if (verdict !== 'none') await buffer.outbox.endAttempt(anAttempt(id, number, 'answered'), aReceipt(id, verdict));
  return id;
}

async function scrubAll(buffer: Buffer): Promise<Suspect[]> {
  const suspects: Suspect[] = [];
  let position: Parameters<Buffer['scrub']>[0];
  do {
    const step: Awaited<ReturnType<Buffer['scrub']>> = await buffer.scrub(position, 3);
    suspects.push(...step.suspects);
    position = step.next;
  } while (position);
  return suspects;
}

const counts = async (buffer: Buffer) =>
  (await buffer.ledger([{ point: POINT, channel: 'volume', spans: SPANS }])).counts;

describe('trimming', () => {
  const rule = { olderThan: HOURS[2]!, now: LATER, entriesMax: 1_000 };

  it('gives up old samples with their entries; stored readings and the numbers stay', async () => {
    const store = memoryStore();
    const { buffer } = await open(store);
    await fill(buffer);
    expect(await buffer.trim('samples', rule)).toEqual({ entries: 4, records: 4 });
    expect((await buffer.readings('boiler-house', 'volume.base', DAY)).map(({ source }) => source)).toEqual([
      'stored',
      'stored',
      'stored',
      'sampled',
      'sampled',
      'stored',
      'sampled',
      'sampled',
    ]);
    expect((await buffer.verify()).clean).toBe(true);
    const again = await open(store);
    expect(again.damages).toEqual([]);
    expect((await again.buffer.changes('samples', 0, 100)).map(({ sequence }) => sequence)).toEqual([5, 6, 7, 8]);
    await again.buffer.keepRound([aReading({ at: LATER, source: 'sampled' })]);
    expect((await again.buffer.changes('samples', 8, 100)).map(({ sequence }) => sequence)).toEqual([9]);
  });

  it.each([
    ['the second copy knows it', true],
    ['the journals begin there', false],
  ])('is not taken for loss when the record of the numbers is gone: %s', async (_, hasCopy) => {
    const store = memoryStore();
    const vital = hasCopy ? memoryLog() : undefined;
    const { buffer } = await open(store, vital);
    await fill(buffer);
    await buffer.trim('samples', rule);
    await buffer.tellHeads();
    store.rows.delete(HEADS_KEY);
    const again = await open(store, vital);
    expect(again.damages).toContain(HEADS_KEY);
    expect(await scrubAll(again.buffer)).toEqual([]);
    expect((await again.buffer.verify()).holes).toEqual([]);
    expect((await again.buffer.changes('samples', 0, 100)).map(({ sequence }) => sequence)).toEqual([5, 6, 7, 8]);
  });

  it('leaves what a stage has not seen, and takes no more entries than it was told', async () => {
    const { buffer } = await open(memoryStore());
    await fill(buffer);
    expect((await buffer.trim('samples', { ...rule, upTo: 1 })).entries).toBe(1);
    expect((await buffer.trim('samples', { ...rule, entriesMax: 1 })).entries).toBe(1);
  });

  it('never gives up an interval that is not accepted, however old, nor the message of one that stays', async () => {
    const { buffer } = await open(memoryStore());
    await fill(buffer);
    await send(buffer, INTERVALS.slice(0, 2));
    await send(buffer, INTERVALS.slice(2, 3), 'rejected');
    const all = { olderThan: LATER - HOUR_MS, now: LATER, entriesMax: 1_000 };
    expect((await buffer.trim('delivery', all)).records).toBe(0);
    expect((await buffer.trim('intervals', all)).records).toBe(2);
    expect((await buffer.intervals(POINT, 'volume', DAY)).map(({ start }) => start)).toEqual(HOURS.slice(2));
    await buffer.trim('delivery', all);
    expect(await buffer.messagesOf('gas', '2026-03-28')).toHaveLength(1);
    expect(await counts(buffer)).toMatchObject({ rejected: 1, pending: 1, lost: 0 });
    expect((await buffer.verify()).clean).toBe(true);
  });

  it.each([undefined, 4_711])('counts the age of a message by its id, of a site with number %s', async (siteNumber) => {
    const store = memoryStore();
    const buffer = await openBuffer(store, { clock: standingClock(DAY_START), siteNumber });
    await buffer.keepIntervals(INTERVALS);
    await send(buffer);
    const old = { olderThan: DAY_START - HOUR_MS, now: DAY_START, entriesMax: 1_000 };
    expect(await buffer.trim('delivery', old)).toEqual({ entries: 0, records: 0 });
    await buffer.trim('intervals', { ...old, olderThan: LATER, now: LATER });
    expect((await buffer.trim('delivery', { ...old, olderThan: LATER, now: LATER })).records).toBeGreaterThan(4);
    expect((await buffer.verify()).clean).toBe(true);
  });

  it('gives up what was moved aside at the age of the record', async () => {
    const store = memoryStore();
    const { buffer } = await open(store);
    await fill(buffer);
    const damaged = [...store.rows.keys()].filter((key) => /^[ri]\//.test(key) && !key.includes('sampled')).slice(0, 3);
    for (const key of damaged) store.rows.get(key)![45]! ^= 1;
    await buffer.quarantine(await scrubAll(buffer));
    const aside = () => [...store.rows.keys()].filter((key) => key.startsWith('q/')).length;
    expect(aside()).toBe(damaged.length);
    const rule = { olderThan: DAY_START, now: DAY_START, entriesMax: 1_000 };
    for (const stream of ['samples', 'readings', 'intervals', 'delivery'] as const) await buffer.trim(stream, rule);
    expect(aside()).toBe(damaged.length);
    const later = { ...rule, olderThan: LATER, now: LATER };
    await buffer.trim('samples', later);
    expect(aside()).toBe(damaged.length);
    for (const stream of ['readings', 'intervals'] as const) await buffer.trim(stream, later);
    expect(aside()).toBe(0);
  });

  it('is not held up by a record that a wrong clock stamped', async () => {
    const { buffer } = await open(memoryStore());
    await buffer.keepRound([aReading({ at: LATER * 2, source: 'sampled' })]);
    await fill(buffer);
    await buffer.trim('samples', rule);
    expect(await buffer.readings('boiler-house', 'volume.base', { start: LATER * 2, end: LATER * 2 + 1 })).toHaveLength(
      1,
    );
    expect((await buffer.verify()).clean).toBe(true);
  });

  it('that fails at any batch leaves a whole store', async () => {
    for (let after = 0; after < 3; after++) {
      const store = memoryStore();
      const { buffer } = await open(store);
      await fill(buffer);
      store.batchesLeft = after;
      await buffer.trim('samples', rule).catch(() => undefined);
      store.batchesLeft = Number.POSITIVE_INFINITY;
      const again = await open(store);
      expect((await again.buffer.verify()).clean).toBe(true);
    }
  });
});

describe('scrub and quarantine', () => {
  it('find a whole record that is not the one its entry names', async () => {
    const store = memoryStore();
    await fill((await open(store)).buffer);
    const key = [...store.rows.keys()].find((name) => name.startsWith('i/'))!;
    const row = openRow(key, store.rows.get(key)!);
    if (isDamage(row)) throw new Error(row.detail);
    store.rows.set(key, sealRow(key, row.sequence, { ...Object(row.payload), value: '1.000' }));
    const { buffer } = await open(store);
    const found = await buffer.quarantine(await scrubAll(buffer));
    expect(found).toEqual([expect.objectContaining({ key, detail: expect.stringContaining('it is another record') })]);
    expect((await buffer.intervals(POINT, 'volume', DAY)).map(({ start }) => start)).toEqual(HOURS.slice(1));
    expect(await scrubAll(buffer)).toEqual([]);
  });

  it('find every damaged and every missing row, move what is left of it aside, and reads are quiet afterwards', async () => {
    const whole = memoryStore();
    await fill((await open(whole)).buffer);
    await send((await open(whole)).buffer, INTERVALS, 'none');
    for (const key of whole.rows.keys())
      for (const how of ['flipped', 'gone'] as const) {
        if (key === 'v/heads' || (how === 'gone' && /^[wc]\//.test(key))) continue;
        const rows = new Map([...whole.rows].map(([name, bytes]) => [name, bytes.slice()]));
        if (how === 'gone') rows.delete(key);
        else rows.get(key)![16]! ^= 4;
        const store = memoryStore(rows);
        const { buffer, damages } = await open(store);
        const found = await buffer.quarantine(await scrubAll(buffer));
        expect(
          found.map((damage) => damage.key),
          key,
        ).toEqual([key]);
        expect(store.rows.has(`q/${key}`)).toBe(how === 'flipped');
        const report = await buffer.verify();
        expect(report, `${key} ${how} ${JSON.stringify(report)}`).toMatchObject({
          damaged: [],
          lost: [],
          holes: [],
          stray: [],
        });
        damages.length = 0;
        await buffer.readings('boiler-house', 'volume.base', DAY);
        await buffer.intervals(POINT, 'volume', DAY);
        await queuedIn(buffer);
        expect(damages).toEqual([]);
        expect(await scrubAll(buffer)).toEqual([]);
      }
  });

  it('a reading told again takes its place beside the mark; a lost interval that was told keeps its version', async () => {
    const store = memoryStore();
    const { buffer } = await open(store);
    await fill(buffer);
    await send(buffer);
    const interval = [...store.rows.keys()].find((key) => key.startsWith('i/'))!;
    const reading = [...store.rows.keys()].find((key) => key.startsWith('r/') && key.includes('/stored/'))!;
    store.rows.delete(interval);
    store.rows.get(reading)![20]! ^= 4;
    await buffer.quarantine(await scrubAll(buffer));
    expect(await counts(buffer)).toMatchObject({ accepted: 3, lost: 1 });
    expect((await buffer.keepRound([aReading()])).written).toBe(1);
    const other = anInterval({ value: { coefficient: 1n, exponent: 0 } });
    expect((await buffer.keepIntervals([other]))[0]?.version).toBe(2);
    const [again] = await buffer.keepIntervals([{ ...INTERVALS[0]!, madeAt: LATER }]);
    expect(again?.version).toBe(1);
    expect((await buffer.verify()).clean).toBe(true);
  });

  it('an interval of which nothing is left but that it was told takes its version only when it says the same', async () => {
    const store = memoryStore();
    const { buffer } = await open(store);
    await fill(buffer);
    await send(buffer);
    for (const key of [...store.rows.keys()]) if (key.startsWith('i/')) store.rows.delete(key);
    const different = anInterval({ start: HOURS[1]!, value: { coefficient: 5n, exponent: 0 } });
    const kept = await buffer.keepIntervals([INTERVALS[0]!, different]);
    expect(kept.map(({ version }) => version)).toEqual([1, 2]);
    expect(await counts(buffer)).toMatchObject({ accepted: 1, pending: 1 });
  });

  it('an interval whose newer version was told and is gone takes its number when it says the same, else the next', async () => {
    for (const [value, version, state] of [
      [9n, 2, { accepted: 1 }],
      [5n, 3, { pending: 1 }],
    ] as const) {
      const store = memoryStore();
      const { buffer } = await open(store);
      const first = anInterval({ start: HOURS[0]! });
      const newer = { ...first, version: 2, value: { coefficient: 9n, exponent: 0 } };
      await buffer.keepIntervals([first]);
      await buffer.keepIntervals([newer]);
      await send(buffer, [newer]);
      for (const key of [...store.rows.keys()]) if (key.startsWith('i/')) store.rows.delete(key);
      const [kept] = await buffer.keepIntervals([{ ...first, value: { coefficient: value, exponent: 0 } }]);
      expect(kept?.version).toBe(version);
      expect(await counts(buffer)).toMatchObject({ lost: 0, ...state });
    }
  });

  it('readings named again come to their follower again', async () => {
    const { buffer } = await open(memoryStore());
    await fill(buffer);
    const before = (await buffer.changes('readings', 0, 100)).length;
    expect(await buffer.nameReadingsAgain('boiler-house', { start: HOURS[0]!, end: HOURS[2]! })).toBe(6);
    const [change] = await buffer.changes('readings', before, 100);
    expect(change?.items.map(({ at }) => at)).toEqual(HOURS.slice(0, 2));
    expect((await buffer.verify()).clean).toBe(true);
  });
});

describe('a batch that failed and is on the disk all the same', () => {
  it('is told to the second copy, so that what its message told is not sent again when the store is lost', async () => {
    const store = memoryStore();
    const log = memoryLog();
    const { buffer } = await open(store, log);
    await fill(buffer);
    Object.assign(store, { batchesLeft: 0, keepsFailing: true });
    await expect(buffer.queueMessage((id) => aMessage(id, INTERVALS))).rejects.toThrow('to fail');
    store.batchesLeft = Number.POSITIVE_INFINITY;
    // The outbox has it, and the sender takes it from there.
    const [waiting] = await queuedIn(buffer);
    const { id } = waiting!.message;
    const number = await buffer.outbox.beginAttempt(id, DAY_START);
    await buffer.outbox.endAttempt(anAttempt(id, number, 'answered'), aReceipt(id, 'accepted'));
    const next = await open(memoryStore(), log);
    await next.buffer.restoreVital();
    expect(await next.buffer.message(id)).toEqual(waiting!.message);
    await next.buffer.keepIntervals(INTERVALS);
    expect(await counts(next.buffer)).toMatchObject({ accepted: 4 });
    await expect(next.buffer.queueMessage((own) => aMessage(own, INTERVALS))).rejects.toMatchObject({
      failure: { code: 'already-queued' },
    });
    await next.buffer.keepIntervals([anInterval({ start: LATER })]);
    const other = await next.buffer.queueMessage((own) => aMessage(own, [anInterval({ start: LATER })]));
    expect(Number(other.id)).toBeGreaterThan(Number(id));
  });

  it('is not told to the second copy when the disk has nothing of it', async () => {
    const store = memoryStore();
    const log = memoryLog();
    const { buffer } = await open(store, log);
    await fill(buffer);
    store.batchesLeft = 0;
    await expect(buffer.queueMessage((id) => aMessage(id, INTERVALS))).rejects.toThrow('to fail');
    store.batchesLeft = Number.POSITIVE_INFINITY;
    const id = await send(buffer);
    const next = await open(memoryStore(), log);
    await next.buffer.restoreVital();
    expect(await next.buffer.messagesOf('gas', '2026-03-28')).toEqual([id]);
  });

  it('is rung for as soon as the disk was asked', async () => {
    const store = memoryStore();
    const { buffer } = await open(store);
    const rung: string[] = [];
    buffer.onChange((streams) => rung.push([...streams].join()));
    Object.assign(store, { batchesLeft: 0, keepsFailing: true });
    await expect(buffer.keepIntervals(INTERVALS)).rejects.toThrow('to fail');
    store.batchesLeft = 9;
    await buffer.keepIntervals(INTERVALS);
    expect(rung).toEqual(['intervals']);
  });
});

describe('the second copy', () => {
  const vitalFull = (log: AppendLog): AppendLog => ({
    ...log,
    append: () => Promise.reject(new OdecetError('store-full', 'no room')),
  });

  it('gives a lost store its messages back: nothing accepted is sent again, what was under way goes under its id', async () => {
    const log = memoryLog();
    const { buffer } = await open(memoryStore(), log);
    await fill(buffer);
    const accepted = await send(buffer, INTERVALS.slice(0, 2));
    const open2 = await send(buffer, INTERVALS.slice(2, 3), 'none');
    const sent = await buffer.message(open2);

    const next = await open(memoryStore(), log);
    expect(next.buffer.behind).toMatchObject({ intervals: 1, delivery: 5 });
    expect(await next.buffer.restoreVital()).toMatchObject({ messages: 2 });
    await next.buffer.keepIntervals(INTERVALS);
    expect(await counts(next.buffer)).toMatchObject({ accepted: 2, pending: 2, lost: 0, doubled: 0 });
    const [waiting] = await queuedIn(next.buffer);
    expect(waiting).toMatchObject({ state: 'sent', attempts: 1 });
    expect(waiting?.message).toEqual(sent);
    for (const interval of INTERVALS.slice(0, 3))
      await expect(next.buffer.queueMessage((id) => aMessage(id, [interval]))).rejects.toMatchObject({
        failure: { code: 'already-queued' },
      });
    const { id } = await next.buffer.queueMessage((own) => aMessage(own, [INTERVALS[3]!]));
    expect(Number(id)).toBeGreaterThan(Number(open2));
    expect(Number(id)).toBeGreaterThan(Number(accepted));
    expect((await next.buffer.verify()).clean).toBe(true);
    expect((await open(memoryStore(), log)).buffer.behind).toMatchObject({ delivery: 11 });
  });

  it('knows the last numbers of rounds once a minute and at a clean end, so that a lost end is named and its numbers stay used', async () => {
    const log = memoryLog();
    const clock = standingClock();
    const store = memoryStore();
    const buffer = await openBuffer(store, { clock, vital: log });
    const round = (n: number) => buffer.keepRound([aReading({ at: DAY_START + n * HOUR_MS })]);
    for (let n = 1; n <= 10; n++) await round(n);
    expect(log.kept).toHaveLength(1);
    clock.at += MINUTE_MS;
    const old = new Map(store.rows);
    await round(11);
    await round(12);
    expect(log.kept).toHaveLength(2);
    await buffer.tellHeads();
    await buffer.tellHeads();
    expect(log.kept).toHaveLength(3);
    expect((await buffer.size()).written).toBe(log.kept.join('').length);

    const named: string[] = [];
    const onDamage = ({ key, detail }: Damage) => void named.push(`${key} ${detail}`);
    const next = await openBuffer(memoryStore(old), { clock, vital: log, onDamage });
    expect(named).toEqual(['j/readings/ entries 11 to 12 are gone']);
    expect(next.behind).toEqual({ readings: 2 });
    expect((await next.verify()).holes.map(({ sequence }) => sequence)).toEqual([11, 12]);
    await next.keepRound([aReading({ at: LATER })]);
    expect((await next.changes('readings', 12, 9)).map(({ sequence }) => sequence)).toEqual([13]);
  });

  it('is told the last numbers once, however many rounds went on while it could not be written', async () => {
    const log = memoryLog();
    const clock = standingClock();
    const buffer = await openBuffer(memoryStore(), { clock, vital: log });
    const { append } = log;
    log.append = async () => Promise.reject(new OdecetError('store-io', 'the copy cannot be written'));
    for (let n = 1; n <= 9; n++) {
      clock.at += MINUTE_MS;
      await expect(buffer.keepRound([aReading({ at: clock.at })])).rejects.toThrow('the copy');
    }
    await expect(buffer.keepIntervals([anInterval()])).rejects.toThrow('the copy');
    log.append = append;
    await send(buffer, [anInterval()]);
    await buffer.tellHeads();
    expect(log.kept[0]).toContain('"readings":9,"samples":0,"intervals":1,"delivery":1');
    const next = await openBuffer(memoryStore(), { clock, vital: log });
    expect(next.behind).toMatchObject({ readings: 9, intervals: 1 });
  });

  it('that cannot be written keeps nobody asleep: what is on the disk is rung for, and not again when it is said again', async () => {
    const log = memoryLog();
    const { buffer } = await open(memoryStore(), log);
    const rung: string[] = [];
    buffer.onChange((streams) => rung.push([...streams].join()));
    const { append } = log;
    log.append = vitalFull(log).append;
    await expect(buffer.keepIntervals(INTERVALS)).rejects.toThrow('no room');
    expect(rung).toEqual(['intervals']);
    log.append = append;
    await buffer.keepIntervals(INTERVALS);
    expect(rung).toEqual(['intervals']);
    expect(await buffer.intervals(POINT, 'volume', DAY)).toHaveLength(INTERVALS.length);
  });

  it('keeps its numbers used, also where the first batch fails', async () => {
    const log = memoryLog();
    await fill((await open(memoryStore(), log)).buffer);
    const store = memoryStore();
    const { buffer } = await open(store, log);
    const numbered = buffer.entries('intervals');
    store.batchesLeft = 0;
    await expect(buffer.keepIntervals(INTERVALS)).rejects.toThrow('to fail');
    store.batchesLeft = 9;
    await buffer.keepIntervals(INTERVALS);
    expect((await buffer.changes('intervals', 0, 9)).map(({ sequence }) => sequence)).toEqual([2]);
    expect(buffer.entries('intervals')).toBe(numbered + 1);
  });

  it('that is lost, cut short or damaged is told at the start, and whole again when it is written anew', async () => {
    const log = memoryLog();
    const store = memoryStore();
    const first = await open(store, log);
    await fill(first.buffer);
    await send(first.buffer);
    await first.buffer.tellHeads();
    expect((await open(store, log)).buffer.copyDoubt).toBeUndefined();
    const whole = [...log.kept];
    const damages: readonly [RegExp, (lines: string[]) => string[]][] = [
      [/nothing/, () => []],
      [/ends early: intervals at 0 of 1, delivery at 0 of 3/, (lines) => lines.slice(0, 1)],
      [/1 lines of it are damaged/, (lines) => lines.with(1, 'torn')],
    ];
    for (const [said, damage] of damages) {
      log.kept = damage(whole);
      const { buffer } = await open(store, log);
      expect(buffer.copyDoubt).toMatch(said);
      await buffer.compactVital(0);
      expect((await open(store, log)).buffer.copyDoubt).toBeUndefined();
    }
    log.kept = [...whole, 'torn by a power cut'];
    expect((await open(store, log)).buffer.copyDoubt).toBeUndefined();
  });

  it('knows the same after it was written anew, though without the text of what is final', async () => {
    const log = memoryLog();
    const { buffer } = await open(memoryStore(), log);
    await fill(buffer);
    await send(buffer, INTERVALS.slice(0, 2));
    await send(buffer, INTERVALS.slice(2, 3), 'none');
    const long = log.kept.join('').length;
    await buffer.compactVital(DAY_START - HOUR_MS);
    expect(log.kept.join('').length).toBeLessThan(long);
    const next = await open(memoryStore(), log);
    await next.buffer.restoreVital();
    await next.buffer.keepIntervals(INTERVALS);
    expect(await counts(next.buffer)).toMatchObject({ accepted: 2, pending: 2, doubled: 0 });
    expect((await queuedIn(next.buffer))[0]?.message.xml).not.toBe('');
    await buffer.compactVital(LATER);
    expect(log.kept.join('')).not.toContain(`"e/`.concat((await buffer.messagesOf('gas', '2026-03-28'))[0]!));
  });

  it('a line that is torn or flipped costs that line alone', async () => {
    const log = memoryLog();
    const { buffer } = await open(memoryStore(), log);
    await fill(buffer);
    const first = await send(buffer, INTERVALS.slice(0, 1));
    const second = await send(buffer, INTERVALS.slice(1, 2));
    const at = log.kept.findIndex((line) => line.includes(`"m/${first}"`));
    log.kept[at] = log.kept[at]!.replace('gasdat', 'gasdot');
    log.kept.push('3af');
    const next = await open(memoryStore(), log);
    await next.buffer.restoreVital();
    expect(await next.buffer.message(first)).toBeUndefined();
    expect(await next.buffer.messageState(second)).toBe('accepted');
  });

  it('that cannot be written fails the call, and is told before the next', async () => {
    const store = memoryStore();
    const log = memoryLog();
    const { buffer } = await open(store, log);
    await fill(buffer);
    const { append } = log;
    log.append = vitalFull(log).append;
    await expect(buffer.queueMessage((id) => aMessage(id, INTERVALS))).rejects.toMatchObject({
      failure: { code: 'store-full' },
    });
    log.append = append;
    await buffer.keepRound([aReading({ at: LATER })]);
    const next = await open(memoryStore(), log);
    await next.buffer.restoreVital();
    expect(await next.buffer.messagesOf('gas', '2026-03-28')).toHaveLength(1);
  });

  it('a damaged step of a message is put back from it', async () => {
    const store = memoryStore();
    const log = memoryLog();
    const { buffer } = await open(store, log);
    await fill(buffer);
    const id = await send(buffer);
    for (const key of store.rows.keys()) if (key.startsWith(`e/${id}/`)) store.rows.get(key)![16]! ^= 4;
    expect(await buffer.messageState(id)).toBe('sent');
    await buffer.quarantine(await scrubAll(buffer));
    expect(await buffer.restoreVital()).toEqual({ messages: 1, records: 3 });
    expect(await buffer.messageState(id)).toBe('accepted');
    expect(await buffer.verify()).toMatchObject({ clean: true, quarantined: [] });
  });
});

function flipAt(store: MemoryStore, key: string): void {
  store.rows.get(key)![20]! ^= 1;
}

describe('an outbox that is whole', () => {
  it.each([
    [
      'the end of a journal is lost',
      (store: MemoryStore) => void store.rows.delete(journalKey('intervals', 1)),
      'j/intervals/',
    ],
    ['the vital record is damaged', (store: MemoryStore) => flipAt(store, HEADS_KEY), HEADS_KEY],
  ])('is not told as damaged where %s', async (_what, damage, told) => {
    const store = memoryStore();
    const first = await open(store);
    await fill(first.buffer);
    await first.buffer.queueMessage((id) => aMessage(id, INTERVALS));
    damage(store);
    const { buffer, damages } = await open(store);
    expect(damages).toContain(told);
    expect(damages).not.toContain('w/');
    expect(await queuedIn(buffer)).toHaveLength(1);
  });
});

describe('records that are whole and whose journal entry is not', () => {
  const LOST = [journalKey('intervals', 1), journalKey('readings', 2), journalKey('samples', 3)] as const;

  async function orphaned() {
    const store = memoryStore();
    const first = await open(store);
    await fill(first.buffer);
    await send(first.buffer);
    store.rows.get(LOST[1])![20]! ^= 1;
    store.rows.delete(LOST[2]);
    store.rows.get(LOST[0])![20]! ^= 1;
    const { buffer } = await open(store);
    await buffer.setCursor('profiler', 4);
    return { store, buffer };
  }

  it('are named again, so that the stages see them, before the entry is marked', async () => {
    const { store, buffer } = await orphaned();
    const heads = { readings: buffer.entries('readings'), samples: buffer.entries('samples') };
    store.batchesLeft = 1;
    await expect(buffer.quarantine(await scrubAll(buffer))).rejects.toMatchObject({ failure: { code: 'store-io' } });
    store.batchesLeft = Number.POSITIVE_INFINITY;
    const again = (await open(store)).buffer;
    // Cut off between the two, the next look finds the entries as they were.
    const found = await again.quarantine(await scrubAll(again));
    expect(found.map(({ key }) => key).sort()).toEqual(LOST);
    const named = async (stream: 'readings' | 'samples', after: number) =>
      (await again.changes(stream, after, 10)).flatMap(({ items }) => items.map(({ at }) => at));
    expect(new Set(await named('readings', heads.readings))).toEqual(new Set([HOURS[1]]));
    expect(new Set(await named('samples', heads.samples))).toEqual(new Set([HOURS[1]! + 60_000]));
    expect((await again.changes('intervals', 1, 10))[0]?.items).toHaveLength(4);
    expect((await again.verify()).clean).toBe(true);
  });

  it('are named once more when the entry that named them again is lost too', async () => {
    const { store, buffer } = await orphaned();
    await buffer.quarantine(await scrubAll(buffer));
    const last = { readings: buffer.entries('readings'), samples: buffer.entries('samples') };
    for (const stream of ['readings', 'samples'] as const) store.rows.delete(journalKey(stream, last[stream]));
    await buffer.quarantine(await scrubAll(buffer));
    for (const [stream, at] of [
      ['readings', HOURS[1]!],
      ['samples', HOURS[1]! + 60_000],
    ] as const)
      expect((await buffer.changes(stream, last[stream], 10)).flatMap(({ items }) => items)).toMatchObject([{ at }]);
    expect((await buffer.verify()).clean).toBe(true);
  });

  it('are given up at their age, as all others', async () => {
    const { buffer } = await orphaned();
    await buffer.quarantine(await scrubAll(buffer));
    for (const stream of ['samples', 'readings', 'intervals', 'delivery'] as const)
      await buffer.trim(stream, { olderThan: LATER, now: LATER, entriesMax: 1_000 });
    expect(await buffer.readings('boiler-house', 'volume.base', DAY)).toEqual([]);
    expect(await buffer.intervals(POINT, 'volume', DAY)).toEqual([]);
  });
});
