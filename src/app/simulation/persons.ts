import { type Decimal, decimal, decimalText } from '../../core/decimal.ts';
import { type FailureCode, OdecetError } from '../../core/failure.ts';
import type { Channel, Interval, PointCode } from '../../core/interval.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, type UtcMs } from '../../core/time.ts';
import { QUESTIONS } from '../desk.ts';
import type { Episode } from './faults.ts';
import type { ImaginedSite } from './imagined-site.ts';
import type { Machine } from './machine.ts';
import type { Trace } from './trace.ts';

/** A person's order that intervals shall hold a value of his own. */
export interface Substituted {
  readonly point: PointCode;
  readonly channel: Channel;
  readonly starts: readonly UtcMs[];
  readonly value: Decimal;
  readonly at: UtcMs;
  /** What stood there before. */
  readonly before: readonly Interval[];
  /** The gateway has said that it is done; else it may be done or not. */
  isDone: boolean;
}

const AGE_MOST_HOURS = 30;
const HOURS_MOST = 3;
const MAY_REFUSE: ReadonlySet<FailureCode> = new Set(['value-refused', 'store-full', 'store-io', 'store-damaged']);

/** Somebody replaces some hours of one point, today's or older ones, by `odecet substitute`. */
export async function substituteByPerson(
  { buffer, desk }: Machine,
  { meters }: ImaginedSite,
  { where, force, choice }: Episode,
  installedAt: UtcMs,
  now: UtcMs,
  trace: Trace,
  onFault: (what: string) => void,
): Promise<Substituted | undefined> {
  const { point, commodity, minutes, fullPerHour } = meters[Math.floor(where * meters.length)]!;
  const channel = commodity === 'gas' ? 'volume' : 'import';
  const end = Math.floor(now / HOUR_MS) * HOUR_MS - (1 + Math.floor(force * AGE_MOST_HOURS)) * HOUR_MS;
  const start = end - (1 + Math.floor(choice * HOURS_MOST)) * HOUR_MS;
  if (start < installedAt) return undefined;
  const value = decimal(Math.floor((fullPerHour * minutes * choice) / 60), -3);
  const length = minutes * MINUTE_MS;
  const starts = Array.from({ length: (end - start) / length }, (_, n) => start + n * length);
  const before = await buffer.intervals(point, channel, { start, end });
  const order: Substituted = { point, channel, starts, value, at: now, before, isDone: false };
  const wish = { point, channel, from: start, to: end, values: decimalText(value), reason: 'a check', by: 'N. N.' };
  trace.count('person-substitutes');
  trace.note('person-substitutes', `${point} ${isoUtc(start)} to ${isoUtc(end)}: ${decimalText(value)}`);
  QUESTIONS.substitute(desk, wish).then(
    () => {
      order.isDone = true;
    },
    (error: unknown) => {
      // A disk that fails, or a wall clock that has not come so far, may refuse it.
      if (error instanceof OdecetError && MAY_REFUSE.has(error.failure.code))
        trace.note('not-substituted', error.failure.detail);
      else onFault(`a person's order failed: ${String(error)}`);
    },
  );
  return order;
}
