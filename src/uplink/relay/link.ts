import { type BackoffRule, backoffMs } from '../../core/backoff.ts';
import { type Failure, failure, OdecetError } from '../../core/failure.ts';
import type { Broker, BrokerHello, BrokerSession, Publication } from '../../machine/broker.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Entropy } from '../../machine/entropy.ts';
import type { Log } from '../../machine/log.ts';

/** A session that held this long was a good one: the next failure begins a new row. */
const GOOD_SESSION_MS = 60_000;

export interface LinkDeps {
  readonly broker: Broker;
  readonly hello: BrokerHello;
  /** The first words of every session. A failure ends the session. */
  readonly onConnect: (session: BrokerSession) => Promise<void>;
  /** The session stands, and the first words are said. */
  readonly onOnline?: () => void;
  /** The session that stood is over. */
  readonly onOffline?: () => void;
  /** Why there is no session, each time one ended or was not given. */
  readonly onProblem?: (problem: Failure) => void;
  /** The last words, before leaving in order. */
  readonly onLeave: (session: BrokerSession) => Promise<void>;
  readonly retry: BackoffRule;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

/** A broker that is always there, as far as that can be: sessions one after another, with back-off and jitter between. */
export interface Link {
  run(signal: AbortSignal): Promise<void>;
  /** Rejects with OdecetError broker-unreachable at once when there is no session. */
  publish(publication: Publication): Promise<void>;
  isOnline(): boolean;
  /** Why there is no session; undefined while there is one. */
  problem(): Failure | undefined;
}

export function createLink(deps: LinkDeps): Link {
  const { broker, hello, clock, entropy, log, retry } = deps;
  let session: BrokerSession | undefined;
  let problem: Failure | undefined = failure('broker-unreachable', 'not yet connected');
  let failures = 0;

  async function hold(signal: AbortSignal): Promise<Failure> {
    const current = await broker.connect(hello, signal);
    const since = clock.monotonicMs();
    const leaving = aborted(signal);
    try {
      await deps.onConnect(current);
      session = current;
      problem = undefined;
      log.info('broker-connected', {});
      deps.onOnline?.();
      const ended = await Promise.race([current.ended, leaving.promise]);
      if (ended) return ended;
      await deps.onLeave(current);
      return failure('broker-unreachable', 'we took leave');
    } finally {
      leaving.release();
      if (session) deps.onOffline?.();
      session = undefined;
      if (clock.monotonicMs() - since >= GOOD_SESSION_MS) failures = 0;
      await current.close();
    }
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        problem = await hold(signal).catch((error: unknown) => {
          if (error instanceof OdecetError) return error.failure;
          if (signal.aborted) return undefined;
          throw error;
        });
        if (signal.aborted || !problem) return;
        failures += 1;
        log.warn('broker-away', { ...problem, failures });
        deps.onProblem?.(problem);
        await clock.sleep(backoffMs(retry, failures, entropy.fraction()), signal).catch((reason: unknown) => {
          if (!signal.aborted) throw reason;
        });
      }
    },
    async publish(publication) {
      if (!session) throw new OdecetError('broker-unreachable', problem?.detail ?? 'not connected');
      // Not awaited: what waits here would keep the publication until the broker has acknowledged it.
      return session.publish(publication);
    },
    isOnline: () => session !== undefined,
    problem: () => problem,
  };
}

/** Resolves when aborted; released, it leaves no listener behind, of which a bad night would gather thousands. */
function aborted(signal: AbortSignal): { readonly promise: Promise<undefined>; release(): void } {
  let release: () => void = () => undefined;
  const promise = new Promise<undefined>((resolve) => {
    if (signal.aborted) return resolve(undefined);
    const abort = () => resolve(undefined);
    signal.addEventListener('abort', abort, { once: true });
    release = () => signal.removeEventListener('abort', abort);
  });
  return { promise, release };
}
