import { type Alarm, firstOf } from '../machine/timers.ts';

/** Wakes whoever waits for it. A ring that nobody waits for is forgotten: look first, then wait. */
export interface Bell {
  ring(): void;
  /** Wakes at the next ring. */
  readonly alarm: Alarm;
  /** Resolves at the next ring, or when aborted. */
  heard(signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  const waiting = new Set<() => void>();
  const alarm: Alarm = (wake) => {
    const once = () => {
      waiting.delete(once);
      wake();
    };
    waiting.add(once);
    return () => waiting.delete(once);
  };
  return {
    ring() {
      for (const wake of [...waiting]) wake();
    },
    alarm,
    heard: (signal) =>
      firstOf([alarm], signal).catch((reason: unknown) => {
        if (!signal.aborted) throw reason;
      }),
  };
}
