import { join } from 'node:path';
import { marketDaySpan } from '../../src/core/calendar.ts';
import { MINUTE_MS, type UtcMs } from '../../src/core/time.ts';
import type { Clock } from '../../src/machine/clock.ts';
import { acceptedCsv } from '../../src/sandbox/accepted.ts';
import type { DemoOptions } from './options.ts';
import type { Supervised } from './processes.ts';
import { ZONE } from './site.ts';
import { type AcceptedLine, readCsv } from './summary.ts';

/** After the day's end (real time): what is not accepted by then has failed. */
const PATIENCE_MS = 25_000;
const LOOK_EVERY_MS = 250;

/** Something that happens at a time of the day. */
export interface Event {
  /** Minutes after the local midnight that starts the day. */
  readonly minute: number;
  readonly happen: () => void;
}

export interface Followed {
  readonly options: DemoOptions;
  readonly clock: Clock;
  readonly end: UtcMs;
  readonly expected: number;
  readonly out: string;
  readonly events: readonly Event[];
  readonly tick: (now: UtcMs) => void;
}

/**
 * Lets the day pass. With `ends` it is over when everything was accepted or patience is; else it goes on until the signal.
 */
export async function follow(followed: Followed, ends: boolean, signal: AbortSignal): Promise<void> {
  const { options, clock, end, expected, out, tick } = followed;
  const midnight = marketDaySpan('electricity', options.day, ZONE).start;
  const events = [...followed.events].sort((a, b) => a.minute - b.minute);
  let lastAllowed: number | undefined;
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    const now = clock.now();
    tick(now);
    while (events[0] && now >= midnight + events[0].minute * MINUTE_MS) events.shift()!.happen();
    if (!ends || now < end) continue;
    lastAllowed ??= clock.monotonicMs() + PATIENCE_MS;
    const accepted = (await acceptedRows(out)).length;
    if (accepted >= expected || clock.monotonicMs() > lastAllowed) return;
  }
}

export async function acceptedRows(out: string): Promise<AcceptedLine[]> {
  return readCsv<AcceptedLine>(await acceptedCsv(join(out, 'sandbox')));
}

/** The kills that were asked for, as events. */
export function killsOf(
  { kill }: DemoOptions,
  running: Readonly<Record<string, Supervised | undefined>>,
  say: (text: string) => void,
): Event[] {
  return kill.map(({ who, minute }) => ({
    minute,
    happen() {
      say(`kill -9 ${who}`);
      running[who]?.kill();
    },
  }));
}

/** Rejects when one of them does not stay up. */
export function gaveUp(running: readonly Supervised[]): Promise<never> {
  return Promise.race(running.map((each) => each.gaveUp));
}
