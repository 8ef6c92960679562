import type { Outbox } from '../buffer/outbox.ts';
import type { BackoffRule } from '../core/backoff.ts';
import type { Message } from '../core/message.ts';
import type { MonotonicMs, UtcMs } from '../core/time.ts';
import type { Delivery } from './direct.ts';
import { createSender, type SenderDeps, type UplinkAlert } from './sender.ts';
import { countingEntropy, jumpingClock, quietLog } from './uplink.testkit.ts';

/** One run of a sender on an outbox, in no time at all. */
export interface SenderRun {
  readonly outbox: Outbox;
  readonly retry: BackoffRule;
  readonly deliver: (message: Message, made: readonly Try[]) => Delivery | Promise<Delivery>;
  /** Asked whenever the sender looks at what waits: whether this look is its last. */
  readonly isOver: (waiting: number, tries: number, now: UtcMs) => boolean;
  readonly more?: Partial<SenderDeps>;
}

export interface Try {
  readonly id: string;
  readonly at: MonotonicMs;
}

export async function runSender({ outbox, retry, deliver, isOver, more }: SenderRun) {
  const clock = jumpingClock();
  const stop = new AbortController();
  const alerts: UplinkAlert[] = [];
  const tries: Try[] = [];
  const heads = async () => {
    const left = await outbox.heads();
    if (isOver(left.length, tries.length, clock.now())) stop.abort();
    return left;
  };
  const sender = createSender({
    outbox: { ...outbox, heads },
    clock,
    entropy: countingEntropy(),
    log: quietLog,
    retry,
    alert: (alert) => alerts.push(alert),
    deliver: async (message) => {
      tries.push({ id: message.id, at: clock.monotonicMs() });
      return deliver(message, tries);
    },
    ...more,
  });
  await sender.run(stop.signal);
  return { tries, alerts };
}
