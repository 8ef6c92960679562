import { type Failure, failure, OdecetError } from '../core/failure.ts';
import type { Millis } from '../core/time.ts';
import {
  type Broker,
  type BrokerHello,
  type BrokerSession,
  type Delivered,
  type Publication,
  sharedFilter,
  topicFits,
} from '../machine/broker.ts';
import type { Timers } from '../machine/timers.ts';
import type { Random } from './random.ts';

export interface SimBrokerOptions {
  readonly random: Random;
  /** A message is under way for up to so long, each for itself: they overtake each other. Default 0. */
  readonly latencyMsMax?: Millis;
  /** 0..1: how often a QoS 1 message comes twice. Default 0. */
  readonly doubles?: number;
}

/** An imagined broker with the weaknesses of real ones. */
export interface SimBroker extends Broker {
  /** Dies without a word; every session ends. @param forget also what it had on its disk: sessions and last words */
  kill(forget: boolean): void;
  /** Answers again. */
  start(): void;
  /** Cuts one client's connection: its will is published. */
  cut(clientId: string): void;
}

interface Session {
  readonly hello: BrokerHello;
  readonly end: (why: Failure) => void;
}

/** A client that is away and wanted its messages kept. */
interface Kept {
  readonly subscriptions: readonly string[];
  readonly queue: Delivered[];
}

/** @param timers those of the world, not of a machine in it */
export function simBroker(timers: Timers, options: SimBrokerOptions): SimBroker {
  return new ImaginedBroker(timers, options);
}

class ImaginedBroker implements SimBroker {
  readonly #timers: Timers;
  readonly #options: SimBrokerOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #away = new Map<string, Kept>();
  readonly #lastWords = new Map<string, Uint8Array>();
  #isUp = true;
  #turn = 0;

  constructor(timers: Timers, options: SimBrokerOptions) {
    this.#timers = timers;
    this.#options = options;
  }

  async connect(given: BrokerHello, signal?: AbortSignal): Promise<BrokerSession> {
    signal?.throwIfAborted();
    const hello = { ...given, subscriptions: [...given.subscriptions, ...(given.wishedSubscriptions ?? [])] };
    if (!this.#isUp) throw new OdecetError('broker-unreachable', 'simulated broker: nobody listens');
    this.#drop(hello.clientId, failure('session-taken', `simulated broker: another "${hello.clientId}"`));
    let end: (why: Failure) => void = () => undefined;
    const ended = new Promise<Failure>((resolve) => {
      end = resolve;
    });
    const session = { hello, end };
    this.#sessions.set(hello.clientId, session);
    this.#greet(session);
    const isOver = () => this.#sessions.get(hello.clientId) !== session;
    return {
      ended,
      publish: async (publication) => {
        if (isOver()) throw new OdecetError('broker-unreachable', 'simulated broker: the connection was lost');
        this.#publish(publication);
      },
      close: async () => {
        if (!isOver()) this.#leave(session, failure('broker-unreachable', 'simulated broker: we took leave'));
      },
    };
  }

  kill(forget: boolean): void {
    this.#isUp = false;
    for (const session of [...this.#sessions.values()])
      this.#leave(session, failure('broker-unreachable', 'simulated broker: the broker died'));
    if (!forget) return;
    this.#away.clear();
    this.#lastWords.clear();
  }

  start(): void {
    this.#isUp = true;
  }

  cut(clientId: string): void {
    this.#drop(clientId, failure('broker-unreachable', 'simulated broker: the connection was lost'));
  }

  #drop(clientId: string, why: Failure): void {
    const session = this.#sessions.get(clientId);
    if (!session) return;
    this.#leave(session, why);
    if (session.hello.will) this.#publish(session.hello.will);
  }

  #leave(session: Session, why: Failure): void {
    const { clientId, clean, subscriptions } = session.hello;
    this.#sessions.delete(clientId);
    if (!clean) this.#away.set(clientId, { subscriptions, queue: [] });
    session.end(why);
  }

  #greet(session: Session): void {
    const { clientId, clean, subscriptions } = session.hello;
    const kept = this.#away.get(clientId);
    this.#away.delete(clientId);
    for (const [topic, payload] of this.#lastWords) {
      const isWanted = subscriptions.some((filter) => topicFits(filter, topic));
      if (isWanted) this.#carry(clientId, { topic, payload, retained: true });
    }
    if (!clean) for (const delivered of kept?.queue ?? []) this.#carry(clientId, delivered);
  }

  #publish({ topic, payload, retain = false }: Publication): void {
    const copy = payload.slice();
    if (retain && copy.length === 0) this.#lastWords.delete(topic);
    else if (retain) this.#lastWords.set(topic, copy);
    const delivered = { topic, payload: copy, retained: false };
    for (const clientId of this.#receivers(topic)) this.#carry(clientId, delivered);
    for (const { subscriptions, queue } of this.#away.values())
      if (subscriptions.some((filter) => topicFits(filter, topic))) queue.push(delivered);
  }

  /** All that subscribed, and of each sharing group one after the other. */
  #receivers(topic: string): string[] {
    const groups = new Map<string, string[]>();
    for (const { hello } of this.#sessions.values())
      for (const subscription of hello.subscriptions) {
        const { group, filter } = sharedFilter(subscription);
        if (!topicFits(filter, topic)) continue;
        const name = group ?? `alone ${hello.clientId}`;
        groups.set(name, [...(groups.get(name) ?? []), hello.clientId]);
      }
    this.#turn += 1;
    return [...groups.values()].map((clients) => clients[this.#turn % clients.length]!);
  }

  #carry(clientId: string, delivered: Delivered): void {
    const { random, latencyMsMax = 0, doubles = 0 } = this.#options;
    const times = doubles > 0 && random.fraction() < doubles ? 2 : 1;
    for (let n = 0; n < times; n++) {
      this.#timers.after(Math.floor(random.fraction() * latencyMsMax), () => {
        void this.#sessions
          .get(clientId)
          ?.hello.onMessage({ ...delivered, payload: delivered.payload.slice() })
          .catch(() => undefined);
      });
    }
  }
}
