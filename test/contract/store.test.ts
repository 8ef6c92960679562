import { appendFileSync, chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { openLevelStore } from '../../src/host/store-level.ts';
import type { Store } from '../../src/machine/store.ts';
import { type SimDisk, simDisk } from '../../src/sim/store.ts';
import { createWorld, type World } from '../../src/sim/world.ts';
import { smallDisk } from '../kit/small-disk.ts';
import { storeContract } from './store.contract.ts';

const root = mkdtempSync(join(tmpdir(), 'odecet-store-'));
afterAll(() => rmSync(root, { recursive: true }));
let made = 0;

function newFolder(): string {
  return join(root, `store-${made++}`);
}

function row(key: string, size = 100) {
  return { kind: 'put', key, value: new Uint8Array(size).fill(key.length) } as const;
}

storeContract({
  name: 'host (LevelDB)',
  run: async (body) => {
    const folder = newFolder();
    await body({ open: (create) => openLevelStore(create === undefined ? { folder } : { folder, create }) });
  },
});

const AT_EVERY_WRITE = { afterMappedBytes: Number.NEGATIVE_INFINITY, notWithinMs: 0 };
storeContract({
  name: 'host (LevelDB), opened anew before every write',
  run: async (body) => {
    const folder = newFolder();
    await body({ open: (create = false) => openLevelStore({ folder, create, letGo: AT_EVERY_WRITE }) });
  },
});

it('LevelDB that is opened anew is read meanwhile as if nothing happened', async () => {
  const store = await openLevelStore({ folder: newFolder(), create: true, letGo: AT_EVERY_WRITE });
  await store.batch([row('a')]);
  const wrong: unknown[] = [];
  let writing = true;
  const reading = [1, 2, 3].map(async () => {
    while (writing) {
      const rows = await store.range({ gte: 'a', lt: 'b' }).catch((error: unknown) => String(error));
      if (rows.length !== 1 || (await store.get('a'))?.length !== 100) wrong.push(rows);
    }
  });
  for (let n = 0; n < 20; n++) await store.batch([row(`k${n}`)]);
  writing = false;
  await Promise.all(reading);
  expect(wrong).toEqual([]);
  expect(await store.range({ gte: 'k', lt: 'l' })).toHaveLength(20);
  await store.close();
});

/** What strace sees of it: `test/integration/synced.test.ts`. */
it('LevelDB is asked to sync every batch, also after a failed one and when it was opened anew', async () => {
  const asked = vi.spyOn(ClassicLevel.prototype, 'batch');
  const options = () => asked.mock.calls.map((args: readonly unknown[]) => args[1]);
  for (const letGo of [undefined, AT_EVERY_WRITE]) {
    asked.mockClear();
    const store = await openLevelStore({ folder: newFolder(), create: true, ...(letGo && { letGo }) });
    await store.batch([row('a'), row('b')]);
    await store.batch([{ kind: 'delete', key: 'a' }]);
    asked.mockRejectedValueOnce(new Error('IO error: no such luck'));
    await expect(store.batch([row('c')])).rejects.toThrow();
    await store.batch([row('c')]);
    await store.close();
    expect(options()).toEqual(Array(4).fill({ sync: true }));
  }
  asked.mockRestore();
});

function simSubject(name: string, latencyMs: number) {
  storeContract({
    name,
    run: (body) => {
      const world = createWorld(3);
      const disk = simDisk(world, { random: world.random, latencyMs });
      return world.run(() => body({ open: (create) => disk.open(create) }));
    },
  });
}

simSubject('sim', 0);
simSubject('sim that takes its time', 5);

async function filled(folder: string): Promise<void> {
  const store = await openLevelStore({ folder, create: true });
  await store.batch([row('a'), row('b')]);
  await store.close();
}

describe('LevelDB damaged before it is opened', () => {
  it('without CURRENT it is missing, and not one file is touched', async () => {
    const folder = newFolder();
    await filled(folder);
    rmSync(join(folder, 'CURRENT'));
    const before = readdirSync(folder);
    for (const create of [false, true]) {
      await expect(openLevelStore({ folder, create })).rejects.toMatchObject({
        failure: { code: 'store-missing', detail: expect.stringContaining(folder) },
      });
    }
    expect(readdirSync(folder)).toEqual(before);
  });

  it('an install that was broken off before anything was stored can be repeated', async () => {
    const folder = newFolder();
    await mkdir(folder);
    for (const name of ['LOCK', 'LOG', 'MANIFEST-000001', '000001.dbtmp']) writeFileSync(join(folder, name), '');
    const store = await openLevelStore({ folder, create: true });
    await store.batch([row('a')]);
    await store.close();
  });

  it('with an empty CURRENT it is damaged', async () => {
    const folder = newFolder();
    await filled(folder);
    writeFileSync(join(folder, 'CURRENT'), '');
    await expect(openLevelStore({ folder })).rejects.toMatchObject({ failure: { code: 'store-damaged' } });
  });

  it('a file where the folder should be is unreadable', async () => {
    const folder = newFolder();
    writeFileSync(folder, '');
    await expect(openLevelStore({ folder })).rejects.toMatchObject({ failure: { code: 'store-unreadable' } });
  });

  it('a log that was torn at its end gives what was whole', async () => {
    const folder = newFolder();
    await filled(folder);
    const log = readdirSync(folder).find((name) => name.endsWith('.log'));
    appendFileSync(join(folder, log ?? ''), Uint8Array.of(1, 2, 3, 4, 5));
    const store = await openLevelStore({ folder });
    expect(await store.get('b')).toEqual(row('b').value);
    await store.close();
  });

  it.skipIf(process.getuid?.() === 0)(
    'a folder that may not be entered is unreadable (skipped as root, whom no permission stops)',
    async () => {
      const folder = newFolder();
      await filled(folder);
      chmodSync(folder, 0o000);
      await expect(openLevelStore({ folder })).rejects.toMatchObject({ failure: { code: 'store-unreadable' } });
      chmodSync(folder, 0o700);
    },
  );
});

const disk = smallDisk(16);
afterAll(() => disk?.remove());

/** Room for some batches before the disk is full. */
const LEFT_BYTES = 1024 * 1024;

describe.skipIf(!disk)('LevelDB on a disk that fills up (needs the right to mount one)', () => {
  it('acknowledges nothing that it forgets, reads on, and writes again when there is room', async () => {
    const folder = join(disk!.folder, 'store');
    const store = await openLevelStore({ folder, create: true });
    disk!.fill(LEFT_BYTES);
    const kept = await writeUntilFull(store);
    await expect(store.batch([row('still full')])).rejects.toMatchObject({ failure: { code: 'store-full' } });
    expect(await store.get(kept[0] ?? '')).toBeDefined();
    disk!.empty();
    for (let n = 0; n < 50; n++) {
      await store.batch([row(`after ${n}`, 3_000)]);
      kept.push(`after ${n}`);
    }
    await store.close();
    const again = await openLevelStore({ folder });
    const lost = (await again.getMany(kept)).filter((value) => value === undefined).length;
    await again.close();
    expect(kept.length).toBeGreaterThan(60);
    expect(lost).toBe(0);
  });
});

/** The keys that were acknowledged before the disk was full. */
async function writeUntilFull(store: Store): Promise<string[]> {
  const kept: string[] = [];
  for (let n = 0; n < 10_000; n++) {
    try {
      await store.batch([row(`before ${n}`, 3_000)]);
    } catch (error) {
      expect(error).toMatchObject({ failure: { code: 'store-full' } });
      return kept;
    }
    kept.push(`before ${n}`);
  }
  throw new Error('the disk never was full');
}

describe('the simulated disk', () => {
  function newDisk(seed: number, latencyMs = 0): { world: World; disk: SimDisk } {
    const world = createWorld(seed);
    return { world, disk: simDisk(world, { random: world.random.fork('disk'), latencyMs }) };
  }

  it('fails as often as told, keeps nothing of it, then writes again', async () => {
    const { world, disk } = newDisk(1);
    await world.run(async () => {
      const store = await disk.open(true);
      disk.failNext('store-full');
      await expect(store.batch([row('a')])).rejects.toMatchObject({ failure: { code: 'store-full' } });
      expect(await store.get('a')).toBeUndefined();
      await store.batch([row('a')]);
      expect(await store.get('a')).toBeDefined();
    });
  });

  it('may have a batch that it failed to write, and never part of one', async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 30; seed++) {
      const { world, disk } = newDisk(seed);
      await world.run(async () => {
        const store = await disk.open(true);
        disk.failNext('store-io');
        await expect(store.batch([row('a'), row('b')])).rejects.toMatchObject({ failure: { code: 'store-io' } });
        outcomes.add((await store.getMany(['a', 'b'])).map((value) => value !== undefined).join());
      });
    }
    expect([...outcomes].sort()).toEqual(['false,false', 'true,true']);
  });

  it.each(['store-full', 'store-io'] as const)('fails with %s from any write on that it is told', async (code) => {
    for (let after = 0; after < 5; after++) {
      const { world, disk } = newDisk(1);
      await world.run(async () => {
        const store = await disk.open(true);
        disk.failNext(code, 2, after);
        const failed: number[] = [];
        for (let n = 0; n < 8; n++) await store.batch([row(`${n}`)]).catch(() => failed.push(n));
        expect(failed).toEqual([after, after + 1]);
      });
    }
  });

  it('fails reads when told to', async () => {
    const { world, disk } = newDisk(1);
    await world.run(async () => {
      const store = await disk.open(true);
      disk.failReads(2);
      await expect(store.get('a')).rejects.toMatchObject({ failure: { code: 'store-io' } });
      await expect(store.range({ gte: '', lt: 'z' })).rejects.toMatchObject({ failure: { code: 'store-io' } });
      expect(await store.get('a')).toBeUndefined();
    });
  });

  it('is full at its limit, and not after something was deleted', async () => {
    const { world, disk } = newDisk(1);
    await world.run(async () => {
      const store = await disk.open(true);
      disk.limit(250);
      await store.batch([row('a'), row('b')]);
      await expect(store.batch([row('c')])).rejects.toMatchObject({ failure: { code: 'store-full' } });
      await store.batch([{ kind: 'delete', key: 'a' }, row('c')]);
      expect(await store.size()).toBe(202);
    });
  });

  it('keeps at a power cut the first few of the batches under way, whole, and every number of them in some world', async () => {
    const counts = new Set<number>();
    for (let seed = 0; seed < 40; seed++) counts.add(await batchesKeptOver(seed));
    expect([...counts].sort((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  });

  /** Three batches of two rows are under way when the power goes. */
  async function batchesKeptOver(seed: number): Promise<number> {
    const { world, disk } = newDisk(seed, 5);
    return world.run(async () => {
      const store = await disk.open(true);
      await store.batch([row('first')]);
      let acknowledged = 0;
      for (const n of [1, 2, 3])
        void store.batch([row(`${n} x`), row(`${n} y`)]).then(() => {
          acknowledged++;
        });
      await Promise.resolve();
      disk.powerCut();
      const again = await disk.open();
      const keys = (await again.range({ gte: '', lt: '~' })).map(([key]) => key);
      const whole = ['1 x', '1 y', '2 x', '2 y', '3 x', '3 y'];
      expect(keys.at(-1)).toBe('first');
      expect(keys.slice(0, -1)).toEqual(whole.slice(0, keys.length - 1));
      expect(keys.length % 2).toBe(1);
      await again.batch([row('later')]);
      expect(acknowledged).toBe(0);
      return (keys.length - 1) / 2;
    });
  }

  it('turns over one bit of one value', async () => {
    const { world, disk } = newDisk(5);
    await world.run(async () => {
      expect(disk.flipBit()).toBeUndefined();
      const store = await disk.open(true);
      await store.batch([row('a'), row('b')]);
      expect(disk.flipBit('b')).toBe('b');
      const value = await store.get('b');
      const changed = [...(value ?? [])].map((byte, n) => byte ^ (row('b').value[n] ?? 0)).filter((bits) => bits !== 0);
      expect(changed).toHaveLength(1);
      expect(Math.log2(changed[0] ?? 0) % 1).toBe(0);
      expect(await store.get('a')).toEqual(row('a').value);
    });
  });
});
