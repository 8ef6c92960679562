import { expect, test } from 'vitest';
import type { BackoffRule } from '../core/backoff.ts';
import { failure } from '../core/failure.ts';
import type { Message, Receipt } from '../core/message.ts';
import { HOUR_MS } from '../core/time.ts';
import type { Delivery } from './direct.ts';
import { runSender } from './sender.testkit.ts';
import { UNCLEAR_MAX } from './unclear.ts';
import { memoryOutbox, message, NOW, receiptOf } from './uplink.testkit.ts';

const RETRY: BackoffRule = { firstMs: 5_000, factor: 2, mostMs: 900_000, jitter: 0 };
const UNREACHABLE: Delivery = { outcome: 'not-sent', detail: '', failure: failure('operator-unreachable', '') };

function unknown(to: Message, xml: string, text = 'nobody knows'): Delivery {
  const receipt: Receipt = { ...receiptOf('unknown', to), reasons: [{ code: '99', type: 'A', text }], xml };
  return { outcome: 'answered', detail: text, receipt, failure: failure('operator-answer-unknown', text) };
}

/** An outbox that can be given to one sender after another, and what was stored in it. */
function stored(...ids: readonly string[]) {
  const outbox = memoryOutbox(ids.map(message));
  const receipts: Receipt[] = [];
  const endAttempt: typeof outbox.endAttempt = async (attempt, receipt) => {
    if (receipt) receipts.push(receipt);
    await outbox.endAttempt(attempt, receipt);
  };
  return { outbox: { ...outbox, endAttempt }, receipts, ended: outbox.ended };
}

/** One run of the program, for so many days. */
async function run(
  { outbox }: ReturnType<typeof stored>,
  days: number,
  deliver: (message: Message, tries: number) => Delivery,
) {
  const { tries, alerts } = await runSender({
    outbox,
    retry: RETRY,
    isOver: (_, __, now) => now > NOW + days * 24 * HOUR_MS,
    deliver: (each, made) => deliver(each, made.length),
  });
  return { tries, alerts: alerts.map((alert) => [alert.message, alert.failure.code]) };
}

test('an answer that nobody understands is asked for less and less, then waits for a person, who is told twice', async () => {
  const { tries, alerts } = await run(stored('1'), 30, (to, n) => unknown(to, `<r id="${n}"/>`));
  expect(tries).toHaveLength(UNCLEAR_MAX);
  const pauses = tries.slice(1).map(({ at }, n) => at - tries[n]!.at);
  expect(pauses.slice(0, 3)).toEqual([5_000, 10_000, 20_000]);
  expect(pauses.at(-1)).toBe(6 * HOUR_MS);
  expect(alerts).toEqual([
    ['1', 'operator-answer-unknown'],
    ['1', 'operator-answer-stays-unknown'],
  ]);
});

test('what an answer says is stored once, until it says something else', async () => {
  const kept = stored('1');
  const says = (n: number) => (n <= 3 ? 'A' : 'B');
  await run(kept, 30, (to, n) => unknown(to, `<r id="${n}"/>`, says(n)));
  expect(kept.receipts).toHaveLength(UNCLEAR_MAX);
  expect(kept.receipts.flatMap(({ xml }) => xml || [])).toEqual(['<r id="1"/>', '<r id="4"/>']);
  expect(kept.receipts[2]!.reasons[0]!.text).toContain('attempt 1');
  expect(kept.receipts[9]!.reasons[0]!.text).toContain('attempt 4');
  expect(kept.ended[1]!.detail).toBe('unknown: it says the same as the answer to attempt 1');
});

test('a message that waits for a person goes at once after a restart, under the same id', async () => {
  const kept = stored('1');
  await run(kept, 30, (to) => unknown(to, '<r/>'));
  const again = await run(kept, 1, (to) => ({ outcome: 'answered', detail: '', receipt: receiptOf('accepted', to) }));
  expect(again.tries).toEqual([{ id: '1', at: 0 }]);
});

test('an operator that was away and is back does not set it going again', async () => {
  const { tries } = await run(stored('1', '2'), 60, (to, n) => {
    if (to.id === '1') return unknown(to, '<r/>');
    return n % 2 === 0 ? UNREACHABLE : { outcome: 'fault', detail: '', failure: failure('operator-fault', '') };
  });
  expect(tries.filter(({ id }) => id === '1')).toHaveLength(UNCLEAR_MAX);
  expect(tries.filter(({ id }) => id === '2').length).toBeGreaterThan(100);
});

test('an answer whose storing failed is stored in full the next time', async () => {
  const kept = stored('1');
  let refusals = 1;
  const endAttempt: typeof kept.outbox.endAttempt = async (attempt, receipt) => {
    if (refusals-- > 0) throw new Error('no room');
    await kept.outbox.endAttempt(attempt, receipt);
  };
  await run({ ...kept, outbox: { ...kept.outbox, endAttempt } }, 1, (to) => unknown(to, '<r/>'));
  expect(kept.receipts[0]!.xml).toBe('<r/>');
});
