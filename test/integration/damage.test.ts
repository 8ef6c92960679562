import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMaintenance } from '../../src/app/maintenance.ts';
import { RUNNING_FILE } from '../../src/app/state.ts';
import {
  aMessage,
  anAttempt,
  anInterval,
  aReading,
  aReceipt,
  DAY_START,
  POINT,
} from '../../src/buffer/buffer.testkit.ts';
import type { Buffer } from '../../src/buffer/index.ts';
import { OdecetError } from '../../src/core/failure.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/core/time.ts';
import { storageSchema } from '../../src/device/storage.ts';
import type { Log } from '../../src/machine/log.ts';
import { type Files, flipBit, garble, lostStretch } from '../../src/sim/disk-faults.ts';
import { type Random, seededRandom } from '../../src/sim/random.ts';
import { quietLog } from '../../src/uplink/uplink.testkit.ts';
import { openedState, stateClock } from '../kit/opened-state.ts';
import { damageStore, logOf } from '../kit/store-files.ts';

/**
 * What LevelDB hides, the buffer must tell: the damages of a disk (the faults of src/sim/disk-faults.ts, to files of a real store), each done to a copy of a store of two meters that was closed three times,
 * which a gateway then opens as it does after a power cut. Printed as the table of docs/storage.md.
 */
/** A third of them is written before each restart. */
const PART = 24;
const QUARTERS = Array.from({ length: 3 * PART }, (_, n) => DAY_START + n * 15 * MINUTE_MS);
const SPAN = { start: DAY_START, end: DAY_START + 72 * HOUR_MS };
const SPANS = QUARTERS.map((start) => ({ start, end: start + 15 * MINUTE_MS }));
const INTERVALS = SPANS.map((span) => anInterval(span));
const DEVICES = ['boiler-house', 'mill'];
const BIT_FLIPS = 200;

let root: string;
let whole: string;
const table: string[] = [];

/** Keeps the warnings and errors. */
function logTo(told: string[]): Log {
  const keep = (event: string, fields: object = {}) => void told.push(`${event} ${JSON.stringify(fields)}`);
  const log: Log = { ...quietLog, warn: keep, error: keep, child: () => log };
  return log;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'odecet-damage-'));
  whole = join(root, 'whole');
  for (const begin of [0, PART, 2 * PART]) {
    // Each start puts what was in the log into a table file, so that there are tables and a log.
    const state = await openedState(whole);
    await fill(state.buffer, begin);
    await state.close();
  }
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
  process.stdout.write(
    `\n| damage | trials | noticed | wrong values served | missing | named | after the repair |\n${table.join('\n')}\n`,
  );
});

async function fill(buffer: Buffer, begin: number): Promise<void> {
  const quarters = QUARTERS.slice(begin, begin + PART);
  for (const at of quarters) await buffer.keepRound(DEVICES.map((device) => aReading({ device, at })));
  const intervals = INTERVALS.slice(begin, begin + PART);
  for (const interval of intervals) await buffer.keepIntervals([interval]);
  const { id } = await buffer.queueMessage((own) => aMessage(own, intervals));
  const number = await buffer.outbox.beginAttempt(id, DAY_START);
  if (begin < 2 * PART) await buffer.outbox.endAttempt(anAttempt(id, number, 'answered'), aReceipt(id, 'accepted'));
}

interface Found {
  readonly noticed: boolean;
  /** Rows of readings and intervals that are not there any more. */
  readonly missing: number;
  readonly named: boolean;
  readonly clean: boolean;
}

/** Opens a damaged copy as a gateway does, and holds what it serves against what was written. */
async function lookAt(folder: string): Promise<Found> {
  const state = await openedState(folder);
  try {
    const { buffer } = state;
    let { lastRepair } = state;
    // A flipped bit in an old table is not met at the start; the scrubber meets it in its round.
    const maintenance = createMaintenance({
      storage: storageSchema.parse(undefined),
      points: [],
      buffer,
      clock: stateClock,
      log: quietLog,
    });
    await maintenance.scrub(1_000_000);
    const { damaged } = await maintenance.status();
    const { missing, keys } = await served(buffer);
    const verification = await buffer.verify();
    const named = isNamed(keys, verification.quarantined);
    if (damaged > 0) lastRepair ??= 'scrub';
    const files = await readdir(join(folder, 'data'));
    const noticed = lastRepair !== undefined || files.some((name) => name.startsWith('repair-report'));
    await neverSentTwice(buffer);
    return { noticed, missing, named, clean: verification.clean };
  } finally {
    await state.close();
  }
}

/** A record that was lost together with its journal entry is named by the number of the entry, which may name several. */
function isNamed(keys: readonly string[], marks: readonly string[]): boolean {
  const marked = new Set(marks);
  const rest = (kind: string) => keys.filter((key) => key.startsWith(kind) && !marked.has(key)).length;
  const entries = (stream: string) => marks.filter((key) => key.startsWith(`j/${stream}/`)).length;
  return rest('r/') <= DEVICES.length * entries('readings') && rest('i/') <= entries('intervals');
}

async function served(buffer: Buffer): Promise<{ missing: number; keys: string[] }> {
  const keys: string[] = [];
  for (const device of DEVICES) {
    const there = new Set<number>();
    for (const reading of await buffer.readings(device, 'volume.base', SPAN)) {
      expect(reading).toEqual(aReading({ device, at: reading.at }));
      there.add(reading.at);
    }
    for (const at of QUARTERS) {
      const [day, time] = new Date(at).toISOString().split('T');
      if (!there.has(at)) keys.push(`r/${day}/${device}/stored/${time}`);
    }
  }
  const intervals = await buffer.intervals(POINT, 'volume', SPAN);
  for (const interval of intervals) expect(INTERVALS).toContainEqual(interval);
  const starts = new Set(intervals.map(({ start: at }) => at));
  for (const { start: at } of INTERVALS)
    if (!starts.has(at)) keys.push(`i/${POINT}/volume/${new Date(at).toISOString()}/000001`);
  return { missing: keys.length, keys };
}

/** Whatever is lost: nothing that was accepted or is under way can be queued under another id. */
async function neverSentTwice(buffer: Buffer): Promise<void> {
  for (const begin of [0, PART, 2 * PART]) {
    const day = INTERVALS.slice(begin, begin + PART);
    await expect(buffer.queueMessage((id) => aMessage(id, day))).rejects.toMatchObject({
      failure: { code: 'already-queued' },
    });
  }
  const waiting = await buffer.outbox.heads();
  expect(waiting.map(({ state }) => state)).toEqual(['sent']);
  const { counts } = await buffer.ledger([{ point: POINT, channel: 'volume', spans: SPANS }]);
  expect(counts.doubled).toBe(0);
}

type Damaging = (store: string) => Promise<void>;

async function trial(damaging: Damaging): Promise<Found> {
  const folder = join(root, 'copy');
  await rm(folder, { recursive: true, force: true });
  await cp(whole, folder, { recursive: true });
  // As after a power cut: the gateway did not end by itself.
  await writeFile(join(folder, 'data', RUNNING_FILE), '');
  await damaging(join(folder, 'data', 'store'));
  return lookAt(folder);
}

/** A fault of the disk, from a seed, to the files of the store. */
type Fault = (files: Files, random: Random) => void;
const toFiles =
  (fault: Fault, seed: string): Damaging =>
  (store) =>
    damageStore(store, (files) => fault(files, seededRandom(seed)));

const named = (files: Files, pattern: RegExp) => [...files.keys()].filter((name) => pattern.test(name));

function largestTable(files: Files): string {
  return named(files, /\.ldb$/).reduce((a, b) => (files.get(a)!.length >= files.get(b)!.length ? a : b));
}

const emptied =
  (pattern: RegExp): Fault =>
  (files) => {
    for (const file of named(files, pattern)) files.set(file, new Uint8Array());
  };
const removed =
  (pattern: RegExp): Fault =>
  (files) => {
    for (const file of named(files, pattern)) files.delete(file);
  };

const PAGE = 512;
function withoutPages(bytes: Uint8Array, random: Random): Uint8Array {
  const pages = Array.from({ length: Math.ceil(bytes.length / PAGE) }, (_, n) => n);
  const lost = new Set(lostStretch(pages, random));
  return bytes.map((byte, at) => (lost.has(Math.floor(at / PAGE)) ? 0 : byte));
}

const FAULTS: readonly (readonly [string, Fault])[] = [
  [
    'garbage in the middle of the log',
    (files, random) => {
      const bytes = files.get(logOf(files))!;
      const from = Math.floor(bytes.length / 2);
      files.set(logOf(files), garble(bytes, from, from + Math.floor(bytes.length / 8), random));
    },
  ],
  ['CURRENT empty', emptied(/^CURRENT$/)],
  ['CURRENT gone', removed(/^CURRENT$/)],
  ['MANIFEST empty', emptied(/^MANIFEST/)],
  ['MANIFEST gone', removed(/^MANIFEST/)],
  ['one table emptied', (files) => files.set(largestTable(files), new Uint8Array())],
  ['one table gone', (files) => files.delete(largestTable(files))],
  [
    'some pages of a table gone',
    (files, random) => files.set(largestTable(files), withoutPages(files.get(largestTable(files))!, random)),
  ],
  ['the log gone', removed(/\.log$/)],
];
const DAMAGES: readonly (readonly [string, Damaging])[] = [
  ...FAULTS.map(([name, fault]) => [name, toFiles(fault, name)] as const),
  ['the whole store gone', async (store) => rm(store, { recursive: true })],
];

describe('a damaged store', () => {
  it.each(DAMAGES)(
    '%s: noticed, nothing wrong served, what is missing named, nothing sent twice',
    async (name, damaging) => {
      const found = await trial(damaging);
      const { noticed, missing, clean } = found;
      // A store that is gone altogether has no keys to name: the second copy says up to which numbers everything is lost.
      const isGone = name === 'the whole store gone';
      table.push(
        `| ${name} | 1 | ${noticed ? 'yes' : 'NO'} | 0 | ${missing} | ${found.named || isGone ? 'yes' : 'NO'} | ${clean ? 'clean' : 'NOT clean'} |`,
      );
      expect(noticed).toBe(true);
      expect(found.named || isGone).toBe(true);
      expect(clean).toBe(true);
    },
  );

  it(`${BIT_FLIPS} single flipped bits: every one is noticed`, { timeout: 300_000 }, async () => {
    let noticed = 0;
    let most = 0;
    for (let n = 0; n < BIT_FLIPS; n++) {
      let place = '';
      const flip: Fault = (files, random) => {
        const names = named(files, /\.(ldb|log)$/);
        const file = names[n % names.length]!;
        const [before, flipped] = [files.get(file)!, flipBit(files.get(file)!, random)];
        place = `${file} byte ${before.findIndex((byte, at) => byte !== flipped[at])} of ${before.length}`;
        files.set(file, flipped);
      };
      const found = await trial(toFiles(flip, `flip ${n}`));
      expect(found.noticed, place).toBe(true);
      noticed++;
      expect(found.clean, `flip ${n}`).toBe(true);
      expect(found.named, `flip ${n}`).toBe(true);
      most = Math.max(most, found.missing);
    }
    table.push(
      `| one flipped bit in a table or the log | ${BIT_FLIPS} | ${noticed} | 0 | at most ${most} | yes | clean |`,
    );
  });

  it('without its second copy is told, and gets a new one at once', async () => {
    for (const damaging of [(file: string) => rm(file), (file: string) => truncate(file, 1_000)]) {
      const folder = join(root, 'copy');
      await rm(folder, { recursive: true, force: true });
      await cp(whole, folder, { recursive: true });
      const file = join(folder, 'data', 'vital.log');
      await damaging(file);
      const told: string[] = [];
      await (await openedState(folder, logTo(told))).close();
      expect(told.join()).toMatch(/second-copy-damaged.*second-copy-written-anew/);
      expect((await readFile(file, 'utf8')).split('"m/')).toHaveLength(4);
      const again: string[] = [];
      await (await openedState(folder, logTo(again))).close();
      expect(again).toEqual([]);
    }
  });

  it('a store that another has open is not repaired', async () => {
    const folder = join(root, 'taken');
    await cp(whole, folder, { recursive: true });
    const first = await openedState(folder);
    // A table that is being written looks damaged: the other start must not even look.
    await writeFile(join(folder, 'data', 'store', '999999.ldb'), 'not yet whole');
    await expect(openedState(folder)).rejects.toMatchObject({ failure: { code: 'store-locked' } });
    // LevelDB's own tidying may have been there first.
    await rm(join(folder, 'data', 'store', '999999.ldb'), { force: true });
    await first.close();
    expect((await readdir(join(folder, 'data'))).filter((name) => name.startsWith('store-damaged'))).toEqual([]);
  });

  it('a store without its second copy is never replaced by an empty one', async () => {
    const folder = join(root, 'both-gone');
    await cp(whole, folder, { recursive: true });
    await rm(join(folder, 'data', 'store'), { recursive: true });
    await rm(join(folder, 'data', 'vital.log'));
    await expect(openedState(folder)).rejects.toBeInstanceOf(OdecetError);
    await expect(openedState(folder)).rejects.toMatchObject({ failure: { code: 'store-missing' } });
  });
});

/** Nothing but acknowledged rounds in the log, and a clean end: what LevelDB passes over leaves no trace in the store itself. */
describe('an end of the log that vanished after a clean end', () => {
  const ROUNDS = 400;
  const DAY_OF = Array.from({ length: ROUNDS }, (_, n) => DAY_START + n * 15 * MINUTE_MS);
  const raw = 'ab'.repeat(60);
  let rounds: string;

  beforeAll(async () => {
    rounds = join(root, 'rounds');
    for (const begin of [0, ROUNDS / 2]) {
      const state = await openedState(rounds);
      for (const at of DAY_OF.slice(begin, begin + ROUNDS / 2)) await state.buffer.keepRound([aReading({ at, raw })]);
      await state.close();
    }
  });

  const cutTo: Fault = (files) => {
    const bytes = files.get(logOf(files))!;
    files.set(logOf(files), bytes.slice(0, Math.floor(0.6 * bytes.length)));
  };
  const garbleEnd: Fault = (files, random) => {
    const bytes = files.get(logOf(files))!;
    files.set(logOf(files), garble(bytes, Math.floor(0.6 * bytes.length), bytes.length, random));
  };
  it.each([
    ['cut to 60 %', cutTo],
    ['its end garbage', garbleEnd],
    ['gone', removed(/\.log$/)],
  ] as const)('%s: named from where to where, asked of the meters, no number used twice', async (name, fault) => {
    const folder = join(root, 'copy');
    await rm(folder, { recursive: true, force: true });
    await cp(rounds, folder, { recursive: true });
    await toFiles(fault, name)(join(folder, 'data', 'store'));
    const told: string[] = [];
    const state = await openedState(folder, logTo(told));
    try {
      const { buffer } = state;
      const there = await buffer.readings('boiler-house', 'volume.base', { start: DAY_START, end: DAY_OF.at(-1)! + 1 });
      const missing = ROUNDS - there.length;
      expect(missing).toBeGreaterThan(50);
      expect(there).toEqual(DAY_OF.slice(0, there.length).map((at) => aReading({ at, raw })));
      expect(told.join()).toContain(`"j/readings/","detail":"entries ${there.length + 1} to ${ROUNDS} are gone"`);
      expect(buffer.behind).toEqual({ readings: missing });
      expect(state.lastRepair).toBeDefined();
      const { clean, quarantined } = await buffer.verify();
      expect({ clean, quarantined: quarantined.length }).toEqual({ clean: true, quarantined: missing });
      await buffer.keepRound([aReading({ at: DAY_OF.at(-1)!, raw })]);
      expect((await buffer.changes('readings', ROUNDS, 9)).map(({ sequence }) => sequence)).toEqual([ROUNDS + 1]);
      table.push(
        `| the log ${name} after a clean end, rounds alone | 1 | yes | 0 | ${missing} of ${ROUNDS} | yes | clean |`,
      );
    } finally {
      await state.close();
    }
  });
});
