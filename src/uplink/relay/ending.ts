import { type Failure, failure } from '../../core/failure.ts';
import type { Reason, Receipt } from '../../core/message.ts';
import type { UtcMs } from '../../core/time.ts';
import type { Codec } from '../../machine/signer.ts';
import { answerOf, type RelayReceipt } from './protocol.ts';

/** How a try ended, as the outbox keeps it. */
export interface Ending {
  readonly outcome: 'not-sent' | 'no-answer' | 'answered';
  readonly detail: string;
  readonly receipt?: Receipt;
  readonly problem?: Failure;
}

export function endingOf(receipt: Receipt): Ending {
  const text = textOf(receipt.reasons);
  const problem = failure('operator-rejected', `message ${receipt.message}: ${text}`);
  const detail = `${receipt.verdict}: ${text}`;
  return { outcome: 'answered', detail, receipt, ...(receipt.verdict === 'rejected' && { problem }) };
}

export function textOf(reasons: readonly Reason[]): string {
  if (reasons.length === 0) return 'no reason is given';
  return reasons.map(({ code, type, text }) => [code, type, text].filter(Boolean).join(' ')).join('; ');
}

/** The operator's answer that a relay's last receipt brings; undefined where it is not the one that was signed for. */
export function receiptOf(received: RelayReceipt, codec: Codec, receivedAt: UtcMs): Receipt | undefined {
  const { id, stage, reasons } = received.head;
  const xml = answerOf(received, codec);
  if (xml === undefined || (stage !== 'accepted' && stage !== 'rejected')) return undefined;
  return { message: id, verdict: stage, reasons, receivedAt, xml };
}
