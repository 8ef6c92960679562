import { type Failure, failure } from '../../src/core/failure.ts';
import { type Ask, judgeAnswerPdu } from './pdu.ts';

/** How a PDU stands on the wire: RTU, ASCII or TCP. */
export interface Framing {
  /** Makes the frame that asks `unit`, and with it the judge of what comes back. */
  ask(unit: number, ask: Ask): Exchange;
}

/** One request and its answer. */
export interface Exchange {
  readonly frame: Uint8Array;
  /** Judges all bytes that have come since the frame was sent (and that were not skipped). Never throws. */
  judge(received: Uint8Array): Judged;
}

/**
 * more    so far it may become the answer
 * older   the first `length` bytes are a whole answer to an earlier request, told by its transaction id
 * answer  exactly one good answer and nothing else; `data` are two bytes for each register or bit
 * broken  it can no longer become a good answer
 */
export type Judged =
  | { readonly kind: 'more' }
  | { readonly kind: 'older'; readonly length: number }
  | { readonly kind: 'answer'; readonly data: Uint8Array }
  | { readonly kind: 'broken'; readonly failure: Failure };

/** A frame whose checksum, where it has one, is right: `length` says where it ends. */
export interface Frame {
  readonly unit: number;
  readonly pdu: Uint8Array;
  readonly length: number;
}

export type Parsed<F extends Frame = Frame> =
  | { readonly kind: 'more' }
  | ({ readonly kind: 'frame' } & F)
  | { readonly kind: 'broken'; readonly failure: Failure };

/** Whether a whole frame is the one answer to the request and nothing else came. */
export function judgeFrame(frame: Frame, receivedBytes: number, unit: number, ask: Ask): Judged {
  if (frame.unit !== unit) return broken('wrong-address', `unit ${frame.unit} answered`);
  // Before the PDU: an exception with bytes after it must not count as an answer that leaves the line clean.
  const over = receivedBytes - frame.length;
  if (over > 0) return broken('frame-trailing', `${over} bytes after the answer`);
  return judgeAnswerPdu(frame.pdu, ask);
}

export function broken(code: Failure['code'], detail: string): { kind: 'broken'; failure: Failure } {
  return { kind: 'broken', failure: failure(code, detail) };
}
