import { type BackoffRule, backoffMs } from '../core/backoff.ts';
import { failure, OdecetError } from '../core/failure.ts';
import type { Message } from '../core/message.ts';
import type { Millis } from '../core/time.ts';
import { childAbort } from '../machine/abort.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Log } from '../machine/log.ts';
import type { Codec } from '../machine/signer.ts';
import type { Delivery } from '../uplink/direct.ts';
import { documentOf, openEnvelope } from '../uplink/relay/protocol.ts';
import type { Claimed, RelayStore, Settled, SiteMessage, Standing } from './store.ts';

/** A look at the store even if nobody rang: another relay's messages, and those that wait for their time. */
const LOOK_EVERY_MS = 1_000;

export interface DispatcherDeps {
  readonly store: RelayStore;
  readonly codec: Codec;
  /** One try to hand a message to the operator under the sender's identity. */
  readonly deliver: (message: Message, sender: string, signal: AbortSignal) => Promise<Delivery>;
  readonly answer: (message: SiteMessage, standing: Standing) => void;
  /** A message that waits for a person; undefined when it no longer does. */
  readonly alert: (message: SiteMessage, problem: Delivery['failure']) => void;
  readonly inFlightMax: number;
  /** Messages begun in a second at most. */
  readonly perSecondMax: number;
  /** Longer than one try can take; after it another relay may take over. */
  readonly leaseMs: Millis;
  readonly retry: BackoffRule;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface Dispatcher {
  /** Sends until the signal aborts; what is under way then goes again after its lease, by the same id. */
  run(signal: AbortSignal): Promise<void>;
  wake(): void;
}

/** From the store to the operator: several under way, so many a second, and a pause for all while the operator is away. */
export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const { store, clock, entropy, log, retry } = deps;
  let bell = new AbortController();
  let underWay = 0;
  let awayFailures = 0;
  let pausedUntil = clock.monotonicMs();
  let settling: Settled[] = [];
  let settled: Promise<void> | undefined;

  async function attempt({ message, attempt: number }: Claimed, signal: AbortSignal): Promise<void> {
    const document = marketMessage(message, deps.codec);
    const startedAt = clock.now();
    deps.answer(message, { stage: 'sent', reasons: [], at: startedAt, attempts: number });
    const delivery = document
      ? await deps.deliver(document, message.sender, signal)
      : {
          outcome: 'not-sent' as const,
          detail: 'its record is damaged',
          failure: failure(
            'store-damaged',
            `message ${message.id} of ${message.site}: the record is not what was signed`,
          ),
        };
    if (signal.aborted && delivery.outcome !== 'answered') return;
    const result = resultOf(message, number, delivery);
    await settle(result);
    const { outcome, detail } = delivery;
    log.info('message-tried', { site: message.site, message: message.id, number, outcome, detail });
    noteOperator(delivery);
    if (result.stage !== 'sent') deps.answer(message, { ...result, attempts: number });
    deps.alert(message, delivery.receipt?.verdict === 'accepted' ? undefined : forPerson(delivery));
  }

  function resultOf({ sender, id }: SiteMessage, number: number, { receipt }: Delivery): Settled {
    const at = clock.now();
    const dueAt = at + backoffMs(retry, number, entropy.fraction());
    if (!receipt) return { sender, id, stage: 'sent', reasons: [], at, dueAt };
    return { sender, id, stage: receipt.verdict, reasons: receipt.reasons, answer: receipt.xml, at, dueAt };
  }

  /** All that ended while the store was writing goes down in one write. */
  async function settle(result: Settled): Promise<void> {
    settling.push(result);
    settled ??= (async () => {
      await clock.sleep(0);
      const group = settling;
      settling = [];
      settled = undefined;
      await store.settle(group);
    })();
    await settled;
  }

  function noteOperator({ outcome, failure: problem }: Delivery): void {
    const isAway = outcome === 'no-answer' || problem?.code === 'operator-unreachable';
    if (!isAway) {
      awayFailures = 0;
      return;
    }
    if (clock.monotonicMs() < pausedUntil) return;
    awayFailures += 1;
    pausedUntil = clock.monotonicMs() + backoffMs(retry, awayFailures, entropy.fraction());
  }

  async function rest(ms: Millis, rung: AbortSignal, signal: AbortSignal): Promise<void> {
    const either = childAbort(rung, signal);
    await clock.sleep(ms, either.signal).catch((reason: unknown) => {
      if (!either.signal.aborted) throw reason;
    });
    either.release();
  }

  function start(claimed: Claimed, signal: AbortSignal): void {
    underWay += 1;
    void attempt(claimed, signal)
      .catch((error: unknown) => {
        const problem = error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
        // Its lease gives it back.
        if (!signal.aborted) log.error('relay-stumbled', { ...problem, message: claimed.message.id });
      })
      .finally(() => {
        underWay -= 1;
        bell.abort();
      });
  }

  async function step(signal: AbortSignal): Promise<void> {
    bell = new AbortController();
    const rung = bell.signal;
    const pauseMs = pausedUntil - clock.monotonicMs();
    if (pauseMs > 0) return rest(pauseMs, rung, signal);
    // While it is not known whether the operator is back, one goes first.
    const room = awayFailures > 0 ? Number(underWay === 0) : deps.inFlightMax - underWay;
    const claimed = room > 0 ? await store.claim(room, clock.now(), deps.leaseMs) : [];
    for (const one of claimed) start(one, signal);
    if (claimed.length === 0) return rest(LOOK_EVERY_MS, rung, signal);
    await clock.sleep((claimed.length * 1_000) / deps.perSecondMax, signal);
  }

  return {
    async run(signal) {
      let failures = 0;
      while (!signal.aborted) {
        try {
          await step(signal);
          failures = 0;
        } catch (error) {
          if (signal.aborted) break;
          failures += 1;
          const problem = error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
          log.error('relay-waits', { ...problem, failures });
          await rest(backoffMs(retry, failures, entropy.fraction()), new AbortController().signal, signal);
        }
      }
      while (underWay > 0) await clock.sleep(10);
    },
    wake: () => bell.abort(),
  };
}

/** The market message inside; undefined when the record no longer holds what was signed. */
function marketMessage({ envelope }: SiteMessage, codec: Codec): Message | undefined {
  const opened = openEnvelope(envelope);
  const xml = opened && documentOf(opened, codec);
  if (!opened || xml === undefined) return undefined;
  const { id, kind: commodity, day, pack, madeAt, corrects } = opened.head;
  return { id, commodity, day, pack, madeAt, xml, carried: [], ...(corrects !== undefined && { corrects }) };
}

/** What waiting does not mend. */
function forPerson({ outcome, receipt, failure: problem }: Delivery): Delivery['failure'] {
  const isForPerson = receipt !== undefined || (outcome === 'not-sent' && problem?.code !== 'operator-unreachable');
  return isForPerson ? problem : undefined;
}
