import type { MeterFlag, Reading } from '../core/reading.ts';
import type { Span, UtcMs } from '../core/time.ts';

/** Stretches of wall time that are remembered; a clock that is set again and again needs a person anyway. */
const STRETCHES_MAX = 16;

/** What one device's samples say of the time: they are stamped by the wall, which may be set. */
export interface SampleOrder {
  /** Steps of the wall before the last sample. */
  readonly steps: number;
  /** First and last sample since that step. */
  readonly stretch?: Span;
  /** Stretches that were sampled before a step. */
  readonly earlier: readonly Span[];
  /** It was told that a stretch comes a second time. */
  readonly isRepeating: boolean;
}

export const FIRST_ORDER: SampleOrder = { steps: 0, earlier: [], isRepeating: false };

export interface Ordered {
  readonly order: SampleOrder;
  readonly readings: readonly Reading[];
  /** The wall shows for the second time what it showed until this instant; told once for each stretch. */
  readonly repeatsUntil?: UtcMs;
}

/**
 * Keeps the samples of a device in the order of time. The first after a step of the wall is marked, so that nothing is computed
 * across the step; where the wall went back, samples of a stretch that was sampled already are left out until it is over, and
 * the first behind it is marked.
 * What the meter froze itself stays as it is.
 *
 * @param steps how often the wall was set until these readings
 */
export function inOrder(before: SampleOrder, readings: readonly Reading[], steps: number): Ordered {
  const at = readings.find(isSampled)?.at;
  if (at === undefined) return { order: before, readings };
  const isFirst = steps !== before.steps || before.isRepeating;
  const closed = before.stretch ? [...before.earlier, before.stretch].slice(-STRETCHES_MAX) : before.earlier;
  const earlier = isFirst ? closed : before.earlier;
  const repeated = earlier.find(({ start, end }) => at >= start && at <= end);
  if (repeated) {
    const order = { steps, earlier: closed, isRepeating: true };
    const rest = readings.filter((reading) => !isSampled(reading));
    return before.isRepeating ? { order, readings: rest } : { order, readings: rest, repeatsUntil: repeated.end };
  }
  const start = isFirst || !before.stretch ? at : before.stretch.start;
  const order = { steps, stretch: { start, end: at }, earlier, isRepeating: false };
  return { order, readings: isFirst ? readings.map(marked) : readings };
}

function isSampled({ source }: Reading): boolean {
  return source === 'sampled';
}

function marked(reading: Reading): Reading {
  const flags: readonly MeterFlag[] = [...reading.flags, 'wall-stepped'];
  return isSampled(reading) ? { ...reading, flags } : reading;
}
