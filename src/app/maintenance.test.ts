import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
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
  standingClock,
} from '../buffer/buffer.testkit.ts';
import { type Buffer, openBuffer } from '../buffer/index.ts';
import { HOUR_MS, isoUtc, MINUTE_MS } from '../core/time.ts';
import { storageSchema } from '../device/storage.ts';
import { hostAppendLog } from '../host/append-log.ts';
import { hostClock } from '../host/clock.ts';
import { openLevelStore } from '../host/store-level.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Log } from '../machine/log.ts';
import { simFolder } from '../sim/folder.ts';
import { createMaintenance, type StorageStatus, type WrittenBefore } from './maintenance.ts';
import { trimToFit } from './retention.ts';
import { readWritten, STATUS_FILE } from './status.ts';

const DAY_MS = 24 * HOUR_MS;

function listening(): Log & { events: string[] } {
  const events: string[] = [];
  const hear = (event: string) => void events.push(event);
  const log: Log & { events: string[] } = {
    events,
    debug: hear,
    info: hear,
    warn: hear,
    error: hear,
    child: () => log,
  };
  return log;
}

async function site(
  store: MemoryStore,
  days: number,
  maxBytes = 20_000_000,
  writtenBefore?: WrittenBefore,
  vital?: AppendLog,
) {
  const wall = standingClock(DAY_START + days * DAY_MS);
  const buffer = await openBuffer(store, { clock: wall, ...(vital && { vital }) });
  const log = listening();
  const storage = { ...storageSchema.parse(undefined), maxBytes };
  const clock = { ...hostClock(), now: () => wall.now() };
  await buffer.setCursor('profiler/samples', Number.MAX_SAFE_INTEGER);
  await buffer.setCursor('profiler', Number.MAX_SAFE_INTEGER);
  const parts = { storage, points: [], buffer, clock, log, ...(writtenBefore && { writtenBefore }) };
  return { buffer, log, wall, maintenance: createMaintenance(parts) };
}

async function sample(buffer: Buffer, days: number): Promise<void> {
  for (let at = DAY_START; at < DAY_START + days * DAY_MS; at += HOUR_MS)
    await buffer.keepRound([aReading({ at }), aReading({ at: at + MINUTE_MS, source: 'sampled' })]);
}

const SPAN = { start: DAY_START, end: DAY_START + 1_000 * DAY_MS };

describe('maintenance', () => {
  it('gives up samples after a week and nothing else', async () => {
    const { buffer, log, maintenance } = await site(memoryStore(), 20);
    await sample(buffer, 20);
    await buffer.keepIntervals([anInterval()]);
    await maintenance.look();
    const left = await buffer.readings('boiler-house', 'volume.base', SPAN);
    expect(left.filter(({ source }) => source === 'stored')).toHaveLength(20 * 24);
    const samples = left.filter(({ source }) => source === 'sampled');
    expect(samples.length).toBeGreaterThanOrEqual(7 * 24);
    expect(samples.length).toBeLessThanOrEqual(8 * 24);
    expect(log.events).toEqual(['retention-done']);
    expect((await buffer.verify()).clean).toBe(true);
  });

  it('gives up nothing for a clock that jumped ahead, and tells it once', async () => {
    const { buffer, log, wall, maintenance } = await site(memoryStore(), 3);
    await sample(buffer, 3);
    const before = await buffer.readings('boiler-house', 'volume.base', SPAN);
    await maintenance.look();
    wall.at += 5 * 365 * DAY_MS;
    for (let looks = 0; looks < 2; looks++) await maintenance.look();
    expect(log.events.filter((event) => event.startsWith('retention'))).toEqual(['retention-doubts-clock']);
    expect(await buffer.readings('boiler-house', 'volume.base', SPAN)).toEqual(before);
  });

  it('tells each limit once, and when full the oldest samples go first; what is not accepted stays', async () => {
    const store = memoryStore();
    const { buffer } = await site(store, 3);
    await buffer.keepIntervals([anInterval()]);
    await sample(buffer, 3);
    const size = await store.size();
    for (const [percent, told] of [
      [72, 1],
      [88, 1],
    ] as const) {
      const { log, maintenance } = await site(store, 3, Math.round((100 * size) / percent));
      await maintenance.look();
      await maintenance.look();
      expect(log.events.filter((event) => event === 'storage-filling')).toHaveLength(told);
      expect((await maintenance.status()).alertPercent).toBe(percent === 72 ? 70 : 85);
    }
    const { log, maintenance } = await site(store, 3, Math.round((100 * size) / 97));
    await maintenance.look();
    expect(log.events).toContain('storage-trimmed');
    const left = await buffer.readings('boiler-house', 'volume.base', SPAN);
    const samples = left.filter(({ source }) => source === 'sampled');
    expect(samples.length).toBeLessThan(72);
    expect(samples.at(-1)?.at).toBe(DAY_START + 3 * DAY_MS - HOUR_MS + MINUTE_MS);
    expect(left.filter(({ source }) => source === 'stored')).toHaveLength(72);
    expect(await buffer.intervals(POINT, 'volume', SPAN)).toHaveLength(1);
    expect((await (await site(store, 3)).buffer.verify()).clean).toBe(true);
  });

  it('when that is not enough, accepted intervals beyond their retention go too, and never one that is not accepted', async () => {
    const store = memoryStore();
    const { buffer } = await site(store, 0);
    const [first, second] = [anInterval(), anInterval({ start: DAY_START + HOUR_MS })];
    await buffer.keepIntervals([first, second]);
    const { id } = await buffer.queueMessage((own) => aMessage(own, [first]));
    const number = await buffer.outbox.beginAttempt(id, DAY_START);
    await buffer.outbox.endAttempt(anAttempt(id, number, 'answered'), aReceipt(id, 'accepted'));
    for (const cursor of ['closer/intervals', 'closer/delivery'])
      await buffer.setCursor(cursor, Number.MAX_SAFE_INTEGER);
    const { buffer: later } = await site(store, 401);
    const storage = { ...storageSchema.parse(undefined), maxBytes: 100 };
    const now = DAY_START + 401 * DAY_MS;
    expect(await trimToFit({ storage, buffer: later, now: DAY_START + 399 * DAY_MS })).toEqual({});
    expect(await trimToFit({ storage, buffer: later, now })).toMatchObject({ intervals: 1 });
    expect((await later.intervals(POINT, 'volume', SPAN)).map(({ start }) => start)).toEqual([second.start]);
    expect((await later.verify()).clean).toBe(true);
  });

  it('when full comes to an end, also where what a wrong clock stamped is all that is left', async () => {
    const store = memoryStore();
    const { buffer } = await site(store, 1);
    const at = DAY_START + 500 * DAY_MS;
    for (const hour of [0, 1, 2]) await buffer.keepRound([aReading({ at: at + hour * HOUR_MS, source: 'sampled' })]);
    const storage = { ...storageSchema.parse(undefined), maxBytes: 100 };
    expect(await trimToFit({ storage, buffer, now: DAY_START + DAY_MS })).toEqual({});
    expect(await buffer.readings('boiler-house', 'volume.base', SPAN)).toHaveLength(3);
  });

  it('scrubs round after round and says what it found', async () => {
    const store = memoryStore();
    const { buffer, log, maintenance } = await site(store, 2);
    await sample(buffer, 1);
    const damaged = [...store.rows.keys()].find((key) => key.startsWith('r/'))!;
    store.rows.get(damaged)![30]! ^= 2;
    await maintenance.scrub(100_000);
    await maintenance.scrub(100_000);
    expect(await maintenance.status()).toMatchObject({ damaged: 1, scrub: { rounds: 2 } });
    expect(log.events.filter((event) => event === 'record-damaged')).toHaveLength(1);
  });
});

describe('the second copy', () => {
  it('is written anew when it has grown, not at every look because it needs so much; what that writes is counted', async () => {
    const vital = memoryLog();
    const { buffer, maintenance } = await site(memoryStore(), 1, 1e9, undefined, vital);
    const queue = (xml: string) => buffer.queueMessage((id) => aMessage(id, [], { xml }));
    for (let n = 0; n < 3; n++) await queue('x'.repeat(6_000_000));
    const needs = await vital.size();
    const written = async () => (await maintenance.status()).writtenToday;
    const before = await written();
    for (let n = 0; n < 3; n++) await maintenance.look();
    const after = await written();
    expect(after - before).toBeGreaterThan(0.99 * needs);
    expect(after - before).toBeLessThan(1.01 * needs);
    for (let n = 0; n < 3; n++) await queue('x'.repeat(6_000_000));
    const grown = await written();
    await maintenance.look();
    expect((await written()) - grown).toBeGreaterThan(1.99 * needs);
  });

  it('is not written anew because the gateway started', async () => {
    const vital = memoryLog();
    const store = memoryStore();
    const first = await site(store, 1, 1e9, undefined, vital);
    for (let n = 0; n < 3; n++)
      await first.buffer.queueMessage((id) => aMessage(id, [], { xml: 'x'.repeat(6_000_000) }));
    await first.maintenance.look();
    // What is to be remembered goes with the next batch.
    await first.buffer.keepRound([aReading({})]);
    const { maintenance } = await site(store, 1, 1e9, undefined, vital);
    const lines = [...vital.kept];
    await maintenance.look();
    expect(vital.kept).toEqual(lines);
  });
});

describe('what is counted as written', () => {
  const noon = DAY_START + 12 * HOUR_MS;
  /** What a gateway says that starts so many hours after one that wrote such a status file. */
  async function countedAfter(
    hours: number,
    text: string,
  ): Promise<Pick<StorageStatus, 'writtenToday' | 'writtenYesterday'>> {
    const folder = simFolder();
    await folder.write(STATUS_FILE, text);
    const { maintenance } = await site(memoryStore(), 0.5 + hours / 24, 20_000_000, await readWritten(folder));
    const { writtenToday, writtenYesterday } = await maintenance.status();
    return { writtenToday, ...(writtenYesterday !== undefined && { writtenYesterday }) };
  }
  const status = (storage: object) => JSON.stringify({ at: isoUtc(noon), storage });

  it('goes on over a restart, also over midnight', async () => {
    const written = status({ writtenToday: 700, writtenYesterday: 900 });
    expect(await countedAfter(0.1, written)).toEqual({ writtenToday: 700, writtenYesterday: 900 });
    expect(await countedAfter(12, written)).toEqual({ writtenToday: 0, writtenYesterday: 700 });
    expect(await countedAfter(48, written)).toEqual({ writtenToday: 0 });
    expect(await countedAfter(0.1, status({ writtenToday: 700 }))).toEqual({ writtenToday: 700 });
  });

  it.each([
    '',
    '{"at": 3}',
    status({}),
    status({ writtenToday: 'much' }),
    '{"at": "noon", "storage": {"writtenToday": 7}}',
  ])('begins anew where the status file says %j', async (text) => {
    expect(await countedAfter(0.1, text)).toEqual({ writtenToday: 0 });
  });
});

/** Writes until 50 rounds were refused, then makes room, and goes on for an hour of rounds. Gives what was acknowledged. */
async function writeThrough(buffer: Buffer, makeRoom: () => void): Promise<{ kept: number[]; refused: number[] }> {
  const kept: number[] = [];
  const refused: number[] = [];
  let left = 60;
  for (let at = DAY_START; left > 0; at += MINUTE_MS) {
    if (refused.length === 50) makeRoom();
    try {
      await buffer.keepRound([aReading({ at, raw: 'ab'.repeat(200) })]);
      await buffer.keepIntervals([anInterval({ start: at, end: at + HOUR_MS })]);
      kept.push(at);
    } catch (error) {
      expect(error).toMatchObject({ failure: { code: 'store-full' } });
      refused.push(at);
    }
    if (refused.length >= 50) left--;
  }
  return { kept, refused };
}

/** A small disk of its own, where this user may mount one. */
const root = mkdtempSync(join(tmpdir(), 'odecet-full-'));
const disk = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', root]).status === 0 ? root : undefined;
afterAll(() => {
  if (disk) spawnSync('umount', ['--lazy', disk]);
  rmSync(root, { recursive: true, force: true });
});

describe.skipIf(!disk)('a disk that fills up (needs the right to mount one)', () => {
  it('loses nothing that was acknowledged, and goes on by itself when there is room', async () => {
    const folder = join(disk ?? '', 'store');
    const filler = join(disk ?? '', 'filler');
    const vital = hostAppendLog(join(disk ?? '', 'vital.log'));
    const store = await openLevelStore({ folder, create: true });
    const buffer = await openBuffer(store, { clock: standingClock(), vital });
    writeFileSync(filler, new Uint8Array(14 * 1024 * 1024));
    const { kept, refused } = await writeThrough(buffer, () => rmSync(filler, { force: true }));
    expect(refused.length).toBeGreaterThanOrEqual(50);
    await store.close();
    const again = await openLevelStore({ folder });
    const next = await openBuffer(again, { clock: standingClock(), vital });
    const there = new Set((await next.readings('boiler-house', 'volume.base', SPAN)).map(({ at }) => at));
    expect(kept.filter((at) => !there.has(at))).toEqual([]);
    const report = await next.verify();
    expect(report, JSON.stringify(report).slice(0, 500)).toMatchObject({ clean: true });
    await again.close();
  });
});
