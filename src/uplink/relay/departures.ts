import { type MessageHead, type Outbox, WaitsNoLonger } from '../../buffer/outbox.ts';
import { type BackoffRule, backoffMs } from '../../core/backoff.ts';
import { OdecetError } from '../../core/failure.ts';
import type { MessageId } from '../../core/message.ts';
import type { Millis } from '../../core/time.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Entropy } from '../../machine/entropy.ts';
import type { Log } from '../../machine/log.ts';
import type { Codec, Signer } from '../../machine/signer.ts';
import type { Backlog } from './backlog.ts';
import { type Begun, newPassage, type Passage } from './passage.ts';
import { headOf, packEnvelope } from './protocol.ts';

/** A message that the relay has is asked after now and then: its last receipt may have been lost with a broker. */
export const ASK_AGAIN: BackoffRule = { firstMs: 120_000, factor: 2, mostMs: 3_600_000, jitter: 0.3 };

export interface DeparturesDeps {
  readonly outbox: Outbox;
  readonly site: string;
  readonly signer: Signer;
  readonly codec: Codec;
  /** Hands an envelope to the broker; rejects while it is away. */
  readonly publish: (envelope: Uint8Array) => Promise<void>;
  /** After so long without a receipt a message goes again. */
  readonly receiptWithinMs: Millis;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly retry: BackoffRule;
}

/** How messages leave, and how far each is since this program runs. */
export interface Departures {
  readonly passages: Map<MessageId, Passage>;
  passageOf(id: MessageId): Passage;
  /** The attempt that is on the outbox's books, or a new one. Throws WaitsNoLonger. */
  begun(id: MessageId): Promise<Begun>;
  /** Notes the document's hash too. Undefined where it cannot be read: that was reported, and the others go on. */
  envelopeOf(id: MessageId): Promise<Uint8Array | undefined>;
  publishAll(messages: readonly MessageHead[]): Promise<void>;
  /** Somebody else has closed it: there is nothing to do, and no trouble. */
  settledMeanwhile(id: MessageId): void;
}

export function createDepartures(deps: DeparturesDeps, backlog: Pick<Backlog, 'gone'>): Departures {
  const { outbox, codec, clock, entropy, log, site } = deps;
  const passages = new Map<MessageId, Passage>();

  function passageOf(id: MessageId): Passage {
    const passage = passages.get(id) ?? newPassage(clock.monotonicMs());
    passages.set(id, passage);
    return passage;
  }

  async function begun(id: MessageId): Promise<Begun> {
    const passage = passageOf(id);
    if (passage.begun) return passage.begun;
    const startedAt = clock.now();
    const number = await outbox.beginAttempt(id, startedAt);
    passage.begun = { number, startedAt, left: 0 };
    return passage.begun;
  }

  function settledMeanwhile(id: MessageId): void {
    log.debug('message-settled-meanwhile', { message: id });
    backlog.gone(id);
    passages.delete(id);
  }

  async function envelopeOf(id: MessageId): Promise<Uint8Array | undefined> {
    const passage = passageOf(id);
    const message = await outbox.read(id);
    if (!message) {
      passage.tries += 1;
      passage.until = clock.monotonicMs() + backoffMs(deps.retry, passage.tries, entropy.fraction());
      return undefined;
    }
    passage.hash ??= headOf(message, site, codec).hash;
    return packEnvelope(message, site, deps.signer, codec);
  }

  /** One document after the other is read, and let go before its envelope leaves: a day of a large site is a megabyte of objects. */
  async function publishAll(messages: readonly MessageHead[]): Promise<void> {
    const leaving: Promise<void>[] = [];
    for (const { id } of messages) {
      const envelope = await envelopeOf(id);
      if (envelope) leaving.push(publish(id, envelope));
    }
    await Promise.all(leaving);
  }

  async function publish(id: MessageId, envelope: Uint8Array): Promise<void> {
    try {
      await leave(id, envelope, await begun(id));
    } catch (error) {
      if (error instanceof WaitsNoLonger) return settledMeanwhile(id);
      throw error;
    }
  }

  async function leave(id: MessageId, envelope: Uint8Array, attempt: Begun): Promise<void> {
    const { number } = attempt;
    const passage = passageOf(id);
    attempt.left += 1;
    passage.tries += 1;
    passage.isUnderWay = true;
    passage.unanswered += 1;
    if (number === 1 && passage.tries === 1) passage.leftOnceAt = clock.now();
    else delete passage.leftOnceAt;
    const pauseMs = backoffMs(passage.stored ? ASK_AGAIN : deps.retry, passage.tries, entropy.fraction());
    passage.until = clock.monotonicMs() + (passage.stored ? pauseMs : Math.max(pauseMs, deps.receiptWithinMs));
    try {
      await deps.publish(envelope);
      log.info('message-published', { message: id, number, tries: passage.tries });
    } catch (error) {
      if (!(error instanceof OdecetError)) throw error;
      log.info('message-not-published', { message: id, ...error.failure });
    }
  }

  return { passages, passageOf, begun, envelopeOf, publishAll, settledMeanwhile };
}
