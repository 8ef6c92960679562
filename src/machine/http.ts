import type { Failure } from '../core/failure.ts';
import type { Millis } from '../core/time.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** For everything: connect, send, and the last byte of the answer. */
  readonly withinMs: Millis;
  /** An answer longer than this is cut off and counts as no answer. */
  readonly answerBytesMax: number;
}

/**
 * What became of a request. `not-sent` is said only when no byte of the body can have left this machine (name not found,
 * connection refused, TLS not agreed); everything else without an answer is `no-answer`.
 */
export type HttpOutcome =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Uint8Array;
    }
  | { readonly kind: 'not-sent'; readonly failure: Failure }
  | { readonly kind: 'no-answer'; readonly failure: Failure };

/** An HTTP client under one TLS identity. Never follows redirects, never retries by itself. */
export interface Http {
  send(request: HttpRequest, signal?: AbortSignal): Promise<HttpOutcome>;
  close(): Promise<void>;
}
