import type { Failure } from '../../src/core/failure.ts';
import type { RegisterRange } from './registers.ts';

/** How a PDU stands on the wire: RTU and TCP now; ASCII fits the same shape. */
export interface Framing {
  /** Makes the frame that asks `unit` for `range`, and with it the judge of what comes back. */
  ask(unit: number, range: RegisterRange): Exchange;
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
 * answer  exactly one good answer and nothing else; `data` are the registers' bytes
 * broken  it can no longer become a good answer
 */
export type Judged =
  | { readonly kind: 'more' }
  | { readonly kind: 'older'; readonly length: number }
  | { readonly kind: 'answer'; readonly data: Uint8Array }
  | { readonly kind: 'broken'; readonly failure: Failure };
