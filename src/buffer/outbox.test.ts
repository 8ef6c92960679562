import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { AttemptOutcome, MessageId, MessageState, Verdict } from '../core/message.ts';
import { HOUR_MS } from '../core/time.ts';
import {
  aMessage,
  anAttempt,
  anInterval,
  aReceipt,
  DAY_START,
  GAS_DAY,
  type MemoryStore,
  memoryStore,
  POINT,
  queuedIn,
  standingClock,
} from './buffer.testkit.ts';
import { sealRow } from './frame.ts';
import { type Buffer, openBuffer } from './index.ts';
import { NEW_LIFE } from './life.ts';
import { WaitsNoLonger } from './outbox.ts';

const open = (store = memoryStore()) => openBuffer(store, { clock: standingClock() });

async function queued(buffer: Buffer, hour = 0): Promise<MessageId> {
  const interval = anInterval({ start: DAY_START + hour * HOUR_MS });
  return (await buffer.queueMessage((id) => aMessage(id, [interval]))).id;
}

async function states(buffer: Buffer): Promise<[MessageId, MessageState, number][]> {
  return (await queuedIn(buffer)).map(({ message, state, attempts }) => [message.id, state, attempts]);
}

describe('what a message is about', () => {
  const ABOUT = { commodity: 'gas', day: GAS_DAY, pack: 'gasdat@1' };

  /** Keys of documents that are read. */
  function documentsRead(store: MemoryStore): string[] {
    const read: string[] = [];
    const { get } = store;
    store.get = (key) => {
      if (key.startsWith('m/')) read.push(key);
      return get(key);
    };
    return read;
  }

  it('is known without its document, also after a start, and while and after it is sent', async () => {
    const store = memoryStore();
    const first = await open(store);
    const ids = [await queued(first), await queued(first, 1)];
    await first.outbox.beginAttempt(ids[0]!, DAY_START);
    const buffer = await open(store);
    const read = documentsRead(store);
    const heads = await buffer.outbox.heads();
    expect(heads.map(({ message }) => message)).toEqual(ids.map((id) => ({ id, ...ABOUT })));
    await buffer.outbox.endAttempt(anAttempt(ids[0]!, 1, 'answered'), aReceipt(ids[0]!, 'accepted'));
    expect(await buffer.outbox.heads()).toHaveLength(1);
    expect(await buffer.messageHead(ids[0]!)).toEqual({ id: ids[0], ...ABOUT });
    expect(read).toEqual([]);
  });

  it('is read of its document where the outbox does not say, as of an earlier version of the program', async () => {
    const store = memoryStore();
    const id = await queued(await open(store));
    store.rows.set(`w/${id}`, sealRow(`w/${id}`, 0, NEW_LIFE));
    const buffer = await open(store);
    const read = documentsRead(store);
    for (let n = 0; n < 3; n++)
      expect((await buffer.outbox.heads()).map(({ message }) => message)).toEqual([{ id, ...ABOUT }]);
    expect(read).toEqual([`m/${id}`]);
    expect(await buffer.messageHead('00000000000001')).toBeUndefined();
  });
});

describe('a queued message', () => {
  it('is kept verbatim with its links, index and journal entry', async () => {
    const buffer = await open();
    const intervals = [anInterval(), anInterval({ start: DAY_START + HOUR_MS, version: 3 })];
    const message = await buffer.queueMessage((id) => aMessage(id, intervals, { xml: '<é>☃</é>' }));
    expect(message.id).toMatch(/^\d{14}$/);
    expect(await buffer.message(message.id)).toEqual(message);
    expect(await buffer.messagesOf('gas', GAS_DAY)).toEqual([message.id]);
    expect(await buffer.messagesOf('electricity', GAS_DAY)).toEqual([]);
    expect(await buffer.deliveryOf(POINT, 'volume', DAY_START + HOUR_MS)).toEqual([
      { message: message.id, version: 3, state: 'prepared', accepted: false },
    ]);
    expect((await buffer.changes('delivery', 0, 10)).map(({ items }) => items)).toEqual([
      [{ message: message.id, what: 'queued' }],
    ]);
    expect(await buffer.messageState('00000000000001')).toBeUndefined();
    expect(await buffer.message('00000000000001')).toBeUndefined();
  });

  it('is refused when an interval of it may have been taken in another', async () => {
    const buffer = await open();
    const id = await queued(buffer);
    await expect(queued(buffer)).rejects.toMatchObject({ failure: { code: 'already-queued' } });
    await expect(buffer.queueMessage((own) => aMessage(own, [anInterval(), anInterval()]), [id])).rejects.toThrow();
    await buffer.outbox.beginAttempt(id, DAY_START);
    await expect(buffer.queueMessage((own) => aMessage(own, [anInterval()]), [id])).rejects.toMatchObject({
      failure: { code: 'already-queued' },
    });
    await buffer.outbox.endAttempt(anAttempt(id, 1, 'answered'), aReceipt(id, 'rejected'));
    const second = await queued(buffer);
    expect(second > id).toBe(true);
  });

  it('is refused when another version of an interval of it may have been taken and this one does not replace it', async () => {
    const buffer = await open();
    const first = await queued(buffer);
    const next = anInterval({ version: 2 });
    const asNews = () => buffer.queueMessage((own) => aMessage(own, [next]));
    await expect(asNews()).rejects.toMatchObject({ failure: { code: 'already-queued' } });
    await buffer.outbox.beginAttempt(first, DAY_START);
    await expect(asNews()).rejects.toMatchObject({ failure: { code: 'already-queued' } });
    await buffer.outbox.endAttempt(anAttempt(first, 1, 'answered'), aReceipt(first, 'accepted'));
    await expect(asNews()).rejects.toMatchObject({ failure: { code: 'already-queued' } });
    const both = [anInterval({ version: 2 }), anInterval({ version: 3 })];
    await expect(buffer.queueMessage((own) => aMessage(own, both, { corrects: first }))).rejects.toMatchObject({
      failure: { code: 'already-queued' },
    });
    expect(await buffer.queueMessage((own) => aMessage(own, [next], { corrects: first }))).toMatchObject({
      carried: [{ version: 2 }],
    });
  });

  it('takes the place of the one it supersedes in the same batch', async () => {
    const buffer = await open();
    const first = await queued(buffer);
    const { id } = await buffer.queueMessage((own) => aMessage(own, [anInterval()]), [first]);
    expect(await buffer.messageState(first)).toBe('superseded');
    expect(await states(buffer)).toEqual([[id, 'prepared', 0]]);
    await expect(buffer.outbox.beginAttempt(first, DAY_START)).rejects.toThrow(/superseded/);
    expect((await buffer.verify()).clean).toBe(true);
  });

  it('never shares an id: not after a failed batch, a restart, a lost end of the store or a clock that stands at 1970', async () => {
    const store = memoryStore();
    const clock = standingClock(0);
    const first = await openBuffer(store, { clock });
    const ids = [await queued(first, 0)];
    const old = new Map(store.rows);
    ids.push(await queued(first, 1));
    store.batchesLeft = 0;
    const refused: MessageId[] = [];
    const make = (id: MessageId) => {
      refused.push(id);
      return aMessage(id, [anInterval({ start: DAY_START + 2 * HOUR_MS })]);
    };
    await expect(first.queueMessage(make)).rejects.toThrow();
    store.batchesLeft = Number.POSITIVE_INFINITY;
    ids.push(...refused, await queued(first, 3));
    const restored = await openBuffer(memoryStore(old), { clock });
    ids.push(await queued(restored, 1));
    clock.at = DAY_START;
    ids.push(await queued(restored, 2));
    expect(new Set(ids).size).toBe(6);
    expect([...ids].sort()).toEqual(ids);
    expect(Number(ids.at(-1))).toBe(DAY_START);
  });
});

describe('attempts', () => {
  it('mark the message as sent before it leaves, and a crash leaves the outcome unknown', async () => {
    const store = memoryStore();
    const buffer = await open(store);
    const id = await queued(buffer);
    expect(await buffer.outbox.beginAttempt(id, DAY_START)).toBe(1);
    const reopened = await open(store);
    expect(await states(reopened)).toEqual([[id, 'sent', 1]]);
    expect(await reopened.outbox.beginAttempt(id, DAY_START + 9)).toBe(2);
    await reopened.outbox.endAttempt(anAttempt(id, 2, 'not-sent'));
    expect(await states(reopened)).toEqual([[id, 'sent', 2]]);
    expect((await reopened.outbox.heads())[0]?.lastEndedAt).toBe(DAY_START + 502);
    const receipt = aReceipt(id, 'accepted');
    expect(await reopened.outbox.beginAttempt(id, DAY_START + 99)).toBe(3);
    await reopened.outbox.endAttempt(anAttempt(id, 3, 'answered'), receipt);
    await reopened.outbox.endAttempt(anAttempt(id, 3, 'answered'), receipt);
    expect(await states(reopened)).toEqual([]);
    expect(await reopened.receipt(id)).toEqual(receipt);
    expect(await reopened.attempts(id)).toEqual([anAttempt(id, 2, 'not-sent'), anAttempt(id, 3, 'answered')]);
    const again = reopened.outbox.beginAttempt(id, DAY_START);
    await expect(again).rejects.toThrow(WaitsNoLonger);
    await expect(again).rejects.toThrow(/accepted/);
  });

  it('give the last answer that is kept word for word, whatever only repeats it', async () => {
    const buffer = await open();
    const id = await queued(buffer);
    const answers = [aReceipt(id, 'unknown'), { ...aReceipt(id, 'unknown'), xml: '' }];
    for (const [n, receipt] of answers.entries()) {
      await buffer.outbox.beginAttempt(id, DAY_START);
      await buffer.outbox.endAttempt(anAttempt(id, n + 1, 'answered'), receipt);
    }
    expect(await buffer.receipt(id)).toEqual(answers[0]);
    expect(await states(buffer)).toEqual([[id, 'unknown', 2]]);
  });

  it('that contradict themselves are refused', async () => {
    const buffer = await open();
    const id = await queued(buffer);
    await expect(buffer.outbox.beginAttempt('00000000000001', DAY_START)).rejects.toThrow(/no message/);
    await expect(buffer.outbox.endAttempt(anAttempt(id, 1, 'not-sent'))).rejects.toThrow(/never began/);
    await buffer.outbox.beginAttempt(id, DAY_START);
    await expect(buffer.outbox.endAttempt(anAttempt(id, 1, 'answered'))).rejects.toThrow(/receipt/);
    await expect(buffer.outbox.endAttempt(anAttempt(id, 1, 'fault'), aReceipt(id, 'accepted'))).rejects.toThrow();
    await buffer.outbox.endAttempt(anAttempt(id, 1, 'fault'));
    await expect(buffer.outbox.endAttempt(anAttempt(id, 1, 'no-answer'))).rejects.toThrow(/otherwise/);
    expect(await states(buffer)).toEqual([[id, 'prepared', 1]]);
  });

  it('whose damaged records leave a doubt never make the message look unsent', async () => {
    const store = memoryStore();
    const buffer = await open(store);
    const id = await queued(buffer);
    await buffer.outbox.beginAttempt(id, DAY_START);
    await buffer.outbox.endAttempt(anAttempt(id, 1, 'answered'), aReceipt(id, 'accepted'));
    store.rows.get(`e/${id}/000001/receipt`)![40]! ^= 1;
    expect(await buffer.messageState(id)).toBe('sent');
    store.rows.delete(`e/${id}/000001/receipt`);
    expect(await buffer.messageState(id)).toBe('sent');
    expect(await buffer.verify()).toMatchObject({ clean: false, lost: [`e/${id}/000001/receipt`], misplaced: [id] });
  });
});

describe('the outbox', () => {
  it('is filled again at the start when rows of it are gone or damaged', async () => {
    const store = memoryStore();
    const buffer = await open(store);
    const ids = [await queued(buffer, 0), await queued(buffer, 1), await queued(buffer, 2)];
    await buffer.outbox.beginAttempt(ids[1]!, DAY_START);
    store.rows.delete(`w/${ids[1]}`);
    store.rows.get(`w/${ids[2]}`)![33]! ^= 1;
    expect((await buffer.verify()).misplaced).toEqual([ids[1]]);
    const told: string[] = [];
    const reopened = await openBuffer(store, { clock: standingClock(), onDamage: ({ key }) => told.push(key) });
    expect(told).toContain('w/');
    expect(await states(reopened)).toEqual([
      [ids[0], 'prepared', 0],
      [ids[1], 'sent', 1],
      [ids[2], 'prepared', 0],
    ]);
  });

  it.each(['gone', 'damaged'])('waits on when the vital record, which counts it, is %s alone', async (what) => {
    const store = memoryStore();
    const id = await queued(await open(store));
    if (what === 'gone') store.rows.delete('v/heads');
    else store.rows.get('v/heads')![20]! ^= 1;
    expect(await states(await open(store))).toEqual([[id, 'prepared', 0]]);
    // Also after a start that finds nothing wrong any more.
    expect(await states(await open(store))).toEqual([[id, 'prepared', 0]]);
  });

  it('leaves a damaged message out, names it and gives the others', async () => {
    const store = memoryStore();
    const buffer = await open(store);
    const [first, second] = [await queued(buffer, 0), await queued(buffer, 1)];
    store.rows.get(`m/${first}`)![60]! ^= 1;
    expect(await states(buffer)).toEqual([[second, 'prepared', 0]]);
    await expect(buffer.message(first)).rejects.toMatchObject({ failure: { code: 'store-damaged' } });
    await expect(buffer.outbox.beginAttempt(first, DAY_START)).rejects.toMatchObject({
      failure: { code: 'store-damaged' },
    });
  });

  it('is looked at again without a row being decoded again', async () => {
    const buffer = await open();
    const ids = [await queued(buffer, 0), await queued(buffer, 1)];
    await buffer.outbox.heads();
    const parse = vi.spyOn(JSON, 'parse');
    try {
      expect((await buffer.outbox.heads()).map(({ message }) => message.id)).toEqual(ids);
      expect(parse).not.toHaveBeenCalled();
    } finally {
      parse.mockRestore();
    }
  });
});

// The states of DESIGN §7 told a second time, as a walk back from the last attempt.
type Ending = Exclude<AttemptOutcome, 'answered'> | Verdict | 'open';

function expectedState(endings: readonly Ending[]): MessageState {
  if (endings.includes('accepted')) return 'accepted';
  if (endings.includes('rejected')) return 'rejected';
  for (const ending of endings.toReversed()) {
    if (ending === 'open' || ending === 'no-answer') return 'sent';
    if (ending === 'unknown') return 'unknown';
  }
  return 'prepared';
}

const isVerdict = (ending: Ending): ending is Verdict =>
  ending === 'accepted' || ending === 'rejected' || ending === 'unknown';

async function end(buffer: Buffer, id: MessageId, number: number, ending: Ending): Promise<void> {
  if (ending === 'open') return;
  if (isVerdict(ending)) await buffer.outbox.endAttempt(anAttempt(id, number, 'answered'), aReceipt(id, ending));
  else await buffer.outbox.endAttempt(anAttempt(id, number, ending));
}

describe('the states of a message', () => {
  const step = fc.record({
    ending: fc.constantFrom<Ending>('open', 'not-sent', 'no-answer', 'fault', 'unknown', 'accepted', 'rejected'),
    late: fc.boolean(),
    reopens: fc.boolean(),
  });

  it('follow from how its attempts ended, in the outbox as in the records, over restarts and late answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const store = memoryStore();
        let buffer = await open(store);
        const id = await queued(buffer);
        const endings: Ending[] = [];
        const late: [number, Ending][] = [];
        for (const { ending, late: isLate, reopens } of steps) {
          const final = ['accepted', 'rejected'].includes(expectedState(endings));
          if (final) {
            await expect(buffer.outbox.beginAttempt(id, DAY_START)).rejects.toThrow();
            break;
          }
          endings.push('open');
          expect(await buffer.outbox.beginAttempt(id, DAY_START)).toBe(endings.length);
          expect(await buffer.messageState(id)).toBe('sent');
          if (isLate) late.push([endings.length, ending]);
          else {
            await end(buffer, id, endings.length, ending);
            endings[endings.length - 1] = ending;
          }
          if (reopens) buffer = await open(store);
          await agrees(buffer, id, endings);
        }
        for (const [number, ending] of late) {
          await end(buffer, id, number, ending);
          endings[number - 1] = ending;
          await agrees(buffer, id, endings);
        }
        expect((await buffer.verify()).clean).toBe(true);
      }),
    );
  });

  async function agrees(buffer: Buffer, id: MessageId, endings: readonly Ending[]): Promise<void> {
    const state = expectedState(endings);
    expect(await buffer.messageState(id)).toBe(state);
    const waiting = state === 'accepted' || state === 'rejected' ? [] : [[id, state, endings.length]];
    expect(await states(buffer)).toEqual(waiting);
  }
});
