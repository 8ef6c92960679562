import { type BackoffRule, backoffMs } from '../core/backoff.ts';
import { failure, OdecetError } from '../core/failure.ts';
import type { Millis, MonotonicMs } from '../core/time.ts';
import { childAbort } from '../machine/abort.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { HttpOutcome } from '../machine/http.ts';
import type { Log } from '../machine/log.ts';
import type { Delivery, Outgoing, Turn } from '../uplink/direct.ts';
import { documentIn, openEnvelope } from '../uplink/relay/protocol.ts';
import { type Answers, createAnswers } from './answers.ts';
import { createPlaces } from './places.ts';
import { createRate, type Rate } from './rate.ts';
import { createSharedRate } from './shared-rate.ts';
import {
  type Claimed,
  type DamagedMessage,
  isOfAll,
  type RelayStore,
  type Settled,
  type SiteMessage,
  type Standing,
} from './store.ts';

/** A look at the store even if nobody rang: another relay's messages, and those that wait for their time. */
const LOOK_EVERY_MS = 1_000;
/** However long a store was away, it is soon found to be back. */
const STORE_AGAIN_MS_MAX = 30_000;

const TURN_TOO_LATE = {
  kind: 'not-sent' as const,
  failure: failure('operator-unreachable', 'its turn came too late, after so many others of all relays'),
};

export interface DispatcherDeps {
  readonly store: RelayStore;
  /** Each is served by itself: where one cannot be reached, perhaps for its certificate, the others go on. */
  readonly senders: ReadonlySet<string>;
  /** One try to hand a message to the operator under the sender's identity; only what waits for the operator takes a turn. */
  readonly deliver: (message: Outgoing, sender: string, signal: AbortSignal, turn: Turn) => Promise<Delivery>;
  readonly answer: (message: SiteMessage, standing: Standing) => void;
  /** A message that waits for a person; undefined when it no longer does. */
  readonly alert: (message: Pick<SiteMessage, 'site' | 'id'>, problem: Delivery['failure']) => void;
  /** Of one sender, at the operator at once. */
  readonly inFlightMax: number;
  /** Messages of one sender that leave in a second at most, through all relays that share the store. */
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

/** From the store to the operator, each sender in a lane of its own. */
export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const { clock, entropy, retry, senders } = deps;
  const answers = createAnswers({ ...deps, settle: inGroups(deps) });
  const lanes = [...senders].map((sender) => createLane(sender, deps, answers));
  return {
    async run(signal) {
      for (let failures = 1; !signal.aborted; failures++) {
        const released = await deps.store.release().then(
          () => true,
          (error: unknown) => told(deps, error, { failures }),
        );
        if (released) break;
        await clock.sleep(backoffMs(retry, failures, entropy.fraction()), signal).catch(() => undefined);
      }
      await Promise.all(lanes.map((lane) => lane.run(signal)));
    },
    wake() {
      for (const lane of lanes) lane.wake();
    },
  };
}

/**
 * Several under way, so many a second, and a pause for all while the operator is away. Beside those at the operator as many are
 * sealed, or their answers kept: else the operator would wait for us, and we for the operator.
 */
function createLane(sender: string, deps: DispatcherDeps, answers: Answers): Dispatcher {
  const { store, clock, entropy, log, retry } = deps;
  const underWayMax = 2 * deps.inFlightMax;
  const places = createPlaces(deps.inFlightMax);
  const rate = rateOf(sender, deps);
  let bell = new AbortController();
  let underWay = 0;
  let awayFailures = 0;
  let pausedUntil = clock.monotonicMs();

  async function attempt({ message, attempt: number }: Claimed, claimedAt: MonotonicMs, signal: AbortSignal) {
    const outgoing = marketMessage(message);
    const turn: Turn = (send) => inTurn(send, claimedAt, signal);
    const delivery = outgoing ? await deps.deliver(outgoing, sender, signal, turn) : damaged(message);
    if (signal.aborted && delivery.outcome !== 'answered') return;
    noteOperator(delivery);
    await answers.take(message, number, delivery);
  }

  /** What is sealed when another has found the operator away does not leave. */
  const inTurn = (
    send: () => Promise<HttpOutcome>,
    claimedAt: MonotonicMs,
    signal: AbortSignal,
  ): Promise<HttpOutcome> =>
    places.one(async () => {
      signal.throwIfAborted();
      // What was sealed meanwhile would leave all at once when a slow operator answers.
      await rate.pass(signal);
      // Half a lease is longer than an answer takes: what leaves later might be another relay's before it is answered.
      if (clock.monotonicMs() - claimedAt > deps.leaseMs / 2) return TURN_TOO_LATE;
      if (clock.monotonicMs() < pausedUntil) {
        const detail = 'another message has just found the operator away';
        return { kind: 'not-sent', failure: failure('operator-unreachable', detail) };
      }
      const outcome = await send();
      if (outcome.kind === 'not-sent' || outcome.kind === 'no-answer') isAway();
      return outcome;
    });

  function noteOperator({ outcome, failure: problem }: Delivery): void {
    if (problem === TURN_TOO_LATE.failure) return;
    if (outcome === 'no-answer' || problem?.code === 'operator-unreachable') isAway();
    else awayFailures = 0;
  }

  function isAway(): void {
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

  function start(claimed: Claimed, claimedAt: MonotonicMs, signal: AbortSignal): void {
    underWay += 1;
    void attempt(claimed, claimedAt, signal)
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

  /** While it is not known whether the operator is back, one goes first; else so many that the store is asked seldom. */
  function room(): number {
    if (awayFailures > 0) return Number(underWay === 0);
    const free = underWayMax - underWay;
    return free >= underWayMax / 8 ? free : 0;
  }

  /** Everything else goes on; this one waits for its site to send it again. */
  function tellDamage({ id, site, why }: DamagedMessage): void {
    const problem = failure(
      'store-damaged',
      `message ${id} of ${site}: ${why}; have its site send it again: odecet command ${site} resend ${id}`,
    );
    log.error('message-damaged', { ...problem, message: id, site });
    deps.alert({ id, site }, problem);
  }

  async function step(signal: AbortSignal): Promise<void> {
    bell = new AbortController();
    const rung = bell.signal;
    const pauseMs = pausedUntil - clock.monotonicMs();
    if (pauseMs > 0) return rest(pauseMs, rung, signal);
    const limit = room();
    const claimedAt = clock.monotonicMs();
    const claimed = limit > 0 ? await store.claim(sender, limit, deps.leaseMs, tellDamage) : [];
    for (const one of claimed) start(one, claimedAt, signal);
    if (claimed.length === 0) return rest(LOOK_EVERY_MS, rung, signal);
    await clock.sleep((claimed.length * 1_000) / deps.perSecondMax, signal);
  }

  return {
    async run(signal) {
      let failures = 0;
      const leave = () => places.leave(signal.reason);
      signal.addEventListener('abort', leave, { once: true });
      while (!signal.aborted) {
        try {
          await step(signal);
          failures = 0;
        } catch (error) {
          if (signal.aborted) break;
          failures += 1;
          told(deps, error, { failures, sender });
          const pauseMs = Math.min(backoffMs(retry, failures, entropy.fraction()), STORE_AGAIN_MS_MAX);
          await rest(pauseMs, new AbortController().signal, signal);
        }
      }
      while (underWay > 0) await clock.sleep(10);
    },
    wake: () => bell.abort(),
  };
}

/** Of this relay, or of all that share the store. */
function rateOf(sender: string, deps: DispatcherDeps): Rate {
  const { store, perSecondMax, clock } = deps;
  if (!store.slots) return createRate(perSecondMax, clock);
  const onTrouble = (error: unknown) => told(deps, error, { sender });
  const reserve = (count: number, everyMs: number) => store.slots!(sender, count, everyMs);
  return createSharedRate({ perSecondMax, reserve, clock, onTrouble });
}

function told({ log }: Pick<DispatcherDeps, 'log'>, error: unknown, more: object): false {
  const problem = error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
  log.error('relay-waits', { ...problem, ...more });
  return false;
}

/** All that ends while the store is writing goes down in one write. */
function inGroups({ store }: Pick<DispatcherDeps, 'store'>): (result: Settled) => Promise<void> {
  let waiting: Settled[] = [];
  let writing: Promise<unknown> = Promise.resolve();
  let next: Promise<ReadonlyMap<Settled, unknown>> | undefined;
  return async (result) => {
    waiting.push(result);
    next ??= writing.then(() => {
      const group = waiting;
      waiting = [];
      next = undefined;
      const settled = settleGroup(store, group);
      writing = settled;
      return settled;
    });
    const failed = await next;
    if (failed.has(result)) throw failed.get(result);
  };
}

/** @returns what could not be kept, and why. What the store refuses of several it is offered one by one. */
async function settleGroup(store: RelayStore, group: readonly Settled[]): Promise<ReadonlyMap<Settled, unknown>> {
  try {
    await store.settle(group);
    return new Map();
  } catch (error) {
    const ofAll = !(error instanceof OdecetError) || isOfAll(error.failure);
    if (group.length === 1 || ofAll) return new Map(group.map((one) => [one, error]));
  }
  const failed = new Map<Settled, unknown>();
  for (const one of group) for (const [which, error] of await settleGroup(store, [one])) failed.set(which, error);
  return failed;
}

/** The market message inside, still packed; undefined when the record no longer holds what was signed. */
function marketMessage({ envelope }: SiteMessage): Outgoing | undefined {
  const opened = openEnvelope(envelope);
  if (!opened) return undefined;
  const { id, kind: commodity, day, pack, madeAt, corrects } = opened.head;
  const xml = documentIn(opened);
  return { id, commodity, day, pack, madeAt, xml, ...(corrects !== undefined && { corrects }) };
}

function damaged({ id, site }: SiteMessage): Delivery {
  const problem = failure('store-damaged', `message ${id} of ${site}: the record is not what was signed`);
  return { outcome: 'not-sent', detail: 'its record is damaged', failure: problem };
}
