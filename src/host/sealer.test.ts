import { expect, test } from 'vitest';
import { threadSealer } from './sealer.ts';

const SEAL = { certificatePem: 'the certificate', keyPem: 'the key' };
const STAMPED = { now: 0, validMs: 1 };
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The program of a thread, that answers as `answer` says: JavaScript of the work, with `workerData` and `bytes` of a text. */
function thread(answer: string): URL {
  const program = `
    import { parentPort, workerData } from 'node:worker_threads';
    const bytes = (text) => new TextEncoder().encode(text);
    parentPort.on('message', ({ number, work }) => parentPort.postMessage({ number, ...(${answer})(work) }));
  `;
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}

test('each result goes to who asked for it, and the thread has the seal', async () => {
  const sealer = threadSealer(thread('({ document }) => ({ result: bytes(document + workerData.keyPem) })'), SEAL);
  const results = await Promise.all(['1 ', '2 ', '3 '].map((document) => sealer.seal(document, STAMPED)));
  expect(results.map(textOf)).toEqual(['1 the key', '2 the key', '3 the key']);
  await sealer.close();
});

test('a failure in the thread keeps its name', async () => {
  const sealer = threadSealer(thread("() => ({ failure: { code: 'key-unreadable', detail: 'd' } })"), SEAL);
  await expect(sealer.seal('', STAMPED)).rejects.toMatchObject({ failure: { code: 'key-unreadable', detail: 'd' } });
  await sealer.close();
});

test('what waits behind work of which a thread dies is done by another; the work itself is given up at the second death', async () => {
  const dying = "({ document }) => { if (document === 'die') process.exit(1); return { result: bytes(document) }; }";
  const sealer = threadSealer(thread(dying), SEAL);
  const [died, ...others] = ['die', 'behind it', 'and it'].map((document) => sealer.seal(document, STAMPED));
  await expect(died).rejects.toMatchObject({
    failure: { code: 'unexpected', detail: expect.stringContaining('twice') },
  });
  expect((await Promise.all(others)).map(textOf)).toEqual(['behind it', 'and it']);
  expect(textOf(await sealer.seal('again', STAMPED))).toBe('again');
  await sealer.close();
});

test('work without end is ended by its time; what waits for its turn has all of its own', async () => {
  const spinning = `({ document }) => {
    const until = document === 'spin' ? Infinity : Date.now() + 100;
    while (Date.now() < until);
    return { result: bytes(document) };
  }`;
  const limits = { memoryMb: 64, youngMb: 4, workMs: 3_000 };
  const sealer = threadSealer(thread(spinning), SEAL, limits);
  const many = Array.from({ length: 40 }, (_, n) => sealer.seal(String(n), STAMPED));
  const spun = sealer.seal('spin', STAMPED);
  const behind = sealer.seal('behind', STAMPED);
  await expect(spun).rejects.toThrow('no result within 3000 ms');
  expect(textOf(await behind)).toBe('behind');
  expect((await Promise.all(many)).map(textOf)).toEqual(many.map((_, n) => String(n)));
  await sealer.close();
});

test('who closes it takes back what waits', async () => {
  const sealer = threadSealer(thread('() => { for (;;); }'), SEAL);
  const waiting = sealer.seal('x', STAMPED);
  const ended = expect(waiting).rejects.toThrow('closed');
  await sealer.close();
  await ended;
});

test('an exception in the thread says why', async () => {
  const sealer = threadSealer(thread("() => { throw new Error('out of ink'); }"), SEAL);
  await expect(sealer.seal('', STAMPED)).rejects.toThrow('out of ink');
  await sealer.close();
});

test('to close one that never worked is nothing, and a closed one can work again', async () => {
  const sealer = threadSealer(thread('({ document }) => ({ result: bytes(document) })'), SEAL);
  await sealer.close();
  expect(textOf(await sealer.seal('x', STAMPED))).toBe('x');
  await sealer.close();
});

test('a thread without work ends, and the next work starts another; one that is asked again and again stays', async () => {
  const counting =
    '() => { globalThis.count = (globalThis.count ?? 0) + 1; return { result: bytes(String(globalThis.count)) }; }';
  const resting = threadSealer(thread(counting), SEAL, { memoryMb: 64, youngMb: 4, idleMs: 1 });
  expect(textOf(await resting.seal('', STAMPED))).toBe('1');
  await expect.poll(async () => textOf(await resting.seal('', STAMPED)), { interval: 100 }).toBe('1');
  const busy = threadSealer(thread(counting), SEAL);
  expect([await busy.seal('', STAMPED), await busy.seal('', STAMPED)].map(textOf)).toEqual(['1', '2']);
  await Promise.all([resting.close(), busy.close()]);
});
