import { expect, test } from 'vitest';
import { failure, OdecetError } from '../core/failure.ts';
import { SECOND_MS } from '../core/time.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import { createHealth } from './health.ts';
import type { RelayStore } from './store.ts';

function place() {
  let now = 0;
  const standing = new Map<string, string>();
  const health = createHealth({
    alerts: {
      raise: (id, { code }) => void standing.set(id, code),
      clear: (id) => void standing.delete(id),
    },
    clock: { now: () => now, monotonicMs: () => now },
    log: quietLog,
  });
  const broken = new Map<string, OdecetError>();
  const does = async <T>(what: string, result: T): Promise<T> => {
    const error = broken.get(what);
    if (error) throw error;
    return result;
  };
  const store = health.store({
    keep: () => does('keep', []),
    claim: () => does('claim', []),
    settle: () => does('settle', undefined),
  } as unknown as RelayStore);
  const tick = async (times: number) => {
    for (let n = 0; n < times; n++) {
      now += 10 * SECOND_MS;
      await store.keep([]).catch(() => undefined);
      await store.claim('A', 1, 1).catch(() => undefined);
    }
  };
  return { health, standing, broken, tick };
}

test('a disk that is full is an alert though it can be read, until something was written again', async () => {
  const { health, standing, broken, tick } = place();
  broken.set('keep', new OdecetError('store-full', 'no room'));
  await tick(3);
  // Two tries more than the first, but not yet half a minute.
  expect(standing.size).toBe(0);
  await tick(1);
  expect([...standing]).toEqual([['store-failing', 'store-full']]);
  expect([...health.failing()]).toEqual(['store']);
  broken.set('claim', new OdecetError('database-away', 'gone'));
  await tick(5);
  expect([...standing]).toEqual([['store-failing', 'database-away']]);
  broken.delete('keep');
  await tick(1);
  expect(standing.size).toBe(1);
  broken.delete('claim');
  await tick(1);
  expect([standing.size, health.failing().size]).toEqual([0, 0]);
});

test('one document that cannot be read is nobody’s alarm; a reader or sealer that reads or seals nothing is', async () => {
  const { health, standing, tick } = place();
  const broke = new OdecetError('unexpected', 'a thread broke off');
  const reader = health.reader({
    read: async (_, pack) => {
      if (pack === 'bad') throw broke;
      return { kind: 'other' };
    },
    close: async () => undefined,
  });
  const read = (pack: string) => reader.read({ gzip: new Uint8Array(0), sha256: '' }, pack).catch(() => undefined);
  for (let n = 0; n < 9; n++) {
    await tick(1);
    await read('bad');
    await read('good');
  }
  expect(standing.size).toBe(0);
  for (let n = 0; n < 5; n++) {
    await tick(1);
    await read('bad');
    health.tried({ outcome: 'not-sent', detail: '', failure: failure('unexpected', 'a thread broke off') });
    health.tried({ outcome: 'not-sent', detail: '', failure: failure('operator-unreachable', 'down') });
  }
  expect([...standing.keys()].sort()).toEqual(['reader-failing', 'sealer-failing']);
  await read('good');
  health.tried({ outcome: 'answered', detail: '' });
  expect(standing.size).toBe(0);
  for (let n = 0; n < 5; n++) {
    await tick(1);
    health.broke(broke);
  }
  expect([...standing.keys()]).toEqual(['sealer-failing']);
});

test('a registry that cannot be read is told at once, and until it can', () => {
  const { health, standing } = place();
  // Of an earlier run.
  standing.set('registry-failing', 'x');
  health.registry(undefined);
  expect(standing.size).toBe(0);
  health.registry(failure('site-invalid', 'line 3'));
  expect([...standing]).toEqual([['registry-failing', 'site-invalid']]);
  expect([...health.failing()]).toEqual(['registry']);
  health.registry(undefined);
  expect([...standing, ...health.failing()]).toEqual([]);
});
