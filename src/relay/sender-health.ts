import { failure } from '../core/failure.ts';
import { HOUR_MS, isoUtc, type MonotonicMs } from '../core/time.ts';
import type { Delivery } from '../uplink/direct.ts';
import { alertId } from '../uplink/relay/alerts.ts';
import type { HealthDeps } from './health.ts';

/** An operator who is away for an hour at night is nobody's alarm. */
const TRIES_MIN = 5;
const FAILING_MS = HOUR_MS;

export interface SenderHealth {
  tried(sender: string, delivery: Delivery): void;
}

interface Trouble {
  readonly since: MonotonicMs;
  readonly sinceText: string;
  readonly tries: number;
}

/**
 * An alert of the relay itself for each sender whose messages get no answer, only faults or silence: waiting might mend it, so no
 * message is told by itself, and where other senders work nothing else shows it.
 */
export function createSenderHealth({ alerts, clock, log }: HealthDeps): SenderHealth {
  const troubles = new Map<string, Trouble>();
  const known = new Set<string>();

  function good(sender: string): void {
    // An earlier run may have left one.
    if (!troubles.delete(sender) && known.has(sender)) return;
    known.add(sender);
    alerts.clear(alertId('sender', sender));
  }

  return {
    tried(sender, { outcome, detail, failure: problem }) {
      if (outcome === 'answered') return good(sender);
      const now = clock.monotonicMs();
      const before = troubles.get(sender) ?? { since: now, sinceText: isoUtc(clock.now()), tries: 0 };
      const trouble = { ...before, tries: before.tries + 1 };
      troubles.set(sender, trouble);
      if (trouble.tries < TRIES_MIN || now - trouble.since < FAILING_MS) return;
      const { code, detail: why } = problem ?? failure('operator-no-answer', detail);
      const said = `no message of ${sender} was answered since ${trouble.sinceText}; the last try: ${why}`;
      log.warn('sender-failing', { code, sender, tries: trouble.tries });
      alerts.raise(alertId('sender', sender), failure(code, said));
    },
  };
}
