import type { AuditEntry, Buffer } from '../buffer/index.ts';
import { marketDaySpan } from '../core/calendar.ts';
import { type Decimal, decimalText, isNegative } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import { CHANNEL_UNIT, type Channel, type Interval } from '../core/interval.ts';
import { cut } from '../core/schedule.ts';
import { isoUtc, type MarketDay, type Span, type UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import { exceedsCapacity, exceedsSpikeLimit } from '../profile/capacity.ts';
import type { ChannelPlan } from '../profile/interval.ts';
import { chained } from './audit-chain.ts';
import type { SubstituteText } from './audit-texts.ts';
import { firstDayOf } from './closer.ts';
import { energiesOf, type HeatOn } from './energies.ts';
import { localText } from './local-time.ts';
import type { PointPlan } from './plan.ts';

/** What a person wants to stand in the place of intervals. */
export interface Substitution {
  readonly point: string;
  /** Where the point has more than one that can be entered. */
  readonly channel?: Channel;
  readonly span: Span;
  /** The same for each interval, or one for each by its start; in m3 or kWh. */
  readonly values: Decimal | ReadonlyMap<UtcMs, Decimal>;
  readonly reason: string;
  readonly by: string;
}

export interface SubstituteParts {
  readonly site: Site;
  readonly points: readonly PointPlan[];
  readonly buffer: Buffer;
  readonly heatOn: HeatOn;
  readonly now: UtcMs;
  /** Since when the gateway answers for the site. */
  readonly installedAt: UtcMs;
}

/**
 * Writes new versions with quality `substituted`, gas with its energy, and the audit entry, all in one batch.
 * Throws OdecetError value-refused when anything does not fit; then nothing was written.
 */
export async function substitute(
  { site, points, buffer, heatOn, now, installedAt }: SubstituteParts,
  wish: Substitution,
): Promise<{ readonly entry: AuditEntry; readonly intervals: readonly Interval[] }> {
  const point = points.find(({ code }) => code === wish.point);
  if (!point)
    throw refused(`there is no point "${wish.point}"; there are ${points.map(({ code }) => code).join(', ')}`);
  if (wish.reason.trim() === '' || wish.by.trim() === '') throw refused('a reason and a name are needed');
  const plan = planOf(point, wish.channel);
  const spans = spansOf(wish, plan.minutes, now, site.zone);
  refuseBefore(firstDayOf(point, installedAt, site.zone), point, wish.span, site.zone);
  refuseStrays(wish, spans, site.zone);
  const stored = await buffer.intervals(point.code, plan.channel, wish.span);
  const known = new Map(stored.map((interval) => [interval.start, interval]));
  const made = spans.map((span): Interval => {
    const value = valueFor(span, wish.values, site.zone);
    if (exceedsCapacity(plan, span, value))
      throw refused(
        `${decimalText(value)} at ${localText(span.start, site.zone)} is beyond 120 % of the connected capacity`,
      );
    const { version = 0, origins = [] } = known.get(span.start) ?? {};
    return substituted(plan, span, value, { version: version + 1, madeAt: now, origins });
  });
  const energies =
    plan.channel === 'volume' ? await energiesOf(buffer, site, point.code, wish.span, made, heatOn, now) : [];
  const { entry, kept } = await buffer.keepAudited([...made, ...energies], (last, written) =>
    chained(last, auditText(wish, plan.channel, written, known, now)),
  );
  return { entry, intervals: kept };
}

/** What a person decided, as an interval. @param findings beside those that follow from the value */
export function substituted(
  plan: ChannelPlan,
  span: Span,
  value: Decimal,
  { findings = [], ...how }: Pick<Interval, 'version' | 'madeAt' | 'origins'> & Partial<Pick<Interval, 'findings'>>,
): Interval {
  const size = exceedsSpikeLimit(plan, span, value) ? ['spike'] : [];
  return {
    point: plan.point,
    channel: plan.channel,
    ...span,
    value,
    unit: CHANNEL_UNIT[plan.channel],
    quality: 'substituted',
    findings: ['substituted-by-person', ...findings, ...size],
    ...how,
  };
}

/** Energy of gas is never entered: it follows its volume and the day's combustion heat. */
function planOf({ code, counted }: PointPlan, channel: Channel | undefined) {
  const names = counted.map((plan) => plan.channel).join(', ');
  const found = counted.filter((plan) => channel === undefined || plan.channel === channel);
  if (found.length === 1) return found[0]!;
  throw refused(
    channel
      ? `${code} has no channel "${channel}" that can be entered; it has ${names}`
      : `say which channel of ${code}: ${names}`,
  );
}

function spansOf({ span }: Substitution, minutes: number, now: UtcMs, zone: string): Span[] {
  const [from, to] = [localText(span.start, zone), localText(span.end, zone)];
  if (span.end <= span.start) throw refused(`${from} to ${to} ends before it begins`);
  if (span.end > now) throw refused(`${from} to ${to} is not over yet`);
  try {
    return cut(span, minutes);
  } catch {
    throw refused(`${from} to ${to} is not whole intervals of ${minutes} minutes`);
  }
}

/** Nobody is told of what was before the point's first day: a value there is a slip of the year, or of the point. */
function refuseBefore(first: MarketDay, { code, commodity }: PointPlan, { start }: Span, zone: string): void {
  if (start >= marketDaySpan(commodity, first, zone).start) return;
  throw refused(`${localText(start, zone)} is before ${first}, the first day that ${code} is answered for`);
}

/** A value that belongs to no interval of the span was meant for something: it is not passed over. */
function refuseStrays({ span, values }: Substitution, spans: readonly Span[], zone: string): void {
  if ('coefficient' in values) return;
  const starts = new Set(spans.map(({ start }) => start));
  const strays = [...values.keys()].filter((start) => !starts.has(start));
  if (strays.length === 0) return;
  const named = strays
    .slice(0, STRAYS_NAMED_MAX)
    .map((at) => localText(at, zone))
    .join(', ');
  throw refused(
    `${strays.length} of the values are for no interval of ${localText(span.start, zone)} to ${localText(span.end, zone)}: ${named}; take them out, or widen the span`,
  );
}

const STRAYS_NAMED_MAX = 5;
/** No meter shows more, and no document takes more. */
const DECIMALS_MAX = 6;

function valueFor({ start }: Span, values: Substitution['values'], zone: string): Decimal {
  const value = 'coefficient' in values ? values : values.get(start);
  if (!value) throw refused(`no value for ${localText(start, zone)}`);
  if (isNegative(value)) throw refused(`${decimalText(value)} at ${localText(start, zone)} is negative`);
  if (-value.exponent > DECIMALS_MAX)
    throw refused(`${decimalText(value)} at ${localText(start, zone)} has more than ${DECIMALS_MAX} decimals`);
  return value;
}

export function auditText(
  { reason, by, point, restores }: Pick<SubstituteText, 'reason' | 'by' | 'point' | 'restores'>,
  channel: Channel,
  written: readonly Interval[],
  known: ReadonlyMap<UtcMs, Interval>,
  now: UtcMs,
): string {
  const intervals = written
    .filter((interval) => interval.channel === channel)
    .map(({ start, end, version, value }) => {
      const before = known.get(start);
      return {
        start: isoUtc(start),
        end: isoUtc(end),
        ...(before && {
          before: {
            version: before.version,
            quality: before.quality,
            ...(before.value && { value: decimalText(before.value) }),
          },
        }),
        version,
        value: value ? decimalText(value) : '',
      };
    });
  const text: SubstituteText = {
    at: isoUtc(now),
    what: 'substitute',
    by,
    reason,
    point,
    channel,
    ...(restores !== undefined && { restores }),
    intervals,
  };
  return JSON.stringify(text);
}

function refused(detail: string): OdecetError {
  return new OdecetError('value-refused', detail);
}
