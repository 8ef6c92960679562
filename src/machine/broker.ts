import type { Failure } from '../core/failure.ts';

/**
 * A connection to an MQTT broker. What a broker promises is little (Mosquitto acknowledges before its disk has a message, and
 * sends again after a crash), so this promises no more: a message may come 0..n times, in any order, and an acknowledged
 * publication may be lost. Whoever needs proof asks the other end for a receipt.
 */
export interface Publication {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Default 1. */
  readonly qos?: 0 | 1;
  /** The broker keeps it as the last word on its topic; an empty payload takes the last word back. */
  readonly retain?: boolean;
}

export interface Delivered {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** It is the topic's last word from before we subscribed. */
  readonly retained: boolean;
}

export interface BrokerHello {
  /** Of two clients with one id the broker drops the older: its session ends as session-taken where the broker says so. */
  readonly clientId: string;
  /** False: the broker keeps our subscriptions, and what comes for us, while we are away. */
  readonly clean: boolean;
  /** Published by the broker when the connection is lost, not when it is closed. */
  readonly will?: Publication;
  /** Topic filters, also shared ones (`$share/group/filter`); QoS 1. */
  readonly subscriptions: readonly string[];
  /** The same, done without where the broker's access list does not allow it: an older one knows nothing of it. */
  readonly wishedSubscriptions?: readonly string[];
  /**
   * Resolves when the message has been dealt with. At most HANDS_FULL at once are in hands; the others stay at the broker.
   * A rejection is taken as dealt with: the sender, who waits for a receipt, sends again.
   */
  readonly onMessage: (delivered: Delivered) => Promise<void>;
}

/** So many messages may be under way in one handler. */
export const HANDS_FULL = 64;

export interface BrokerSession {
  /** Resolves when the session is over, with the reason. */
  readonly ended: Promise<Failure>;
  /** Resolves when the broker has acknowledged (QoS 1) or the bytes left (QoS 0). Rejects with OdecetError broker-unreachable. */
  publish(publication: Publication): Promise<void>;
  /** Takes leave: the will is not published. */
  close(): Promise<void>;
}

export interface Broker {
  /**
   * One session; it never reconnects by itself and keeps nothing for the next.
   * Rejects with OdecetError broker-unreachable or broker-refused, or with the signal's reason.
   */
  connect(hello: BrokerHello, signal?: AbortSignal): Promise<BrokerSession>;
}

/** Whether a topic fits a filter with `+` and `#` (MQTT 5.0, 4.7). */
export function topicFits(filter: string, topic: string): boolean {
  const [want, have] = [filter.split('/'), topic.split('/')];
  if (topic.startsWith('$') && (want[0] === '+' || want[0] === '#')) return false;
  for (const [n, part] of want.entries()) {
    if (part === '#') return true;
    if (have[n] === undefined || (part !== '+' && part !== have[n])) return false;
  }
  return want.length === have.length;
}

/** The group and the filter of a shared subscription; no group for any other. */
export function sharedFilter(subscription: string): { readonly group?: string; readonly filter: string } {
  const shared = /^\$share\/([^/]+)\/(.+)$/.exec(subscription);
  return shared ? { group: shared[1]!, filter: shared[2]! } : { filter: subscription };
}
