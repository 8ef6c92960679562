import { describe, expect, it } from 'vitest';
import {
  aMessage,
  anAttempt,
  anInterval,
  aReceipt,
  DAY_START,
  memoryLog,
  memoryStore,
  POINT,
  standingClock,
} from '../buffer/buffer.testkit.ts';
import { type Buffer, openBuffer } from '../buffer/index.ts';
import { failure } from '../core/failure.ts';
import { HOUR_MS } from '../core/time.ts';
import { aPlan, aPoint, aSite } from './app.testkit.ts';
import { readAudit } from './audit-texts.ts';
import { deliveredByHand } from './delivered-by-hand.ts';
import type { HeldDays } from './held.ts';
import { wishOf } from './point-day.ts';

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

it.each([
  ['went and was not answered', 'no-answer', undefined],
  ['broke down at the operator', 'fault', undefined],
  ['was answered with something that nobody understands', 'answered', 'unknown'],
] as const)('a message that %s before the restore is closed as well', async (_, outcome, verdict) => {
  const { buffer, message, order } = await withMessage();
  const number = await buffer.outbox.beginAttempt(message.id, NOW);
  await buffer.outbox.endAttempt(anAttempt(message.id, number, outcome), verdict && aReceipt(message.id, verdict));
  expect(await deliveredByHand({ buffer, held: ALL_HELD }, order, NOW)).toEqual([message.id]);
  expect(await buffer.messageState(message.id)).toBe('accepted');
  expect(await buffer.outbox.heads()).toEqual([]);
  expect((await buffer.receipt(message.id))?.reasons[0]?.code).toBe('BY-HAND');
});

describe('what the operator had by hand and another message takes the place of', () => {
  const HOUR = { start: DAY_START, end: DAY_START + HOUR_MS };
  const SECOND = anInterval({ version: 2, value: { coefficient: 99n, exponent: 0 } });

  /** The same question to ledger, outbox and the life of each message. */
  async function truth(buffer: Buffer) {
    const { rows } = await buffer.ledger([{ point: POINT, channel: 'volume', spans: [HOUR] }]);
    const deliveries = await buffer.deliveryOf(POINT, 'volume', HOUR.start);
    return {
      ledger: rows.map(({ state, doubled }) => `${state}${doubled ? ' doubled' : ''}`).join(),
      waiting: (await buffer.outbox.heads()).map(({ message }) => message.id),
      messages: deliveries.map(({ state, accepted }) => `${state}${accepted ? ' accepted' : ''}`),
    };
  }

  async function replaced(how: 'corrects' | 'supersedes', version: 1 | 2) {
    const { buffer, message, order } = await withMessage();
    await deliveredByHand({ buffer, held: ALL_HELD }, order, NOW);
    if (version === 2) await buffer.keepIntervals([SECOND]);
    const carried = [version === 2 ? SECOND : anInterval()];
    const next = await buffer.queueMessage(
      (id) => aMessage(id, carried, how === 'corrects' ? { corrects: message.id } : {}),
      how === 'corrects' ? [] : [message.id],
    );
    const answer = async (verdict: 'accepted' | 'rejected') => {
      const number = await buffer.outbox.beginAttempt(next.id, NOW);
      await buffer.outbox.endAttempt(anAttempt(next.id, number, 'answered'), aReceipt(next.id, verdict));
    };
    return { buffer, message, next, answer };
  }

  it.each([
    ['corrects', 2, 'accepted', 'pending', 'accepted'],
    ['corrects', 2, 'rejected', 'pending', 'rejected'],
    ['corrects', 1, 'accepted', 'accepted', 'accepted'],
    ['supersedes', 2, 'accepted', 'pending', 'accepted'],
    ['supersedes', 2, 'rejected', 'pending', 'rejected'],
    ['supersedes', 1, 'accepted', 'accepted', 'accepted'],
    ['supersedes', 1, 'rejected', 'accepted', 'accepted'],
  ] as const)('one that %s it with version %i and is %s', async (how, version, verdict, before, after) => {
    const { buffer, next, answer } = await replaced(how, version);
    const first = how === 'corrects' ? 'accepted accepted' : 'superseded accepted';
    expect(await truth(buffer)).toEqual({ ledger: before, waiting: [next.id], messages: [first, 'prepared'] });
    await answer(verdict);
    const second = verdict === 'accepted' ? 'accepted accepted' : 'rejected';
    expect(await truth(buffer)).toEqual({ ledger: after, waiting: [], messages: [first, second] });
  });

  it('is what the next correction names, when the one that took its place was rejected', async () => {
    const { buffer, message, answer } = await replaced('supersedes', 2);
    await answer('rejected');
    const third = anInterval({ version: 3, value: { coefficient: 98n, exponent: 0 } });
    await buffer.keepIntervals([third]);
    const { rows } = await buffer.ledger([{ point: POINT, channel: 'volume', spans: [HOUR] }]);
    const plan = aPoint(aPlan({ point: POINT }), { published: ['volume'] });
    const wish = wishOf({ plan, rows, intervals: { volume: [third] }, exchanges: [] }, aSite());
    expect(wish).toEqual({ kind: 'correct', message: message.id });
    await buffer.queueMessage((id) => aMessage(id, [third], { corrects: message.id }));
    expect(await truth(buffer)).toMatchObject({ ledger: 'pending' });
  });
});

it('an answer by hand whose record is damaged is given back by the second copy; until then the day is held as before', async () => {
  const store = memoryStore();
  const vital = memoryLog();
  const open = () => openBuffer(store, { clock: standingClock(NOW), vital });
  const buffer = await open();
  await buffer.keepIntervals([anInterval()]);
  const { id, day } = await buffer.queueMessage((own) => aMessage(own, [anInterval()]));
  await deliveredByHand({ buffer, held: ALL_HELD }, { days: [day], reason: 'it has it', by: 'J. Novák' }, NOW);
  for (const [key, bytes] of store.rows) if (key.startsWith(`e/${id}/`)) bytes[30]! ^= 1;
  const again = await open();
  await again.quarantine(
    [...store.rows.keys()].filter((key) => key.startsWith(`e/${id}/`)).map((key) => ({ key, detail: 'checksum' })),
  );
  expect(await again.messageState(id)).not.toBe('accepted');
  await again.restoreVital();
  expect(await again.messageState(id)).toBe('accepted');
  expect(await again.outbox.heads()).toEqual([]);
  expect((await again.receipt(id))?.reasons[0]?.text).toContain('J. Novák');
});
