import type { MessageHead } from '../../buffer/outbox.ts';
import { type Failure, type FailureCode, failure } from '../../core/failure.ts';
import type { Message, MessageId, Receipt } from '../../core/message.ts';
import { isoUtc, type UtcMs } from '../../core/time.ts';
import type { Log } from '../../machine/log.ts';
import type { UplinkAlert } from '../sender.ts';
import type { AlertMore } from './alerts.ts';

/** So often a message leaves without any word of the relay before people are told; it goes on leaving. */
const SILENT_TRIES = 6;

/** The two troubles with the relay itself; each is the code of its failure and the id of its alert. */
export type RelayTrouble = 'relay-receipt' | 'relay-silent';

export interface TroublesDeps {
  /** @param about what later messages settle when they are accepted */
  readonly alert: (alert: UplinkAlert, about: About) => void;
  readonly about: (message: MessageHead) => Promise<About>;
  /** The message no longer needs a person. */
  readonly settled: (message: MessageId) => void;
  /** Of the relay, whatever the message; undefined when it is over. */
  readonly relayAlert: (trouble: RelayTrouble, problem: Failure | undefined) => void;
  readonly now: () => UtcMs;
  readonly log: Log;
}

/** How well the relay is heard, for the site's status. */
export interface RelayHeard {
  /** The last receipt that was believed, since this program started. */
  readonly lastReceiptAt?: UtcMs;
  /** Receipts on our topic that were not believed since. */
  readonly unbelieved: number;
  /** Most publications of one message without any word of the relay. */
  readonly unanswered: number;
}

/** What people are told by the sender: each thing once, and when it is over. */
export interface Troubles {
  raise(message: MessageHead, problem: Failure, receipt?: Receipt): Promise<void>;
  /** The relay has it: what was said of a refusal or of a receipt is over. */
  taken(id: MessageId): void;
  /** It was answered for good. A rejection stands until its day is settled: it is no longer the message's. */
  answered(id: MessageId, isRejected: boolean): void;
  forgetAllBut(ids: ReadonlySet<MessageId>): void;
  believed(): void;
  unbelieved(why: string): void;
  /** Publications of each message since the relay's last word on it. */
  unanswered(waiting: readonly { readonly id: MessageId; readonly times: number }[]): void;
  heard(): RelayHeard;
}

export function createTroubles({ alert, about, settled, relayAlert, now, log }: TroublesDeps): Troubles {
  const alerted = new Map<MessageId, FailureCode>();
  const relay = { unbelieved: 0, unanswered: 0 };
  let lastReceiptAt: UtcMs | undefined;
  let isSilent = false;

  /** Said also of what this program never raised: an earlier run may have. */
  function over(id: MessageId): void {
    alerted.delete(id);
    settled(id);
  }

  return {
    async raise(message, problem, receipt) {
      const { id } = message;
      if (alerted.get(id) === problem.code) return;
      alerted.set(id, problem.code);
      log.warn('message-needs-attention', { message: id, ...problem });
      alert({ message: id, failure: problem, ...(receipt && { receipt }) }, await about(message));
    },
    taken(id) {
      const code = alerted.get(id);
      if (!code || code === 'relay-refused') over(id);
    },
    answered(id, isRejected) {
      if (isRejected) alerted.delete(id);
      else over(id);
    },
    forgetAllBut(ids) {
      for (const id of alerted.keys()) if (!ids.has(id)) over(id);
    },
    believed() {
      const isFirst = lastReceiptAt === undefined;
      lastReceiptAt = now();
      if (relay.unbelieved > 0 || isFirst) relayAlert('relay-receipt', undefined);
      if (isFirst && !isSilent) relayAlert('relay-silent', undefined);
      relay.unbelieved = 0;
    },
    unbelieved(why) {
      relay.unbelieved += 1;
      const detail = `a receipt on our topic is not believed: ${why}`;
      log.warn('receipt-not-believed', { code: 'relay-receipt', detail });
      relayAlert('relay-receipt', failure('relay-receipt', detail));
    },
    unanswered(waiting) {
      const most = waiting.reduce((a, b) => (b.times > a.times ? b : a), { id: '', times: 0 });
      relay.unanswered = most.times;
      if (most.times >= SILENT_TRIES === isSilent) return;
      isSilent = !isSilent;
      const last =
        lastReceiptAt === undefined ? 'none since this program started' : `the last ${isoUtc(lastReceiptAt)}`;
      const detail = `message ${most.id} left ${most.times} times and no receipt came for it (of all receipts, ${last}); does a relay run, does the broker let us write on "up" and read "down"?`;
      if (isSilent) log.warn('relay-silent', { detail });
      relayAlert('relay-silent', isSilent ? failure('relay-silent', detail) : undefined);
    },
    heard: () => ({ ...relay, ...(lastReceiptAt !== undefined && { lastReceiptAt }) }),
  };
}

/** What a message settles when it is accepted, and what later ones settle of it when it was rejected. */
export type About = Required<Pick<AlertMore, 'about' | 'points'>>;

export function aboutOf({ commodity, day, carried }: Pick<Message, 'commodity' | 'day' | 'carried'>): About {
  return { about: `${commodity} ${day}`, points: [...new Set(carried.map(({ point }) => point))] };
}
