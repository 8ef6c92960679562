import { expect, test } from 'vitest';
import type { Sealer } from '../machine/sealer.ts';
import { sealerPool } from './sealer-pool.ts';

/** One that says who sealed, when it is let. */
function slow(name: string) {
  const waiting: (() => void)[] = [];
  let isClosed = false;
  const sealer: Sealer = {
    seal: (document) =>
      new Promise((resolve) =>
        waiting.push(() => resolve(new TextEncoder().encode(`${JSON.stringify(document)} by ${name}`))),
      ),
    verify: () => Promise.reject(new Error('broken off')),
    close: async () => {
      isClosed = true;
    },
  };
  return { sealer, waiting, isClosed: () => isClosed };
}

const STAMPED = { now: 0, validMs: 1 };
const TRUST = { trusted: [], now: 0, windowMs: 1 };

test('work goes to whoever has least; what fails frees the hand too', async () => {
  const [a, b] = [slow('a'), slow('b')];
  const pool = sealerPool([a.sealer, b.sealer]);
  await expect(pool.verify('x', TRUST)).rejects.toThrow('broken off');
  const results = ['1', '2', '3', '4'].map((document) => pool.seal(document, STAMPED));
  expect([a.waiting.length, b.waiting.length]).toEqual([2, 2]);
  for (const go of [...b.waiting, ...a.waiting]) go();
  const texts = (await Promise.all(results)).map((bytes) => new TextDecoder().decode(bytes));
  expect(texts).toEqual(['"1" by a', '"2" by b', '"3" by a', '"4" by b']);
  await pool.close();
  expect([a.isClosed(), b.isClosed()]).toEqual([true, true]);
});
