import { mkdtempSync, rmSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLevelStore } from '../../src/host/store-level.ts';
import type { Store, StoreOp } from '../../src/machine/store.ts';
import { joined, powerCut } from '../../src/sim/disk-faults.ts';
import { seededRandom } from '../../src/sim/random.ts';
import { simDisk } from '../../src/sim/store.ts';
import { createWorld } from '../../src/sim/world.ts';
import { damageStore, logOf, readStore } from '../kit/store-files.ts';

/**
 * The same power cut, from the same seed, on the imagined disk and in the log of the real LevelDB: what was acknowledged is there,
 * of what was under way the first few batches, and never a part of one.
 */
const BATCHES = 12;
const CUTS = 100;
/** From less than a record's header to more than a block of LevelDB's log (32 kB), which cuts a batch into fragments. */
const SIZES = [1, 100, 3_000, 70_000];

/** Each replaces and takes away something of the one before. */
const batches = Array.from({ length: BATCHES }, (_, n): StoreOp[] => [
  { kind: 'put', key: 'last', value: new Uint8Array(8).fill(n) },
  { kind: 'put', key: `batch ${n}`, value: seededBytes(n, SIZES[n % SIZES.length]!) },
  { kind: 'put', key: `batch ${n}, second`, value: seededBytes(n, 20) },
  ...(n > 0 ? [{ kind: 'delete', key: `batch ${n - 1}, second` } as const] : []),
]);

function seededBytes(seed: number, length: number): Uint8Array {
  const random = seededRandom(`bytes ${seed}`);
  return new Uint8Array(length).map(() => random.below(256));
}

/** What the store holds after so many batches. */
function stateAfter(count: number): string {
  const rows = new Map<string, Uint8Array>();
  for (const op of batches.slice(0, count).flat())
    if (op.kind === 'put') rows.set(op.key, op.value);
    else rows.delete(op.key);
  return stateOf([...rows]);
}

function stateOf(rows: readonly (readonly [string, Uint8Array])[]): string {
  const texts = rows.map(([key, value]) => `${key}=${Array.from(value.subarray(0, 64)).join(' ')}/${value.length}`);
  return texts.sort().join('\n');
}

interface Cut {
  readonly seed: number;
  readonly acknowledged: number;
  readonly underWay: number;
}

const cutOf = (seed: number): Cut => {
  const acknowledged = 1 + (seed % (BATCHES - 4));
  return { seed, acknowledged, underWay: 1 + (seed % 4) };
};

/** Cuts, opens again and gives how many of the batches under way are there; throws where anything else is. */
async function lookAfter({ acknowledged, underWay }: Cut, open: () => Promise<Store>): Promise<number> {
  const store = await open();
  const state = stateOf(await store.range({ gte: '', lt: '~' }));
  const possible = Array.from({ length: underWay + 1 }, (_, n) => stateAfter(acknowledged + n));
  const kept = possible.indexOf(state);
  expect(kept, `of ${acknowledged} acknowledged and ${underWay} under way:\n${state.slice(0, 500)}`).not.toBe(-1);
  // What is written behind a torn record must not be forgotten with it.
  await store.batch([{ kind: 'put', key: 'later', value: Uint8Array.of(1) }]);
  await store.close();
  const again = await open();
  expect(stateOf((await again.range({ gte: '', lt: '~' })).filter(([key]) => key !== 'later'))).toBe(state);
  expect(await again.get('later')).toEqual(Uint8Array.of(1));
  await again.close();
  return kept;
}

let root: string;
let whole: string;
/** How long the log was when each number of batches had been acknowledged. */
const syncedBytes: number[] = [];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'odecet-cut-'));
  whole = join(root, 'whole');
  const store = await openLevelStore({ folder: whole, create: true });
  const mark = async () => {
    const files = await readStore(whole);
    syncedBytes.push(files.get(logOf(files))!.length);
  };
  await mark();
  for (const ops of batches) {
    await store.batch(ops);
    await mark();
  }
  await store.close();
});
afterAll(() => rmSync(root, { recursive: true }));

async function cutReal(cut: Cut): Promise<number> {
  const { seed, acknowledged, underWay } = cut;
  const folder = join(root, 'copy');
  rmSync(folder, { recursive: true, force: true });
  await cp(whole, folder, { recursive: true });
  const random = seededRandom(`cut ${seed}`);
  await damageStore(folder, (files) => {
    const log = logOf(files);
    const bytes = files.get(log)!;
    const pieces = Array.from({ length: underWay }, (_, n) =>
      bytes.slice(syncedBytes[acknowledged + n], syncedBytes[acknowledged + n + 1]),
    );
    const synced = bytes.slice(0, syncedBytes[acknowledged]);
    files.set(log, joined([synced, powerCut(pieces, random, random.fork('tearing'))]));
  });
  return lookAfter(cut, () => openLevelStore({ folder }));
}

async function cutImagined(cut: Cut): Promise<number> {
  const { seed, acknowledged, underWay } = cut;
  const world = createWorld(seed);
  const disk = simDisk(world, { random: seededRandom(`cut ${seed}`), latencyMs: 5 });
  return world.run(async () => {
    const store = await disk.open(true);
    for (const ops of batches.slice(0, acknowledged)) await store.batch(ops);
    for (const ops of batches.slice(acknowledged, acknowledged + underWay)) void store.batch(ops);
    await Promise.resolve();
    disk.powerCut();
    return lookAfter(cut, () => disk.open());
  });
}

describe('a power cut', () => {
  it.each([
    ['in the log of the real LevelDB', cutReal],
    ['on the imagined disk', cutImagined],
  ] as const)(
    '%s: nothing acknowledged is lost, no batch is there in part',
    { timeout: 120_000 },
    async (_, cutOne) => {
      const kept = new Set<number>();
      for (let seed = 0; seed < CUTS; seed++) kept.add(await cutOne(cutOf(seed)));
      expect([...kept].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
    },
  );

  it('leaves both with the same batches', { timeout: 60_000 }, async () => {
    const seeds = Array.from({ length: 40 }, (_, n) => n);
    const real = [];
    const imagined = [];
    for (const seed of seeds) {
      real.push(await cutReal(cutOf(seed)));
      imagined.push(await cutImagined(cutOf(seed)));
    }
    expect(imagined).toEqual(real);
  });
});
