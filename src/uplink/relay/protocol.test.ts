import { describe, expect, test } from 'vitest';
import type { Reason } from '../../core/message.ts';
import { hostCodec, hostSigner, newKeyPem } from '../../host/signer.ts';
import { ANSWER_BYTES_MAX } from '../../message/answer.ts';
import { packFrame } from './frame.ts';
import { answerOf, openReceipt, packReceipt } from './protocol.ts';

const codec = hostCodec();
const signer = hostSigner(newKeyPem());

function receiptWith(reasons: readonly Reason[], answer = '<r/>') {
  const text = { relay: 'centre-1', site: 'site-a', id: '00000000000001', hash: 'a'.repeat(64), at: 0 };
  return openReceipt(packReceipt({ ...text, stage: 'rejected', reasons, answer }, signer, codec));
}

const reasons = (count: number, text: string): Reason[] =>
  Array.from({ length: count }, (_, n) => ({ code: '1234', type: 'A59', blockId: String(n), text: `${text} ${n}` }));

describe('a receipt with many reasons reaches the site', () => {
  test.each([
    [0, 'short'],
    [528, 'Hodnota za odběrné místo 27ZG700000000000X neodpovídá kapacitě místa'],
    [528, 'ř'.repeat(5_000)],
    [528, '\u0001'.repeat(5_000)],
    [10_000, ''],
  ])('%i of them', (count, text) => {
    const head = receiptWith(reasons(count, text))?.head;
    const last = head?.reasons.at(-1);
    if (!head || count === 0) return expect(head?.reasons).toEqual([]);
    expect(head.reasons.length).toBeGreaterThan(1);
    expect(last).toMatchObject({ text: `and ${count - head.reasons.length + 1} more; see the answer` });
  });

  test('those that fit stand as they are', () => {
    expect(receiptWith(reasons(100, 'Důvod'))?.head.reasons).toEqual(reasons(100, 'Důvod'));
  });
});

test('an answer of the length that is read at the centre is read at the site, in bytes', () => {
  const answer = 'ě'.repeat(ANSWER_BYTES_MAX / 2);
  expect(answerOf(receiptWith([], answer)!, codec)).toBe(answer);
  expect(answerOf(receiptWith([], `${answer}x`)!, codec)).toBeUndefined();
});

test('a line that nobody would read is not made', () => {
  expect(() => packFrame({ text: 'x'.repeat(64_000) }, new Uint8Array(0), signer)).toThrow(RangeError);
});
