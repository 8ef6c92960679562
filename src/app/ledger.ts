import { type Buffer, countRows, type Delivery, type LedgerCounts, type LedgerRow } from '../buffer/index.ts';
import { marketDaySpan, shiftDay } from '../core/calendar.ts';
import { OdecetError } from '../core/failure.ts';
import type { Commodity, PointCode } from '../core/interval.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, isoUtc, type MarketDay, MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import { firstDayOf } from './closer.ts';
import type { PointPlan } from './plan.ts';

/** A gateway has little memory, and answers this beside its work: so many intervals are looked at at once. */
const INTERVALS_AT_ONCE = 30_000;
/** What is told one by one goes over the socket as a whole. */
const ROWS_MAX = 50_000;
const DAYS_MAX = 1_000;
const DAY_MS = 24 * HOUR_MS;

export interface LedgerParts {
  readonly site: Site;
  readonly points: readonly PointPlan[];
  readonly buffer: Buffer;
  readonly installedAt: UtcMs;
  readonly now: UtcMs;
}

/** The market days `from` to `to`, both included. */
export interface LedgerQuestion {
  readonly from: MarketDay;
  readonly to: MarketDay;
  /** Every interval as well, not only the counts. */
  readonly rows?: boolean;
}

/** What became of one interval, as text. */
interface ToldRow {
  readonly point: PointCode;
  readonly channel: string;
  /** UTC */
  readonly start: string;
  readonly state: LedgerRow['state'];
  readonly quality: LedgerRow['quality'];
  readonly version: LedgerRow['version'];
  readonly messages: string;
  /** Of what is lost: what the newest message that carries it says of it. */
  readonly told?: string;
}

export interface PointLedger {
  readonly point: PointCode;
  readonly commodity: Commodity;
  readonly counts: LedgerCounts;
  /** Intervals of these days that are not over: they are not expected yet. */
  readonly notYetDue: number;
  /** The first market day that is answered for. */
  readonly since: MarketDay;
  readonly rows: readonly ToldRow[];
}

/**
 * What became of every interval of the points' market days. Counted from the records alone. Nothing is expected of days before
 * the first that a point is answered for, nor of intervals that are not over; what was told of them all the same is counted.
 * Throws OdecetError usage where more is asked for than can be told at once.
 */
export async function pointLedgers(parts: LedgerParts, question: LedgerQuestion): Promise<PointLedger[]> {
  const { points, site, installedAt } = parts;
  const { from, to, rows: withRows = false } = question;
  const days = daysBetween(from, to);
  const perDay = points.reduce(
    (sum, { published, minutes }) => sum + (published.length * DAY_MS) / (minutes * MINUTE_MS),
    0,
  );
  refuseTooMuch(days, withRows ? days * perDay : 0);
  const made = points.map((point) => ({
    point,
    since: firstDayOf(point, installedAt, site.zone),
    counts: countRows([]),
    notYetDue: 0,
    rows: [] as ToldRow[],
  }));
  const daysAtOnce = Math.max(1, Math.floor(INTERVALS_AT_ONCE / perDay));
  for (let first = from; first <= to; first = shiftDay(first, daysAtOnce)) {
    const last = [to, shiftDay(first, daysAtOnce - 1)].sort()[0]!;
    const byPoint = await rowsOf(parts, first, last);
    for (const one of made) {
      const { due, notYetDue } = dueOf(parts, one.point, one.since, byPoint.get(one.point.code) ?? []);
      one.counts = sumOf(one.counts, countRows(due));
      one.notYetDue += notYetDue;
      if (withRows) for (const row of due) one.rows.push(toldRow(row));
    }
  }
  return made.map(({ point: { code, commodity }, ...rest }) => ({ point: code, commodity, ...rest }));
}

function daysBetween(from: MarketDay, to: MarketDay): number {
  return (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
}

function refuseTooMuch(days: number, rows: number): void {
  if (days > DAYS_MAX) throw new OdecetError('usage', `${days} days are too many at once; ask for ${DAYS_MAX} at most`);
  if (rows > ROWS_MAX)
    throw new OdecetError(
      'usage',
      `about ${Math.round(rows)} intervals are too many to be listed at once; ask for fewer days, or for one point with --point`,
    );
}

async function rowsOf(
  { buffer, site, points }: LedgerParts,
  from: MarketDay,
  to: MarketDay,
): Promise<ReadonlyMap<PointCode, readonly LedgerRow[]>> {
  const expected = points.flatMap(({ code, commodity, minutes, published }) => {
    const { start } = marketDaySpan(commodity, from, site.zone);
    const { end } = marketDaySpan(commodity, to, site.zone);
    const spans = cut({ start, end }, minutes);
    return published.map((channel) => ({ point: code, channel, spans }));
  });
  const byPoint = new Map<PointCode, LedgerRow[]>();
  for (const row of (await buffer.ledger(expected)).rows) {
    const own = byPoint.get(row.point);
    if (own) own.push(row);
    else byPoint.set(row.point, [row]);
  }
  return byPoint;
}

function dueOf({ site, now }: LedgerParts, { commodity }: PointPlan, since: MarketDay, rows: readonly LedgerRow[]) {
  const span = { start: marketDaySpan(commodity, since, site.zone).start, end: now };
  const due = rows.filter((row) => isExpected(row, span) || !isUntold(row));
  const notYetDue = rows.filter((row) => row.state === 'missing' && row.start >= span.start && row.end > now).length;
  return { due, notYetDue };
}

/** Nobody was told of it, and nothing is known to have been there that is not. */
function isUntold({ state, deliveries }: LedgerRow): boolean {
  return state === 'missing' || (state === 'pending' && deliveries.length === 0);
}

/** Of the time for which a point is answered for, as far as it is over. */
function isExpected({ start, end }: Span, answered: Span): boolean {
  return start >= answered.start && end <= answered.end;
}

function sumOf(a: LedgerCounts, b: LedgerCounts): LedgerCounts {
  return {
    expected: a.expected + b.expected,
    accepted: a.accepted + b.accepted,
    pending: a.pending + b.pending,
    rejected: a.rejected + b.rejected,
    missing: a.missing + b.missing,
    lost: a.lost + b.lost,
    givenUp: a.givenUp + b.givenUp,
    doubled: a.doubled + b.doubled,
  };
}

/** All points together. */
export function totalOf(ledgers: readonly PointLedger[]): LedgerCounts {
  return ledgers.reduce((sum, { counts }) => sumOf(sum, counts), countRows([]));
}

function toldRow({ point, channel, start, state, quality, version, deliveries }: LedgerRow): ToldRow {
  const messages = deliveries.map(({ message, state: of }) => `${message} ${of}`).join(', ');
  const told = state === 'lost' ? newestTold(deliveries) : undefined;
  return { point, channel, start: isoUtc(start), state, quality, version, messages, ...(told && { told }) };
}

function newestTold(deliveries: readonly Delivery[]): string | undefined {
  return [...deliveries].sort((a, b) => a.version - b.version).at(-1)?.told;
}
