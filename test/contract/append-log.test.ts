import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hostAppendLog } from '../../src/host/append-log.ts';
import { pause } from '../../src/machine/timers.ts';
import { simFile } from '../../src/sim/append-log.ts';
import { seededRandom } from '../../src/sim/random.ts';
import { createWorld } from '../../src/sim/world.ts';
import { appendLogContract, linesOf } from './append-log.contract.ts';

const root = mkdtempSync(join(tmpdir(), 'odecet-append-'));
afterAll(() => rmSync(root, { recursive: true }));
let made = 0;

appendLogContract('host', () => {
  const file = join(root, String(made++), 'not-there-yet', 'log');
  return () => hostAppendLog(file);
});
appendLogContract('sim', () => {
  const file = simFile(createWorld(1), { random: seededRandom(1) });
  return () => file.open();
});

describe('a file on an imagined disk', () => {
  it('has part of what was under way when the power went, and what was acknowledged before it whole', async () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const world = createWorld(seed);
      const file = simFile(world, { random: seededRandom(seed), latencyMs: 10 });
      let isTold = false;
      await world.run(async () => {
        const log = file.open();
        await log.append('acknowledged');
        void log.append('0123456789').then(() => {
          isTold = true;
        });
        await pause(world, 5);
        file.powerCut();
        await pause(world, 100);
        await file.open().append('after');
      });
      const [first, ...rest] = await linesOf(file.open());
      const torn = rest.length === 2 ? rest[0]! : '';
      expect([first, rest.at(-1), isTold]).toEqual(['acknowledged', 'after', false]);
      expect('0123456789'.startsWith(torn)).toBe(true);
      lengths.add(torn.length);
    }
    expect(lengths.size).toBeGreaterThan(6);
  });

  it('refuses while it is full, and when told to fail may have part of the line', async () => {
    const file = simFile(createWorld(1), { random: seededRandom(1) });
    const log = file.open();
    file.full(true);
    await expect(log.append('a')).rejects.toMatchObject({ failure: { code: 'store-full' } });
    file.full(false);
    file.failNext();
    await expect(log.append('b'.repeat(100))).rejects.toMatchObject({ failure: { code: 'store-io' } });
    await log.append('c');
    expect((await linesOf(log)).at(-1)).toBe('c');
  });
});
