import { type Failure, failure } from '../core/failure.ts';
import { HOUR_MS, type Millis, type MonotonicMs } from '../core/time.ts';
import type { Alerts } from '../uplink/relay/alerts.ts';

const ALERT = 'name-taken';
/** So long after the last time somebody is told of it. */
const TOLD_MS: Millis = HOUR_MS;

export interface NameTakenDeps {
  readonly name: string;
  /** The relay's own. */
  readonly alerts: Pick<Alerts, 'raise' | 'clear'>;
  readonly monotonicMs: () => MonotonicMs;
}

/** Two relays of one name take the session from each other for ever, and half of what sites say waits for its next try. */
export function createNameTaken({ name, alerts, monotonicMs }: NameTakenDeps) {
  let last: MonotonicMs | undefined;
  return {
    /** A session ended. */
    lost({ code }: Failure): void {
      if (code !== 'session-taken') return;
      last = monotonicMs();
      const detail = `another client connects to the broker as relay ${name}; two relays of one centre need two names: change "relay:" in relay.yaml of one of them. If only one runs, somebody has its password or certificate`;
      alerts.raise(ALERT, failure(code, detail));
    },
    sweep(): void {
      if (last === undefined || monotonicMs() - last < TOLD_MS) return;
      last = undefined;
      alerts.clear(ALERT);
    },
  };
}
