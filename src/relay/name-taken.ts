import { type Failure, failure } from '../core/failure.ts';
import { HOUR_MS, type Millis, type MonotonicMs } from '../core/time.ts';
import type { Alerts } from '../uplink/relay/alerts.ts';
import type { RelayStore } from './store.ts';

const ALERT = 'name-taken';
/** So long after the last time somebody is told of it. */
const TOLD_MS: Millis = HOUR_MS;

export interface NameTakenDeps {
  readonly name: string;
  /** The relay's own. */
  readonly alerts: Pick<Alerts, 'raise' | 'clear'>;
  readonly store: Pick<RelayStore, 'here'>;
  /** Of this run of the program, like no other. */
  readonly life: string;
  readonly monotonicMs: () => MonotonicMs;
}

/**
 * Two relays of one name take the session from each other for ever, and half of what sites say waits for its next try. Not every
 * broker says why a session ended (Mosquitto 2.0.11 does not), so relays that share a store leave word in it, too.
 */
export function createNameTaken({ name, alerts, store, life, monotonicMs }: NameTakenDeps) {
  let last: MonotonicMs | undefined;
  let hasLeftWord = false;

  function taken(): void {
    last = monotonicMs();
    const detail = `another client connects to the broker as relay ${name}; two relays of one centre need two names: change "relay:" in relay.yaml of one of them. If only one runs, somebody has its password or certificate`;
    alerts.raise(ALERT, failure('session-taken', detail));
  }

  async function look(): Promise<void> {
    const before = await store.here?.(name, life);
    // At the start it is the life before this one.
    if (hasLeftWord && before !== undefined && before !== life) taken();
    hasLeftWord = true;
  }

  return {
    /** A session ended. */
    lost({ code }: Failure): void {
      if (code === 'session-taken') taken();
    },
    sweep(): void {
      // A store that is away is told by whoever waits for it.
      void look().catch(() => undefined);
      if (last === undefined || monotonicMs() - last < TOLD_MS) return;
      last = undefined;
      alerts.clear(ALERT);
    },
  };
}
