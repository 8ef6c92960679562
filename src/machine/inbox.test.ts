import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OdecetError } from '../core/failure.ts';
import { createWorld } from '../sim/world.ts';
import { INBOX_BYTES_MAX, Inbox } from './inbox.ts';

const LONG_MS = 1_000;

async function read(inbox: Inbox): Promise<number[]> {
  return [...(await inbox.read(LONG_MS))];
}

/** @param chunks how long each is; the bytes of all are 0, 1, 2 and so on */
function pushed(inbox: Inbox, chunks: readonly number[]): number {
  let count = 0;
  for (const length of chunks) {
    const start = count;
    inbox.push(Uint8Array.from({ length }, (_, n) => start + n));
    count += length;
  }
  return count;
}

test('as much as it holds is read as it came', async () => {
  const inbox = new Inbox(createWorld(1));
  pushed(inbox, [1, INBOX_BYTES_MAX - 2, 1]);
  const bytes = await inbox.read(LONG_MS);
  expect(bytes).toHaveLength(INBOX_BYTES_MAX);
  expect(bytes.every((byte, n) => byte === n % 256)).toBe(true);
});

test('of more than that nothing is read: not the beginning, and nothing as if it were an answer', async () => {
  const inbox = new Inbox(createWorld(1));
  pushed(inbox, [INBOX_BYTES_MAX, 1]);
  const refused = {
    failure: { code: 'frame-trailing', detail: expect.stringContaining(`${INBOX_BYTES_MAX + 1} bytes`) },
  };
  await expect(inbox.read(LONG_MS)).rejects.toMatchObject(refused);
  inbox.push(Uint8Array.of(7));
  expect(await read(inbox)).toEqual([7]);
});

test('a chunk that is too long for a reader that waits is not the whole story: the next read says so', async () => {
  const inbox = new Inbox(createWorld(1));
  const waiting = inbox.read(LONG_MS);
  pushed(inbox, [INBOX_BYTES_MAX + 1]);
  expect(await waiting).toHaveLength(INBOX_BYTES_MAX);
  await expect(inbox.read(LONG_MS)).rejects.toMatchObject({ failure: { code: 'frame-trailing' } });
});

test('what was dropped is told before the end of the line', async () => {
  const inbox = new Inbox(createWorld(1));
  pushed(inbox, [INBOX_BYTES_MAX, 1]);
  inbox.end(new OdecetError('line-lost', 'closed'));
  await expect(inbox.read(LONG_MS)).rejects.toMatchObject({ failure: { code: 'frame-trailing' } });
  await expect(inbox.read(LONG_MS)).rejects.toMatchObject({ failure: { code: 'line-lost' } });
});

test('drain counts every byte, dropped or not, and leaves a clean line', async () => {
  const lengths = fc.array(fc.integer({ min: 1, max: INBOX_BYTES_MAX }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(lengths, lengths, async (before, meanwhile) => {
      const world = createWorld(1);
      const inbox = new Inbox(world);
      await world.run(async () => {
        let came = pushed(inbox, before);
        for (const [n, length] of meanwhile.entries()) world.after(n, () => (came += pushed(inbox, [length])));
        const count = await inbox.drain(100, LONG_MS);
        expect(count).toBe(came);
        expect(await inbox.read(0)).toHaveLength(0);
      });
    }),
    { numRuns: 30 },
  );
});
