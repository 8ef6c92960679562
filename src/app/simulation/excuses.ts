import type { LedgerRow } from '../../buffer/index.ts';
import { intervalKey, metersKey } from '../../buffer/keys.ts';
import type { MessageId } from '../../core/message.ts';
import { HOUR_MS, MINUTE_MS, type Millis, type Span, type UtcMs } from '../../core/time.ts';
import type { SiteLife } from './life.ts';
import type { RunningMeter } from './meters.ts';
import { winterFrom } from './own-days.ts';
import { doubtfulClocks, type Reach } from './reach.ts';

/** What is known of a meter's weather. */
export interface Witness {
  readonly meter: RunningMeter;
  readonly reach: Reach;
  readonly life: SiteLife;
}

/** After this much clear time a frozen value must have been fetched. */
const CLEAR_ENOUGH_MS: Millis = 26 * MINUTE_MS;
const NEAR_MS: Millis = 45 * MINUTE_MS;
const BLOCKED_LEAST_MS: Millis = 4 * MINUTE_MS;

/** Why the meter could not tell an interval of this span; undefined where it could. */
export function excuseOf(one: Witness, span: Span): string | undefined {
  const { meter, reach } = one;
  const near = [span.start, span.end].some(
    (at) =>
      reach.blockedMs({ start: at - NEAR_MS, end: at + NEAR_MS }) >= BLOCKED_LEAST_MS ||
      reach.wallDoubtMs(at) > 0 ||
      isFlippedNear(one, at),
  );
  if (!near) return undefined;
  return !meter.plan.stores || isStoredExcused(one, span) ? 'unreachable' : undefined;
}

/** The frozen value of one of the edges could not be fetched as long as the meter kept it, or came with a clock that was off. */
export function isStoredExcused(one: Witness, span: Span): boolean {
  const { meter, reach } = one;
  if (isExchangedIn(one, span)) return true;
  const { periodsKept, minutes } = meter.plan;
  const instants = [span.start, span.end].flatMap((at) => (isSecondHour(at) ? [at, at - HOUR_MS] : [at]));
  return instants.some((at) => {
    const window = { start: at, end: at + periodsKept * minutes * MINUTE_MS };
    const fetched = { start: frozenFrom(one.meter, at), end: takenOff(one.meter, at, toldUntil(one.meter, at)) };
    // The collector believes nothing until it has seen the clock right again (`collect/clock-doubt.ts`): a clock that was put right
    // while nobody could look is doubted until somebody could.
    const wasOff = doubtfulClocks(meter, one.life.wall()).some(
      ({ start, end }) => start <= window.end && reach.clearFrom(end) >= at,
    );
    return (
      wasOff || reach.longestClear(fetched) < CLEAR_ENOUGH_MS || reach.wallDoubtMs(at) > 0 || isFlippedNear(one, at)
    );
  });
}

/**
 * How long the value frozen for an instant can be had and told from others. A stamp of the hour that happens twice is told by its
 * row: by the last summer bit beside it (M-Bus), else by the period before that hour. When the meter has given that up, the
 * drivers refuse the stamp (`core/doubled-hour.ts`): a meter that stood still for an hour would show the same.
 */
function toldUntil({ plan }: RunningMeter, at: UtcMs): UtcMs {
  const { periodsKept, minutes, framing } = plan;
  const periodMs = minutes * MINUTE_MS;
  const second = winterFrom(at);
  const isTwice = second - HOUR_MS <= at && at < second + HOUR_MS;
  const beside = (framing === 'mbus' ? second : second - HOUR_MS) - periodMs;
  return (isTwice && periodsKept > 1 ? Math.min(at, beside) : at) + periodsKept * periodMs;
}

/** A value of the second of the two hours is believed beside that of the first only (`app/second-hour.ts`). */
function isSecondHour(at: UtcMs): boolean {
  return winterFrom(at) <= at && at < winterFrom(at) + HOUR_MS;
}

/** A meter that has gone takes its archive with it. */
function takenOff({ exchanges }: RunningMeter, at: UtcMs, until: UtcMs): UtcMs {
  return Math.min(until, exchanges.find(({ swapAt }) => at < swapAt)?.start ?? until);
}

/**
 * No index of the one meter says anything beside one of the other; and nothing is believed that the new one froze before it was
 * seen: while it is refused at the latest, or when it can be asked for the first time.
 */
function isExchangedIn({ meter, reach }: Witness, { start, end }: Span): boolean {
  return meter.exchanges.some((one) => {
    const seenBy = reach.clearFrom(one.namedAt) + CLEAR_ENOUGH_MS;
    return start < seenBy && end > one.start;
  });
}

/** From when on the meter has what it froze for this instant. */
function frozenFrom({ lateFreezes }: RunningMeter, at: UtcMs): UtcMs {
  let from = at;
  for (;;) {
    const late = lateFreezes.find(({ start, end }) => start < at && start <= from && from < end);
    if (!late) return from;
    from = late.end;
  }
}

export function isFlippedNear({ meter, life }: Witness, at: UtcMs): boolean {
  const { device } = meter.plan;
  return [...life.flipped.keys()].some((key) => {
    if (key === metersKey(device.id)) return true;
    const [kind, day, its, , time] = key.split('/');
    if (kind !== 'r' || its !== device.id) return false;
    return !(Math.abs(Date.parse(`${day}T${time?.split('~')[0]}`) - at) >= 2 * NEAR_MS);
  });
}

/** A flipped bit has hit the interval's own record; where its readings were given up since, nothing can make it again. */
export function isRecordHit(life: SiteLife, { point, channel, start }: LedgerRow): boolean {
  const record = `i/${point}/${channel}/${new Date(start).toISOString()}/`;
  return [...life.flipped.keys()].some((key) => key.startsWith(record));
}

/**
 * What was told last of the interval was made after the backup that a fresh machine goes on from: the old machine's second copy
 * knows that it was told, and only a person or the same readings can make it again. When the message has gone for its age nothing
 * says any more which version that was: one before the one that stands, whose numbers begin at 1.
 */
export function isLostWithMachine({ replacements }: Pick<SiteLife, 'replacements'>, row: LedgerRow): boolean {
  const told = row.deliveries.map(({ version }) => version);
  const earlier = Array.from({ length: Math.max(0, (row.version ?? 0) - 1) }, (_, n) => n + 1);
  const versions = told.length > 0 ? [Math.max(...told)] : earlier;
  return replacements.some((one) => versions.some((version) => one.lost(intervalKey({ ...row, version }))));
}

/** Of what became better since it was accepted the operator has rejected the correction: a person must see to it. */
export function isCorrectionRejected(rejected: ReadonlySet<MessageId>, accepted: MessageId, row: LedgerRow): boolean {
  return row.deliveries.some(({ message }) => message > accepted && rejected.has(message));
}

/** A flipped bit has hit what stands behind a row of the ledger, and nobody has come upon it yet. */
export function isTouched(standing: ReadonlySet<string>, row: LedgerRow): boolean {
  const names = [row.point, ...row.deliveries.map(({ message }) => message)];
  return [...standing].some((key) => names.some((name) => key.includes(name)));
}
