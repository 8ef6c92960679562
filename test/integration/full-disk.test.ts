import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
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
  POINT,
  standingClock,
} from '../../src/buffer/buffer.testkit.ts';
import { type Buffer, openBuffer } from '../../src/buffer/index.ts';
import type { MessageId } from '../../src/core/message.ts';
import { HOUR_MS } from '../../src/core/time.ts';
import { hostAppendLog } from '../../src/host/append-log.ts';
import { openLevelStore } from '../../src/host/store-level.ts';

/**
 * A disk that is full at any write: on a small one of its own, the real LevelDB and the second copy are given one page more at
 * each run, so that every write of the same stretch is once the first that does not fit.
 */
const PAGE = 4096;
/** LevelDB puts what it has in memory into a table at two megabytes: the stretch begins a little before. */
const BEFORE_BYTES = 2_000_000;
/** As it is compressed, it would take no room if it were the same byte again and again. */
const BEFORE_ROUND = randomBytes(60_000).toString('hex');
const HOURS = 12;
/** Every page of what the log takes, then in larger steps what the table takes. */
const PAGES_FREE = [...Array.from({ length: 64 }, (_, n) => n), ...Array.from({ length: 16 }, (_, n) => 64 + 40 * n)];

const disk = mkdtempSync(join(tmpdir(), 'odecet-full-'));
const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk]).status === 0;
const filler = join(disk, 'filler');

afterAll(() => {
  if (isMounted) spawnSync('umount', ['--lazy', disk]);
  rmSync(disk, { recursive: true, force: true });
});

/** What was acknowledged: each says whether it is still there. */
type Promised = (buffer: Buffer) => Promise<boolean>;
/** One write, and what its caller may rely on from then on. To be called again when it was refused. */
type Write = (buffer: Buffer) => Promise<Promised>;

function stretch(): Write[] {
  const hours = Array.from({ length: HOURS }, (_, hour) => DAY_START + hour * HOUR_MS);
  const intervals = hours.map((start) => anInterval({ start }));
  let id: MessageId = '';
  const stands = (state: string): Promised => {
    const message = id;
    return async (buffer) => (await buffer.messageState(message)) === state;
  };
  const rounds = hours.flatMap((at, n): Write[] => [
    async (buffer) => {
      await buffer.keepRound([aReading({ at, raw: 'ab'.repeat(4_000) })]);
      return async (later) =>
        (await later.readings('boiler-house', 'volume.base', { start: at, end: at + 1 })).length === 1;
    },
    async (buffer) => {
      await buffer.keepIntervals([intervals[n]!]);
      return async (later) => (await later.intervalVersions(POINT, 'volume', at)).length === 1;
    },
    async (buffer) => {
      await buffer.setCursor('profiler', n + 1);
      return async (later) => (await later.cursor('profiler')) >= n + 1;
    },
  ]);
  const delivery: Write[] = [
    async (buffer) => {
      const [known] = await buffer.messagesOf('gas', '2026-03-28');
      const message = known ?? (await buffer.queueMessage((own) => aMessage(own, intervals))).id;
      id = message;
      return async (later) => (await later.message(message)) !== undefined;
    },
    async (buffer) => {
      // A refused call may have been written all the same; what was sent is not sent a second time as another attempt.
      if ((await buffer.messageState(id)) === 'prepared') await buffer.outbox.beginAttempt(id, DAY_START);
      const sent = stands('sent');
      const accepted = stands('accepted');
      return async (later) => (await sent(later)) || accepted(later);
    },
    async (buffer) => {
      if ((await buffer.messageState(id)) === 'sent')
        await buffer.outbox.endAttempt(anAttempt(id, 1, 'answered'), aReceipt(id, 'accepted'));
      return stands('accepted');
    },
  ];
  return [...rounds, ...delivery];
}

interface Opened {
  readonly buffer: Buffer;
  close(): Promise<void>;
}

async function openIn(folder: string, create = false): Promise<Opened> {
  const store = await openLevelStore({ folder: join(folder, 'store'), create });
  const vital = hostAppendLog(join(folder, 'vital.log'));
  const buffer = await openBuffer(store, { clock: standingClock(), vital });
  return {
    buffer,
    async close() {
      await store.close();
      await vital.close();
    },
  };
}

function leaveFree(pages: number): void {
  const { bavail, bsize } = statfsSync(disk);
  appendFileSync(filler, new Uint8Array(bavail * bsize - pages * PAGE));
}

/** A start on the full disk may fail, and says then why. */
async function stopOn(opened: Opened, folder: string): Promise<void> {
  await opened.close();
  await openIn(folder).then(
    (again) => again.close(),
    (error: unknown) => expect(error).toMatchObject({ failure: { code: 'store-full' } }),
  );
}

async function lost(buffer: Buffer, promised: readonly Promised[]): Promise<number[]> {
  const kept = await Promise.all(promised.map((one) => one(buffer)));
  return kept.flatMap((isKept, n) => (isKept ? [] : [n]));
}

/**
 * The stretch on a disk with so much room. Where a write is refused, nothing acknowledged may be missing; then there is room, and
 * the same process goes on, or the next one. Gives whether anything was refused.
 */
async function run(pages: number, then: 'goes on' | 'starts again'): Promise<boolean> {
  const folder = join(disk, 'run');
  let opened = await openIn(folder, true);
  for (let n = 1; (await opened.buffer.size()).written < BEFORE_BYTES; n++)
    await opened.buffer.keepRound([aReading({ at: DAY_START - n * HOUR_MS, raw: BEFORE_ROUND })]);
  const promised: Promised[] = [];
  let refused = 0;
  leaveFree(pages);
  for (const write of stretch()) {
    try {
      promised.push(await write(opened.buffer));
    } catch (error) {
      refused++;
      expect(error).toMatchObject({ failure: { code: 'store-full' } });
      expect(await lost(opened.buffer, promised)).toEqual([]);
      if (then === 'starts again') await stopOn(opened, folder);
      rmSync(filler);
      if (then === 'starts again') opened = await openIn(folder);
      expect(await lost(opened.buffer, promised)).toEqual([]);
      promised.push(await write(opened.buffer));
    }
  }
  await opened.close();
  rmSync(filler, { force: true });
  opened = await openIn(folder);
  expect(await lost(opened.buffer, promised)).toEqual([]);
  expect(await opened.buffer.messagesOf('gas', '2026-03-28')).toHaveLength(1);
  const report = await opened.buffer.verify();
  expect(report, JSON.stringify(report).slice(0, 300)).toMatchObject({ clean: true });
  await opened.close();
  rmSync(folder, { recursive: true });
  return refused > 0;
}

describe.skipIf(!isMounted)('a disk with one page more at each run (needs the right to mount one)', () => {
  it.each(['goes on', 'starts again'] as const)(
    'loses nothing acknowledged at any write, and %s when there is room',
    async (then) => {
      const refused = [];
      for (const pages of PAGES_FREE) refused.push(await run(pages, then));
      // Also where the log has room and the table has none; in the end all fits.
      expect(refused.slice(0, 64).filter(Boolean).length).toBeGreaterThan(30);
      expect(refused.lastIndexOf(true)).toBeGreaterThan(64);
      expect(refused.at(-1)).toBe(false);
    },
    60_000,
  );
});
