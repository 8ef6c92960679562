import { type MessageHead, WaitsNoLonger } from '../../buffer/outbox.ts';
import { backoffMs } from '../../core/backoff.ts';
import { type Failure, failure, OdecetError } from '../../core/failure.ts';
import type { MessageId } from '../../core/message.ts';
import type { Millis, UtcMs } from '../../core/time.ts';
import { childAbort } from '../../machine/abort.ts';
import type { Sender } from '../sender.ts';
import { createBacklog, type Looked } from './backlog.ts';
import { type ClockSeen, clockSeen } from './clock-seen.ts';
import { ASK_AGAIN, createDepartures, type DeparturesDeps } from './departures.ts';
import { type Ending, endingOf, receiptOf, textOf } from './ending.ts';
import { isSignedBy } from './frame.ts';
import { dueOf, type Passage } from './passage.ts';
import { openReceipt, type RelayReceipt } from './protocol.ts';
import { aboutOf, createTroubles, type RelayHeard, type TroublesDeps } from './troubles.ts';

/** When a relay says that it is here, a hundred sites do not answer in the same instant. */
const SPREAD_MS = 3_000;
/** What the relay has is asked after too when a session was lost, for the last receipt may be lost with it; that has time. */
const ASK_SPREAD_MS = 30_000;

export interface RelaySenderDeps extends DeparturesDeps, Pick<TroublesDeps, 'alert' | 'settled' | 'relayAlert'> {
  /** Public keys under which receipts are believed, several at once so that a change needs no moment. */
  readonly relayKeys: readonly string[];
  readonly isOnline: () => boolean;
  readonly hold?: (message: MessageHead) => Failure | undefined;
  /** The outbox has it so already. */
  readonly accepted: (message: MessageHead) => Promise<void>;
  /** How far our clock is from the relay's, as a message that went once and its first receipt tell. */
  readonly clockSeen?: (seen: ClockSeen) => void;
}

export interface RelaySender extends Sender {
  /** What came down; never throws, whatever it is. */
  received(payload: Uint8Array): void;
  /** A session with the broker has begun: what went in the last one may be lost, and its receipts too. */
  sessionBegun(): void;
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
  const backlog = createBacklog(deps);
  const departures = createDepartures(deps, backlog);
  const { passages, passageOf } = departures;
  const troubles = createTroubles({ ...deps, now: () => clock.now(), about });
  const inbox: RelayReceipt[] = [];
  let bell = new AbortController();

  /** An alert is told also of a document that cannot be read. */
  async function about(message: MessageHead) {
    const document = await outbox.read(message.id).catch(() => undefined);
    return aboutOf({ ...message, carried: document?.carried ?? [] });
  }

  async function look(): Promise<void> {
    const looked = await backlog.look();
    if (!looked) return;
    forgetAllBut(looked);
    for (const { message, problem } of looked.held) await troubles.raise(message, problem);
  }

  function forgetAllBut({ ids }: Looked): void {
    for (const id of passages.keys()) if (!ids.has(id)) passages.delete(id);
    troubles.forgetAllBut(ids);
  }

  async function end(message: MessageHead, how: Ending): Promise<void> {
    const { number, startedAt } = await departures.begun(message.id);
    const { outcome, detail, receipt, problem } = how;
    await outbox.endAttempt({ message: message.id, number, startedAt, endedAt: clock.now(), outcome, detail }, receipt);
    log.info('message-tried', { message: message.id, number, outcome, detail });
    if (problem) await troubles.raise(message, problem, receipt);
  }

  /** One receipt; what it says once more changes nothing. A last one often comes twice: by itself and to a question. */
  async function settle(received: RelayReceipt): Promise<void> {
    const { id, hash, stage } = received.head;
    const message = backlog.find(id);
    // Also one that an earlier run of this program has sent.
    if (!message || (passageOf(id).hash === undefined && !(await departures.envelopeOf(id)))) {
      log.debug('receipt-known', { message: id, stage });
      return;
    }
    const passage = passageOf(id);
    passage.unanswered = 0;
    if (passage.hash !== hash) log.warn('receipt-for-other-content', { message: id });
    else if (stage === 'refused') await refuse(message, passage, received);
    else if (stage === 'accepted' || stage === 'rejected') await finish(message, received);
    else await note(message, passage, received);
  }

  async function finish(message: MessageHead, received: RelayReceipt): Promise<void> {
    const receipt = receiptOf(received, codec, clock.now());
    if (!receipt) {
      const detail = `message ${message.id}: the operator's answer in the receipt is not the one that was signed for, or too long`;
      return troubles.raise(message, failure('relay-receipt', detail));
    }
    await end(message, endingOf(receipt));
    backlog.gone(message.id);
    passages.delete(message.id);
    const isRejected = receipt.verdict === 'rejected';
    troubles.answered(message.id, isRejected);
    if (!isRejected) await deps.accepted(message);
  }

  /** How far the message is. */
  async function note(message: MessageHead, passage: Passage, { head }: RelayReceipt): Promise<void> {
    const { id, stage, reasons, at } = head;
    if (stage === 'stored') seeClock(passage, at);
    // Unknown: the relay keeps the message and goes on asking; here it only is told to people.
    if (!passage.stored || stage === 'unknown') Object.assign(passage, waitedFor(1));
    if (stage === 'unknown') await troubles.raise(message, failure('operator-answer-unknown', textOf(reasons)));
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
  async function refuse(message: MessageHead, passage: Passage, { head }: RelayReceipt): Promise<void> {
    if (!passage.begun || (!passage.isUnderWay && !passage.stored))
      return log.debug('receipt-known', { message: message.id, stage: head.stage });
    const problem = failure('relay-refused', `message ${message.id}: ${textOf(head.reasons)}`);
    const isUnsent = !passage.stored && passage.begun.left === 1;
    await end(message, { outcome: isUnsent ? 'not-sent' : 'no-answer', detail: problem.detail, problem });
    delete passage.begun;
    Object.assign(passage, waitedFor(passage.tries), { stored: false });
  }

  /** A receipt whose settling fails (a full disk) stays and is settled later. */
  async function settleAll(): Promise<boolean> {
    const had = inbox.length > 0;
    for (let next = inbox[0]; next; next = inbox[0]) {
      await settle(next).catch((error: unknown) => {
        if (!(error instanceof WaitsNoLonger)) throw error;
        departures.settledMeanwhile(next.head.id);
      });
      inbox.shift();
    }
    return had;
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
    await look();
    if (await settleAll()) return;
    troubles.unanswered([...passages].map(([id, { unanswered }]) => ({ id, times: unanswered })));
    const isOnline = deps.isOnline();
    const { now, inMs } = dueOf(backlog.free(), passages, clock.monotonicMs());
    if (!isOnline || now.length === 0)
      return rest(Math.min(backlog.servesMs(), isOnline ? inMs : Number.POSITIVE_INFINITY), rung, signal);
    // What goes for the first time is asked of the outbox anyway; of the others a person may have closed one.
    if (backlog.hasChanged() && now.some(({ id }) => passages.get(id)?.begun)) return backlog.forget();
    await departures.publishAll(now);
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
    // Told, not noticed: a broker that was gone for a moment while nothing was to do here would be missed.
    sessionBegun() {
      backlog.changed();
      bringForward(0);
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
          backlog.forget();
          const problem = error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
          failures += 1;
          log.error('uplink-stumbled', { ...problem });
          await rest(backoffMs(deps.retry, failures, entropy.fraction()), new AbortController().signal, signal);
        }
      }
    },
    heard: troubles.heard,
    wake() {
      backlog.changed();
      bell.abort();
    },
  };
}
