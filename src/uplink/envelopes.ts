import type { MessageId } from '../core/message.ts';
import type { Millis, UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Sealable, Sealer, Verified } from '../machine/sealer.ts';
import type { Outgoing } from './direct.ts';

/** So many at most, each of 100 kB at most. */
const KEPT_MAX = 16;

export interface EnvelopeParts {
  readonly sealer: Sealer;
  readonly clock: Clock;
  /** The operator's certificates, PEM texts. */
  readonly operatorCertificates: readonly string[];
  /** How far the operator's clock may be from ours, and how long our own message counts as fresh. */
  readonly timestampWindowMs: Millis;
}

/** WS-Security as one sender of messages uses it. */
export interface Envelopes {
  /** The message sealed: the same bytes again while they are fresh and have not left. Rejects as Sealer.seal does. */
  sealed(message: Outgoing): Promise<Uint8Array>;
  /** The envelope may have arrived. */
  left(id: MessageId): void;
  verified(text: string, receivedAt: UtcMs): Promise<Verified>;
}

/**
 * While the operator is away a message is tried often and sealed once. Bytes that may have arrived are never sent again: a
 * receiver may refuse a signature that it has seen as a replay (WS-Security 1.0, 13), so the same id goes under a new one.
 */
export function createEnvelopes({ sealer, clock, operatorCertificates, timestampWindowMs }: EnvelopeParts): Envelopes {
  const kept = new Map<MessageId, { readonly mark: string; readonly bytes: Uint8Array; readonly sealedAt: UtcMs }>();
  /** The second half of its time is for the way and for clocks that differ; a wall clock set back makes it anew. */
  const isFresh = (sealedAt: UtcMs): boolean => {
    const age = clock.now() - sealedAt;
    return age >= 0 && age <= timestampWindowMs / 2;
  };
  return {
    async sealed({ id, xml }) {
      const found = kept.get(id);
      const mark = markOf(xml);
      if (found && found.mark === mark && isFresh(found.sealedAt)) return found.bytes;
      const sealedAt = clock.now();
      const bytes = await sealer.seal(xml, { now: sealedAt, validMs: timestampWindowMs });
      kept.delete(id);
      kept.set(id, { mark, bytes, sealedAt });
      const [oldest] = kept.keys();
      if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
      return bytes;
    },
    left: (id) => void kept.delete(id),
    verified: (text, receivedAt) =>
      sealer.verify(text, { trusted: operatorCertificates, now: receivedAt, windowMs: timestampWindowMs }),
  };
}

/** What tells one document from another. */
function markOf(document: Sealable): string {
  return typeof document === 'string' ? document : document.sha256;
}
