import { expect, test } from 'vitest';
import { failure, OdecetError } from '../core/failure.ts';
import type { Message } from '../core/message.ts';
import type { Delivery } from './direct.ts';
import { runSender } from './sender.testkit.ts';
import { createSender, type SenderDeps } from './sender.ts';
import { countingEntropy, jumpingClock, memoryOutbox, message, quietLog, receiptOf } from './uplink.testkit.ts';

const RETRY = { firstMs: 1_000, factor: 2, mostMs: 60_000, jitter: 0 };
const UNREACHABLE: Delivery = { outcome: 'not-sent', detail: '', failure: failure('operator-unreachable', '') };
const NO_ANSWER: Delivery = { outcome: 'no-answer', detail: '', failure: failure('operator-no-answer', '') };
const FAULT: Delivery = { outcome: 'fault', detail: '', failure: failure('operator-fault', '') };

function accepted(message: Message): Delivery {
  return { outcome: 'answered', detail: '', receipt: receiptOf('accepted', message) };
}

interface Trial {
  readonly ids: readonly string[];
  readonly deliver: (message: Message, tries: number) => Delivery | Promise<Delivery>;
  readonly more?: Partial<SenderDeps>;
  /** The run ends when this many tries were made, or the outbox is empty. */
  readonly triesMax: number;
}

async function trial({ ids, deliver, more, triesMax }: Trial) {
  const outbox = memoryOutbox(ids.map(message));
  const run = await runSender({
    outbox,
    retry: RETRY,
    isOver: (waiting, tries) => waiting === 0 || tries >= triesMax,
    deliver: (one, made) => deliver(one, made.filter(({ id }) => id === one.id).length),
    ...(more && { more }),
  });
  return { ...run, ended: outbox.ended };
}

test('what waits goes oldest id first, each once', async () => {
  const { tries, ended } = await trial({ ids: ['3', '1', '2'], deliver: accepted, triesMax: 9 });
  expect(tries.map(({ id }) => id)).toEqual(['1', '2', '3']);
  expect(ended.map(({ number, outcome }) => [number, outcome])).toEqual([
    [1, 'answered'],
    [1, 'answered'],
    [1, 'answered'],
  ]);
});

test('another order can be given', async () => {
  const order: SenderDeps['order'] = (a, b) => Number(b.message.id) - Number(a.message.id);
  const { tries } = await trial({ ids: ['1', '2'], deliver: accepted, triesMax: 9, more: { order } });
  expect(tries.map(({ id }) => id)).toEqual(['2', '1']);
});

test('a backlog is walked through upon one look; what is queued meanwhile follows at once, beside one that is held', async () => {
  const outbox = memoryOutbox(['1', '2', '3', '4'].map(message));
  const hold: SenderDeps['hold'] = ({ id }) => (id === '4' ? failure('pack-unverified', '') : undefined);
  let looks = 0;
  const { tries } = await runSender({
    outbox,
    retry: RETRY,
    isOver: (waiting) => ++looks > 9 || waiting === 1,
    deliver: (one) => {
      if (one.id === '1') outbox.add(message('5'));
      return accepted(one);
    },
    more: { hold },
  });
  expect(tries).toEqual(['1', '2', '3', '5'].map((id) => ({ id, at: 0 })));
  expect(looks).toBe(3);
});

test('one that is closed while a backlog is walked through is passed over, and nobody waits for it', async () => {
  const outbox = memoryOutbox(['1', '2', '3'].map(message));
  const errors: string[] = [];
  const { tries } = await runSender({
    outbox,
    retry: RETRY,
    isOver: (waiting) => waiting === 0,
    deliver: (one) => {
      if (one.id === '1') outbox.close('2');
      return accepted(one);
    },
    more: { log: { ...quietLog, error: (event) => errors.push(event) } },
  });
  expect(tries).toEqual(['1', '3'].map((id) => ({ id, at: 0 })));
  expect(errors).toEqual([]);
});

test('a long walk is looked at again every second: what has become more urgent does not wait for its end', async () => {
  const outbox = memoryOutbox(['2', '3', '4'].map(message));
  const clock = jumpingClock();
  const { tries } = await runSender({
    outbox,
    retry: RETRY,
    isOver: (waiting) => waiting === 0,
    deliver: async (one) => {
      await clock.sleep(600);
      if (one.id === '2') outbox.add(message('1'));
      return accepted(one);
    },
    more: { clock },
  });
  expect(tries.map(({ id }) => id)).toEqual(['2', '3', '1', '4']);
});

test('while the operator is away, all wait together, longer each time', async () => {
  let calls = 0;
  const deliver = (message: Message) => (++calls <= 3 ? UNREACHABLE : accepted(message));
  const { tries, alerts } = await trial({ ids: ['1', '2'], deliver, triesMax: 9 });
  expect(tries.map(({ at }) => at)).toEqual([0, 1_000, 3_000, 7_000, 7_000]);
  expect(alerts).toEqual([]);
});

test('a message that meets faults waits by itself and lets the others pass', async () => {
  const deliver = (message: Message, n: number) => (message.id === '1' && n <= 2 ? FAULT : accepted(message));
  const { tries } = await trial({ ids: ['1', '2'], deliver, triesMax: 9 });
  expect(tries).toEqual([
    { id: '1', at: 0 },
    { id: '2', at: 0 },
    { id: '1', at: 1_000 },
    { id: '1', at: 3_000 },
  ]);
});

test('after no answer others get their turn, and when the operator is back nobody waits longer', async () => {
  let calls = 0;
  const deliver = (message: Message) => (++calls <= 2 ? NO_ANSWER : accepted(message));
  const { tries } = await trial({ ids: ['1', '2', '3'], deliver, triesMax: 9 });
  expect(tries.map(({ id }) => id)).toEqual(['1', '2', '3', '1', '2']);
  expect(tries.map(({ at }) => at)).toEqual([0, 1_000, 3_000, 3_000, 3_000]);
});

test('a message at which the service breaks does not keep the others from it', async () => {
  const deliver = (message: Message) => (message.id === '1' ? NO_ANSWER : accepted(message));
  const { tries } = await trial({ ids: ['1', '2', '3'], deliver, triesMax: 6 });
  expect(tries.slice(0, 3).map(({ id }) => id)).toEqual(['1', '2', '3']);
  expect(tries.slice(3).every(({ id }) => id === '1')).toBe(true);
});

test('rejected is done and told once; unknown is told once and goes again', async () => {
  const deliver = (message: Message, n: number): Delivery => {
    const verdict = message.id === '1' ? 'rejected' : n <= 3 ? 'unknown' : 'accepted';
    const code = verdict === 'rejected' ? 'operator-rejected' : 'operator-answer-unknown';
    const receipt = receiptOf(verdict, message);
    return { outcome: 'answered', detail: '', receipt, ...(verdict !== 'accepted' && { failure: failure(code, '') }) };
  };
  const { tries, alerts } = await trial({ ids: ['1', '2'], deliver, triesMax: 9 });
  expect(tries.map(({ id }) => id)).toEqual(['1', '2', '2', '2', '2']);
  expect(alerts.map((alert) => [alert.message, alert.failure.code])).toEqual([
    ['1', 'operator-rejected'],
    ['2', 'operator-answer-unknown'],
  ]);
});

test('a message that is held is never tried and told once', async () => {
  const hold: SenderDeps['hold'] = ({ id }) => (id === '1' ? failure('pack-unverified', '') : undefined);
  const { tries, alerts } = await trial({ ids: ['1', '2'], deliver: accepted, triesMax: 1, more: { hold } });
  expect(tries.map(({ id }) => id)).toEqual(['2']);
  expect(alerts.map(({ message }) => message)).toEqual(['1']);
});

test('a store that refuses does not stop the sending', async () => {
  let refusals = 2;
  const outbox = memoryOutbox([message('1')]);
  const stop = new AbortController();
  const beginAttempt: typeof outbox.beginAttempt = async (id, at) => {
    if (refusals-- > 0) throw new OdecetError('store-full', 'no room');
    return outbox.beginAttempt(id, at);
  };
  const sender = createSender({
    outbox: { ...outbox, beginAttempt },
    clock: jumpingClock(),
    entropy: countingEntropy(),
    log: quietLog,
    retry: RETRY,
    alert: () => undefined,
    deliver: async (message) => {
      stop.abort();
      return accepted(message);
    },
  });
  await sender.run(stop.signal);
  expect(outbox.ended).toHaveLength(1);
});

test('wake ends the rest at once, and a try cut off by the signal is not recorded as ended', async () => {
  const outbox = memoryOutbox([]);
  const stop = new AbortController();
  const clock = jumpingClock();
  let resting: (() => void) | undefined;
  const sleeps = new Promise<void>((resolve) => {
    resting = resolve;
  });
  const sender = createSender({
    outbox,
    clock: {
      ...clock,
      sleep: (_ms, signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
          resting?.();
        }),
    },
    entropy: countingEntropy(),
    log: quietLog,
    retry: RETRY,
    alert: () => undefined,
    deliver: async () => {
      stop.abort();
      return NO_ANSWER;
    },
  });
  const running = sender.run(stop.signal);
  await sleeps;
  outbox.add(message('1'));
  sender.wake();
  await running;
  expect(outbox.ended).toEqual([]);
  expect((await outbox.heads()).map(({ state }) => state)).toEqual(['sent']);
});
