import { expect, it } from 'vitest';
import { aMessage, anInterval, DAY_START, memoryStore, standingClock } from '../buffer/buffer.testkit.ts';
import { openBuffer } from '../buffer/index.ts';
import { failure } from '../core/failure.ts';
import { HOUR_MS } from '../core/time.ts';
import { readAudit } from './audit-texts.ts';
import { deliveredByHand } from './delivered-by-hand.ts';
import type { HeldDays } from './held.ts';

const ALL_HELD: HeldDays = { hold: () => failure('day-held', 'held'), release: async () => [] };
const NONE_HELD: HeldDays = { hold: () => undefined, release: async () => [] };
const NOW = DAY_START + 100 * HOUR_MS;

async function withMessage() {
  const buffer = await openBuffer(memoryStore(), { clock: standingClock(NOW) });
  const intervals = [anInterval()];
  await buffer.keepIntervals(intervals);
  const message = await buffer.queueMessage((id) => aMessage(id, intervals));
  return { buffer, message, order: { days: [message.day], reason: 'the operator has it', by: 'J. Novák' } };
}

it('a held day that the operator has is closed as accepted, with who and why in the audit log, and never sent', async () => {
  const { buffer, message, order } = await withMessage();
  expect(await deliveredByHand({ buffer, held: ALL_HELD }, order, NOW)).toEqual([message.id]);
  expect(await buffer.outbox.heads()).toEqual([]);
  expect(await buffer.messageState(message.id)).toBe('accepted');
  expect((await buffer.receipt(message.id))?.reasons[0]?.text).toContain('J. Novák');
  expect((await buffer.auditLog()).map(({ text }) => readAudit(text))).toMatchObject([
    { what: 'delivered', by: 'J. Novák', days: [message.day], messages: [message.id] },
  ]);
  await expect(buffer.queueMessage((id) => aMessage(id, [anInterval()]))).rejects.toMatchObject({
    failure: { code: 'already-queued' },
  });
});

it.each([
  ['a message that is not held may be under way', NONE_HELD, {}],
  ['a day without a message cannot be closed', ALL_HELD, { days: ['2020-01-01'] }],
  ['the other commodity has none', ALL_HELD, { commodity: 'electricity' as const }],
  ['nobody said why', ALL_HELD, { reason: ' ' }],
  ['nobody said who', ALL_HELD, { by: '' }],
])('%s: refused, and nothing is written', async (_, held, change) => {
  const { buffer, message, order } = await withMessage();
  const refused = deliveredByHand({ buffer, held }, { ...order, ...change }, NOW);
  await expect(refused).rejects.toMatchObject({ failure: { code: 'usage' } });
  expect(await buffer.auditLog()).toEqual([]);
  expect(await buffer.messageState(message.id)).toBe('prepared');
});

it('an order that was broken off between its records can be given again', async () => {
  const { buffer, message, order } = await withMessage();
  await buffer.outbox.beginAttempt(message.id, NOW);
  await deliveredByHand({ buffer, held: ALL_HELD }, order, NOW);
  expect(await buffer.messageState(message.id)).toBe('accepted');
});
