import { expect, test } from 'vitest';
import { aMessage, anAttempt, aReceipt, memoryStore } from '../../buffer/buffer.testkit.ts';
import { openBuffer } from '../../buffer/index.ts';
import { simFolder } from '../../sim/folder.ts';
import type { AnswerText, CommandHead } from '../../uplink/relay/command.ts';
import { quietLog } from '../../uplink/uplink.testkit.ts';
import { openCommandBook } from './book.ts';
import { diagnose, rememberTroubles } from './diagnose.ts';
import { resend } from './resend.ts';

/** The lesser kinds of commands, and what a site remembers of results. */
const NOW = Date.UTC(2026, 5, 1, 8);
const clock = { now: () => NOW };

async function outboxOf(count: number) {
  const buffer = await openBuffer(memoryStore(), { clock });
  const messages = [];
  for (let n = 0; n < count; n++) messages.push(await buffer.queueMessage((id) => aMessage(id, [])));
  return { buffer, ids: messages.map(({ id }) => id) };
}

test('resend: what waits goes again by its id, and nothing new is made', async () => {
  const { buffer, ids } = await outboxOf(3);
  await buffer.outbox.beginAttempt(ids[0]!, NOW);
  await buffer.outbox.endAttempt(anAttempt(ids[0]!, 1, 'answered'), aReceipt(ids[0]!, 'accepted'));
  const sent: (readonly string[])[] = [];
  const line = { sendAgain: (messages: readonly string[]) => void sent.push(messages) };
  expect(await resend(buffer, {}, line)).toMatchObject({ outcome: 'done' });
  expect(await resend(buffer, { message: ids[1]! }, line)).toMatchObject({ outcome: 'done' });
  expect(sent).toEqual([[ids[1], ids[2]], [ids[1]]]);
  const accepted = await resend(buffer, { message: ids[0]! }, line);
  expect(accepted).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('is accepted') });
  const unknown = await resend(buffer, { message: '99999999999999' }, line);
  expect(unknown).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('no message') });
  expect(sent).toHaveLength(2);
  expect(await buffer.outbox.heads()).toHaveLength(2);
});

test('diagnose: no secret, no more than so much, and a part that fails hides no other', async () => {
  const troubles = rememberTroubles(quietLog, clock.now);
  for (let n = 0; n < 300; n++) troubles.log.child({ line: 'a' }).warn('broker-away', { n, password: 'hunter2' });
  const told = await diagnose({
    status: () => ({ site: 'a', brokerPassword: 'hunter2' }),
    troubles: troubles.last,
    broken: () => Promise.reject(new Error('disk')),
    huge: () => 'x'.repeat(1_000_000),
    small: () => 1,
  });
  expect(told).toMatchObject({
    outcome: 'done',
    result: {
      status: { site: 'a' },
      broken: 'not to be had: disk',
      huge: expect.stringContaining('left out'),
      small: 1,
    },
  });
  const text = JSON.stringify(told);
  expect(text).not.toContain('hunter2');
  expect(text.length).toBeLessThan(500_000);
  expect(troubles.last()).toHaveLength(100);
  expect(troubles.last().at(-1)).toMatchObject({ level: 'warn', event: 'broker-away', at: '2026-06-01T08:00:00Z' });
  expect(troubles.last().at(-1)?.fields).toContain('"line":"a"');
});

test('the results of the last commands are given again, older ones by their outcome only', async () => {
  const buffer = await openBuffer(memoryStore(), { clock });
  const folder = simFolder();
  const book = await openCommandBook(buffer, folder, clock.now);
  const head = (id: string): CommandHead => ({
    ...{ v: 1, what: 'command', relay: 'centre-1', site: 'site-a', kind: 'read', by: 'jn', hash: '0'.repeat(64) },
    ...{ id, madeAt: NOW, expiresAt: NOW + 1_000 },
  });
  const ids = Array.from({ length: 20 }, (_, n) => String(n).padStart(32, '0'));
  for (const id of ids) {
    const text: AnswerText = { id, of: id, outcome: 'taken', reason: '', detail: '', at: NOW, result: 'null' };
    await book.received(head(id), '{}', text);
    await book.concluded({ ...text, outcome: 'done', result: JSON.stringify({ id }) });
  }
  const again = await openCommandBook(buffer, folder, clock.now);
  expect(await again.find(ids[19]!)).toMatchObject({ outcome: 'done', result: JSON.stringify({ id: ids[19] }) });
  expect(await again.find(ids[4]!)).toMatchObject({ result: JSON.stringify({ id: ids[4] }) });
  expect(await again.find(ids[3]!)).toMatchObject({
    outcome: 'done',
    result: expect.stringContaining('no longer kept'),
  });
  expect((await folder.list('answers')).length).toBe(16);
  // A restart goes on where it was: the next result takes the place of the oldest.
  const text: AnswerText = {
    id: 'f'.repeat(32),
    of: '',
    outcome: 'taken',
    reason: '',
    detail: '',
    at: NOW,
    result: 'null',
  };
  await again.received(head(text.id), '{}', text);
  await again.concluded({ ...text, outcome: 'failed', result: '1' });
  expect(await again.find(ids[4]!)).toMatchObject({ result: expect.stringContaining('no longer kept') });
  expect(await again.find(ids[5]!)).toMatchObject({ result: JSON.stringify({ id: ids[5] }) });
});
