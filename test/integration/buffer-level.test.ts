import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
import { OdecetError } from '../../src/core/failure.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/core/time.ts';
import { openLevelStore } from '../../src/host/store-level.ts';

/** The buffer over the real LevelDB: what it keeps over a restart, and what it notices when the files are damaged. */
const QUARTERS = Array.from({ length: 96 }, (_, n) => DAY_START + n * 15 * MINUTE_MS);
const DAY = { start: DAY_START, end: DAY_START + 24 * HOUR_MS };
const TRIALS = 40;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odecet-buffer-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function withBuffer<T>(path: string, create: boolean, use: (buffer: Buffer) => Promise<T>): Promise<T> {
  const store = await openLevelStore({ folder: path, create });
  try {
    return await use(await openBuffer(store, { clock: standingClock() }));
  } finally {
    await store.close();
  }
}

async function fill(buffer: Buffer): Promise<void> {
  await Promise.all(QUARTERS.map((at) => buffer.keepRound([aReading({ at }), aReading({ at, device: 'mill' })])));
  const intervals = QUARTERS.map((start) => anInterval({ start, end: start + 15 * MINUTE_MS }));
  await buffer.keepIntervals(intervals);
  const { id } = await buffer.queueMessage((own) => aMessage(own, intervals));
  await buffer.outbox.beginAttempt(id, DAY_START);
  await buffer.outbox.endAttempt(anAttempt(id, 1, 'answered'), aReceipt(id, 'accepted'));
}

const spans = QUARTERS.map((start) => ({ start, end: start + 15 * MINUTE_MS }));

describe('the buffer over LevelDB', () => {
  it('has everything after a restart', async () => {
    await withBuffer(folder, true, fill);
    await withBuffer(folder, false, async (buffer) => {
      expect(await buffer.verify()).toMatchObject({ clean: true, entries: 96 + 1 + 3 });
      expect(await buffer.readings('mill', 'volume.base', DAY)).toHaveLength(96);
      const { counts } = await buffer.ledger([{ point: POINT, channel: 'volume', spans }]);
      expect(counts).toMatchObject({ expected: 96, accepted: 96, doubled: 0 });
    });
  });

  it('notices a flipped bit in its files, or it did no harm', async () => {
    await withBuffer(folder, true, fill);
    const names = (await readdir(folder)).filter((name) => /\.(log|ldb)$/.test(name));
    const whole = await Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(folder, name)) })));
    const copy = join(folder, 'copy');
    let noticed = 0;
    for (let trial = 0; trial < TRIALS; trial++) {
      await rm(copy, { recursive: true, force: true });
      await copyStore(copy);
      const { name, bytes } = whole.reduce((a, b) => (a.bytes.length > b.bytes.length ? a : b));
      const flipped = Uint8Array.from(bytes);
      // Spread over the whole file, a prime apart in the bit.
      flipped[Math.floor(((trial + 0.5) * bytes.length) / TRIALS)]! ^= 1 << ((trial * 7) % 8);
      await writeFile(join(copy, name), flipped);
      if (await isNoticed(copy)) noticed++;
    }
    expect(noticed).toBeGreaterThan(TRIALS / 2);
  });

  async function copyStore(copy: string): Promise<void> {
    const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
    for (const { name } of files) await cp(join(folder, name), join(copy, name), { recursive: true });
  }

  async function isNoticed(path: string): Promise<boolean> {
    try {
      return await withBuffer(path, false, async (buffer) => {
        const { clean } = await buffer.verify();
        const readings = await buffer.readings('boiler-house', 'volume.base', DAY);
        for (const reading of readings) expect(reading).toEqual(aReading({ at: reading.at }));
        if (clean) expect(readings).toHaveLength(96);
        return !clean;
      });
    } catch (error) {
      if (error instanceof OdecetError) return true;
      throw error;
    }
  }
});
