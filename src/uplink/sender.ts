import { type Outbox, type QueuedHead, WaitsNoLonger } from '../buffer/outbox.ts';
import { type BackoffRule, backoffMs } from '../core/backoff.ts';
import { type Failure, failure, OdecetError } from '../core/failure.ts';
import type { Message, MessageHead, MessageId, Receipt } from '../core/message.ts';
import type { Millis, MonotonicMs, UtcMs } from '../core/time.ts';
import { childAbort } from '../machine/abort.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Log } from '../machine/log.ts';
import type { Delivery } from './direct.ts';
import type { RelaySeen } from './relay/status.ts';
import { createUnclearAnswers } from './unclear.ts';

/** A look at the outbox even if nobody rang: a lost wake-up costs a minute, never a day. */
const IDLE_LOOK_MS = 60_000;

/** So long one look at the outbox serves: a backlog of a month is walked through, not read anew before each of its messages. */
const LOOK_SERVES_MS = 1_000;

/** What a person should hear about: once for each message and cause. */
export interface UplinkAlert {
  readonly message: MessageId;
  readonly failure: Failure;
  readonly receipt?: Receipt;
}

export interface SenderDeps {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly retry: BackoffRule;
  readonly deliver: (message: Message, signal: AbortSignal) => Promise<Delivery>;
  /** What holds a message back for now, e.g. an unverified pack. */
  readonly hold?: (message: MessageHead) => Failure | undefined;
  /** Which message goes first; oldest id when absent. */
  readonly order?: (a: QueuedHead, b: QueuedHead) => number;
  readonly alert: (alert: UplinkAlert) => void;
  /** The longest rest without a look at the outbox; a minute where absent. */
  readonly waitMostMs?: Millis;
}

export interface Sender {
  /** Sends until the signal aborts; then resolves. A try that was cut off is found as `sent` at the next start. */
  run(signal: AbortSignal): Promise<void>;
  /** The outbox has grown. */
  wake(): void;
  /** How well the relay is heard; absent where none is used. */
  seen?(): RelaySeen;
}

/** A row of failures and the moment before which nothing is tried. */
interface Pause {
  failures: number;
  until: MonotonicMs;
}

/** In the order in which they are to go. */
interface Look {
  readonly waiting: readonly QueuedHead[];
  readonly at: MonotonicMs;
}

const NO_PAUSE: Readonly<Pause> = { failures: 0, until: Number.NEGATIVE_INFINITY };

export function oldestFirst(a: QueuedHead, b: QueuedHead): number {
  return a.message.id < b.message.id ? -1 : a.message.id > b.message.id ? 1 : 0;
}

/** After an outage what the market waits for is yesterday, not last month; within a day the order in which they were made. */
export function newestDayFirst(a: QueuedHead, b: QueuedHead): number {
  return a.message.day > b.message.day ? -1 : a.message.day < b.message.day ? 1 : oldestFirst(a, b);
}

/** The loop from outbox to operator: one try at a time, back-off per message and, when the operator is away, for all. */
export function createSender(deps: SenderDeps): Sender {
  const { outbox, clock, entropy, log, retry } = deps;
  const order = deps.order ?? oldestFirst;
  const pauses = new Map<MessageId, Pause>();
  const alerted = new Map<MessageId, string>();
  const unclear = createUnclearAnswers(retry, clock, entropy);
  const common: Pause = { ...NO_PAUSE };
  let ring = () => {};
  /** What the last look found and is still there, while nothing speaks against going on with it. */
  let looked: Look | undefined;

  function backOff(pause: Pause): void {
    pause.failures += 1;
    pause.until = clock.monotonicMs() + backoffMs(retry, pause.failures, entropy.fraction());
  }

  function pauseOf(id: MessageId): Pause {
    const pause = pauses.get(id) ?? { ...NO_PAUSE };
    pauses.set(id, pause);
    return pause;
  }

  function alertOnce(alert: UplinkAlert): void {
    if (alerted.get(alert.message) === alert.failure.code) return;
    alerted.set(alert.message, alert.failure.code);
    log.warn('message-needs-attention', { message: alert.message, ...alert.failure });
    deps.alert(alert);
  }

  function forgetAllBut(waiting: readonly QueuedHead[]): void {
    const ids = new Set(waiting.map(({ message }) => message.id));
    for (const map of [pauses, alerted]) for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
    unclear.forgetAllBut(ids);
  }

  /**
   * The message that may go now, or how long to wait for one. Those that failed least go first: a message at which the
   * operator's service breaks must not keep the others from it.
   */
  function next(waiting: readonly QueuedHead[]): QueuedHead | number {
    const now = clock.monotonicMs();
    let earliest = now + (deps.waitMostMs ?? IDLE_LOOK_MS);
    let chosen: { readonly queued: QueuedHead; readonly failures: number } | undefined;
    for (const queued of waiting) {
      const held = deps.hold?.(queued.message);
      if (held) {
        alertOnce({ message: queued.message.id, failure: held });
        continue;
      }
      const { failures, until } = pauses.get(queued.message.id) ?? NO_PAUSE;
      const due = Math.max(common.until, until, unclear.until(queued.message.id));
      if (due > now) earliest = Math.min(earliest, due);
      else if (!chosen || failures < chosen.failures) chosen = { queued, failures };
    }
    return chosen?.queued ?? earliest - now;
  }

  /** The attempt's number; undefined where the message was settled since the look: then there is nothing to do, and no trouble. */
  async function begin(id: MessageId, startedAt: UtcMs): Promise<number | undefined> {
    try {
      return await outbox.beginAttempt(id, startedAt);
    } catch (error) {
      if (!(error instanceof WaitsNoLonger)) throw error;
      log.debug('message-settled-meanwhile', { message: id, ...error.failure });
      return undefined;
    }
  }

  /** Whether the message waits no longer. */
  async function attempt(id: MessageId, signal: AbortSignal): Promise<boolean> {
    const message = await outbox.read(id);
    if (!message) {
      // Damaged: it was reported, and the others go on.
      backOff(pauseOf(id));
      return false;
    }
    const startedAt = clock.now();
    const number = await begin(id, startedAt);
    if (number === undefined) {
      // By itself, should the outbox list it all the same: nothing is ever looked at without end.
      backOff(pauseOf(id));
      return true;
    }
    const { outcome, detail: said, receipt, failure: problem } = await deps.deliver(message, signal);
    if (signal.aborted && outcome !== 'answered') return false;
    const kept = receipt && unclear.keptOf(receipt);
    const detail = kept === receipt ? said : `${kept?.verdict}: ${kept?.reasons[0]?.text}`;
    await outbox.endAttempt({ message: id, number, startedAt, endedAt: clock.now(), outcome, detail }, kept);
    log.info('message-tried', { message: id, number, outcome, detail });
    settle(id, outcome, problem, receipt);
    const stuck = receipt?.verdict === 'unknown' ? unclear.noted(receipt, number) : undefined;
    if (receipt && stuck) alertOnce({ message: id, failure: stuck, receipt });
    return kept !== undefined && kept.verdict !== 'unknown';
  }

  /** What waited for the operator need not wait longer; how often each message failed is not forgotten. */
  function operatorIsBack(): void {
    for (const pause of [common, ...pauses.values()]) pause.until = clock.monotonicMs();
    common.failures = 0;
  }

  /** Who has to wait after this: the message, everybody, or nobody. */
  function settle(id: MessageId, outcome: Delivery['outcome'], problem: Failure | undefined, receipt?: Receipt): void {
    const away = outcome === 'no-answer' || problem?.code === 'operator-unreachable';
    if (away) backOff(common);
    else if (common.failures > 0) operatorIsBack();
    const unsettled = !receipt || receipt.verdict === 'unknown';
    if (unsettled && problem?.code !== 'operator-unreachable') backOff(pauseOf(id));
    const forPerson = receipt !== undefined || (outcome === 'not-sent' && !away);
    if (problem && forPerson) alertOnce({ message: id, failure: problem, ...(receipt && { receipt }) });
  }

  /** Waits, but not beyond the abortion of the signal. */
  async function rest(ms: number, signal: AbortSignal): Promise<void> {
    await clock.sleep(ms, signal).catch((reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
  }

  async function lookAnew(): Promise<Look> {
    const at = clock.monotonicMs();
    const waiting = (await outbox.heads()).sort(order);
    forgetAllBut(waiting);
    return { waiting, at };
  }

  async function step(signal: AbortSignal): Promise<void> {
    // The bell hangs before the look: what is queued during it ends the rest at once.
    const bell = childAbort(signal);
    ring = () => bell.abort();
    try {
      const earlier = looked;
      looked = undefined;
      const look = earlier ?? (await lookAnew());
      const found = next(look.waiting);
      // Nobody rests upon an earlier look: what was queued since has rung already.
      if (typeof found === 'number') return earlier ? undefined : await rest(found, bell.signal);
      const isDone = await attempt(found.message.id, signal);
      if (isDone && clock.monotonicMs() - look.at < LOOK_SERVES_MS)
        looked = { ...look, waiting: look.waiting.filter((queued) => queued !== found) };
    } finally {
      bell.release();
    }
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        try {
          await step(signal);
        } catch (error) {
          if (signal.aborted) return;
          // The disk may be full, or this program wrong: either way nothing is lost by waiting, and stopping would not help.
          const problem = error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
          log.error('uplink-stumbled', { ...problem });
          backOff(common);
          await rest(common.until - clock.monotonicMs(), signal);
        }
      }
    },
    wake: () => ring(),
  };
}
