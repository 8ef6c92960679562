import { type Outbox, type QueuedMessage, WaitsNoLonger } from '../../buffer/outbox.ts';
import { type BackoffRule, backoffMs } from '../../core/backoff.ts';
import { type Failure, failure, OdecetError } from '../../core/failure.ts';
import type { Message, MessageId } from '../../core/message.ts';
import type { Millis, UtcMs } from '../../core/time.ts';
import { childAbort } from '../../machine/abort.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Entropy } from '../../machine/entropy.ts';
import type { Log } from '../../machine/log.ts';
import type { Codec, Signer } from '../../machine/signer.ts';
import { oldestFirst, type Sender } from '../sender.ts';
import { type ClockSeen, clockSeen } from './clock-seen.ts';
import { type Ending, endingOf, receiptOf, textOf } from './ending.ts';
import { isSignedBy } from './frame.ts';
import { type Begun, dueOf, type Passage } from './passage.ts';
import { headOf, openReceipt, packEnvelope, type RelayReceipt } from './protocol.ts';
import { createTroubles, type RelayHeard, type TroublesDeps } from './troubles.ts';

/** A look at the outbox even if nobody rang: a lost wake-up costs a minute, never a day. */
const IDLE_LOOK_MS = 60_000;
/** When a relay says that it is here, a hundred sites do not answer in the same instant. */
const SPREAD_MS = 3_000;
/** What the relay has is asked after too when a session was lost, for the last receipt may be lost with it; that has time. */
const ASK_SPREAD_MS = 30_000;
/** A message that the relay has is asked after now and then: its last receipt may have been lost with a broker. */
const ASK_AGAIN: BackoffRule = { firstMs: 120_000, factor: 2, mostMs: 3_600_000, jitter: 0.3 };

export interface RelaySenderDeps extends Pick<TroublesDeps, 'alert' | 'settled' | 'relayAlert'> {
  readonly outbox: Outbox;
  readonly site: string;
  readonly signer: Signer;
  readonly codec: Codec;
  /** Public keys under which receipts are believed, several at once so that a change needs no moment. */
  readonly relayKeys: readonly string[];
  /** Hands an envelope to the broker; rejects while it is away. */
  readonly publish: (envelope: Uint8Array) => Promise<void>;
  readonly isOnline: () => boolean;
  /** After so long without a receipt a message goes again. */
  readonly receiptWithinMs: Millis;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly retry: BackoffRule;
  readonly hold?: (message: Message) => Failure | undefined;
  readonly accepted: (message: Message) => void;
  /** How far our clock is from the relay's, as a message that went once and its first receipt tell. */
  readonly clockSeen?: (seen: ClockSeen) => void;
}

export interface RelaySender extends Sender {
  /** What came down; never throws, whatever it is. */
  received(payload: Uint8Array): void;
  /** A relay has just connected: it may have missed what went before. */
  relayIsHere(): void;
  /** Those of these that still wait go now, also what the relay has already: it repeats what it knows. */
  sendAgain(messages: readonly MessageId[]): void;
  /** How well the relay is heard. */
  heard(): RelayHeard;
}

/**
 * The loop from outbox to relay. A message goes again until the relay's signed receipt says that it is stored, and stays in the
 * outbox until one says accepted or rejected: after a restart of anything it simply goes again, and the relay repeats what it
 * knows. Nothing here waits for the network: what is awaited is the outbox, the broker's acknowledgement and the bell.
 */
export function createRelaySender(deps: RelaySenderDeps): RelaySender {
  const { outbox, codec, clock, entropy, log, site } = deps;
  const passages = new Map<MessageId, Passage>();
  const troubles = createTroubles({ ...deps, now: () => clock.now() });
  let inbox: RelayReceipt[] = [];
  let bell = new AbortController();
  let wasOnline = false;

  function forgetAllBut(waiting: readonly QueuedMessage[]): void {
    const ids = new Set(waiting.map(({ message }) => message.id));
    for (const id of passages.keys()) if (!ids.has(id)) passages.delete(id);
    troubles.forgetAllBut(ids);
    troubles.unanswered([...passages].map(([id, { unanswered }]) => ({ id, times: unanswered })));
  }

  function passageOf(message: Message): Passage {
    const known = passages.get(message.id);
    if (known) return known;
    const { hash } = headOf(message, site, codec);
    const made = { hash, stored: false, isUnderWay: false, unanswered: 0, tries: 0, until: clock.monotonicMs() };
    passages.set(message.id, made);
    return made;
  }

  /** Undefined where the message was settled since the look: then there is nothing to do, and no trouble. */
  async function begun(message: Message): Promise<Begun | undefined> {
    const passage = passageOf(message);
    if (passage.begun) return passage.begun;
    const startedAt = clock.now();
    try {
      const number = await outbox.beginAttempt(message.id, startedAt);
      passage.begun = { number, startedAt, left: 0 };
      return passage.begun;
    } catch (error) {
      if (!(error instanceof WaitsNoLonger)) throw error;
      log.debug('message-settled-meanwhile', { message: message.id, ...error.failure });
      return undefined;
    }
  }

  async function publish(message: Message): Promise<void> {
    const attempt = await begun(message);
    if (!attempt) return;
    const { number } = attempt;
    const passage = passageOf(message);
    attempt.left += 1;
    passage.tries += 1;
    passage.isUnderWay = true;
    passage.unanswered += 1;
    if (number === 1 && passage.tries === 1) passage.leftOnceAt = clock.now();
    else delete passage.leftOnceAt;
    const pauseMs = backoffMs(passage.stored ? ASK_AGAIN : deps.retry, passage.tries, entropy.fraction());
    passage.until = clock.monotonicMs() + (passage.stored ? pauseMs : Math.max(pauseMs, deps.receiptWithinMs));
    try {
      await deps.publish(packEnvelope(message, site, deps.signer, codec));
      log.info('message-published', { message: message.id, number, tries: passage.tries });
    } catch (error) {
      if (!(error instanceof OdecetError)) throw error;
      log.info('message-not-published', { message: message.id, ...error.failure });
    }
  }

  async function end(message: Message, how: Ending): Promise<void> {
    const attempt = await begun(message);
    if (!attempt) return;
    const { number, startedAt } = attempt;
    const { outcome, detail, receipt, problem } = how;
    await outbox.endAttempt({ message: message.id, number, startedAt, endedAt: clock.now(), outcome, detail }, receipt);
    log.info('message-tried', { message: message.id, number, outcome, detail });
    if (problem) troubles.raise(message, problem, receipt);
  }

  /** One receipt; what it says once more changes nothing. Gives whether the message is over with it. */
  async function settle(received: RelayReceipt, waiting: readonly QueuedMessage[]): Promise<boolean> {
    const { id, hash, stage } = received.head;
    const queued = waiting.find(({ message }) => message.id === id);
    if (!queued) {
      log.debug('receipt-known', { message: id, stage });
      return false;
    }
    const passage = passageOf(queued.message);
    passage.unanswered = 0;
    if (passage.hash !== hash) log.warn('receipt-for-other-content', { message: id });
    else if (stage === 'refused') await refuse(queued.message, passage, received);
    else if (stage === 'accepted' || stage === 'rejected') return finish(queued.message, received);
    else note(queued.message, passage, received);
    return false;
  }

  async function finish(message: Message, received: RelayReceipt): Promise<boolean> {
    const receipt = receiptOf(received, codec, clock.now());
    if (!receipt) {
      const detail = `message ${message.id}: the operator's answer in the receipt is not the one that was signed for, or too long`;
      troubles.raise(message, failure('relay-receipt', detail));
      return false;
    }
    await end(message, endingOf(receipt));
    const isRejected = receipt.verdict === 'rejected';
    troubles.answered(message.id, isRejected);
    if (!isRejected) deps.accepted(message);
    return passages.delete(message.id);
  }

  /** How far the message is. */
  function note(message: Message, passage: Passage, { head }: RelayReceipt): void {
    const { id, stage, reasons, at } = head;
    if (stage === 'stored') seeClock(passage, at);
    // Unknown: the relay keeps the message and goes on asking; here it only is told to people.
    if (!passage.stored || stage === 'unknown') Object.assign(passage, waitedFor(1));
    if (stage === 'unknown') troubles.raise(message, failure('operator-answer-unknown', textOf(reasons)));
    else troubles.taken(id);
    log.info('message-receipt', { message: id, stage });
  }

  function seeClock(passage: Passage, relayAt: UtcMs): void {
    const { leftOnceAt } = passage;
    delete passage.leftOnceAt;
    if (leftOnceAt !== undefined) deps.clockSeen?.(clockSeen(leftOnceAt, relayAt, clock.now()));
  }

  function waitedFor(tries: number): Pick<Passage, 'stored' | 'isUnderWay' | 'tries' | 'until'> {
    return {
      stored: true,
      isUnderWay: false,
      tries,
      until: clock.monotonicMs() + backoffMs(ASK_AGAIN, tries, entropy.fraction()),
    };
  }

  /** Nothing was sent only where the message left once and was refused that once: the relay may hold what it had before. */
  async function refuse(message: Message, passage: Passage, { head }: RelayReceipt): Promise<void> {
    if (!passage.begun || (!passage.isUnderWay && !passage.stored))
      return log.debug('receipt-known', { message: message.id, stage: head.stage });
    const problem = failure('relay-refused', `message ${message.id}: ${textOf(head.reasons)}`);
    const isUnsent = !passage.stored && passage.begun.left === 1;
    await end(message, { outcome: isUnsent ? 'not-sent' : 'no-answer', detail: problem.detail, problem });
    delete passage.begun;
    Object.assign(passage, waitedFor(passage.tries), { stored: false });
  }

  /** A receipt whose settling fails (a full disk) stays and is settled later. */
  async function settleAll(waiting: readonly QueuedMessage[]): Promise<boolean> {
    const had = inbox.length > 0;
    const ended = new Set<MessageId>();
    for (let next = inbox[0]; next; next = inbox[0]) {
      // A last receipt often comes twice, once by itself and once to a question that was under way.
      if (!ended.has(next.head.id) && (await settle(next, waiting))) ended.add(next.head.id);
      inbox = inbox.slice(1);
    }
    return had;
  }

  /** Those that may go now, what is held back set aside. */
  function due(waiting: readonly QueuedMessage[]): { readonly now: Message[]; readonly inMs: Millis } {
    const free: Message[] = [];
    for (const { message } of waiting) {
      const held = deps.hold?.(message);
      if (held) troubles.raise(message, held);
      else free.push(message);
    }
    const { now, inMs } = dueOf(free, passages, clock.monotonicMs());
    return { now, inMs: Math.min(IDLE_LOOK_MS, inMs) };
  }

  /** The other end may have missed what went before, and we its answer. */
  function bringForward(spreadMs: Millis): void {
    const now = clock.monotonicMs();
    const [soon, ask] = [spreadMs, ASK_SPREAD_MS].map((within) => now + within * entropy.fraction());
    for (const passage of passages.values()) passage.until = Math.min(passage.until, passage.stored ? ask! : soon!);
  }

  async function rest(ms: Millis, rung: AbortSignal, signal: AbortSignal): Promise<void> {
    const either = childAbort(rung, signal);
    await clock.sleep(ms, either.signal).catch((reason: unknown) => {
      if (!either.signal.aborted) throw reason;
    });
    either.release();
  }

  async function step(signal: AbortSignal): Promise<void> {
    bell = new AbortController();
    const rung = bell.signal;
    const waiting = [...(await outbox.waiting())].sort(oldestFirst);
    if (await settleAll(waiting)) return;
    forgetAllBut(waiting);
    const isOnline = deps.isOnline();
    if (isOnline && !wasOnline) bringForward(0);
    wasOnline = isOnline;
    const { now, inMs } = due(waiting);
    if (!isOnline || now.length === 0) return rest(isOnline ? inMs : IDLE_LOOK_MS, rung, signal);
    await Promise.all(now.map(publish));
  }

  return {
    received(payload) {
      const opened = openReceipt(payload);
      if (!opened) return troubles.unbelieved('it has not the form of a receipt');
      if (opened.head.site !== site) return troubles.unbelieved(`it is for the site ${opened.head.site}`);
      if (!isSignedBy(opened.frame, deps.relayKeys, codec))
        return troubles.unbelieved('it is not signed by a key of uplink.relayKeys');
      troubles.believed();
      inbox.push(opened);
      bell.abort();
    },
    relayIsHere() {
      bringForward(SPREAD_MS);
      bell.abort();
    },
    sendAgain(messages) {
      for (const id of messages) {
        const passage = passages.get(id);
        if (passage) passage.until = clock.monotonicMs();
      }
      bell.abort();
    },
    async run(signal) {
      let failures = 0;
      while (!signal.aborted) {
        try {
          await step(signal);
          failures = 0;
        } catch (error) {
          if (signal.aborted) return;
          const problem = error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
          failures += 1;
          log.error('uplink-stumbled', { ...problem });
          await rest(backoffMs(deps.retry, failures, entropy.fraction()), new AbortController().signal, signal);
        }
      }
    },
    heard: troubles.heard,
    wake: () => bell.abort(),
  };
}
