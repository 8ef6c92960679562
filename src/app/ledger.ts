import { type Buffer, countRows, type LedgerCounts, type LedgerRow } from '../buffer/index.ts';
import { marketDaySpan } from '../core/calendar.ts';
import type { Commodity } from '../core/interval.ts';
import { cut } from '../core/schedule.ts';
import { isoUtc, type MarketDay } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { PointPlan } from './plan.ts';

/**
 * What became of every interval of the points' market days `from` to `to`, both included. Counted from the records alone, in one
 * look, since the journal is read through for what is gone. Days before the point's own `from` are nobody's: not expected.
 */
export async function pointLedgers(
  buffer: Buffer,
  site: Site,
  points: readonly PointPlan[],
  from: MarketDay,
  to: MarketDay,
) {
  const expected = points.flatMap(({ code, commodity, minutes, published, from: first = from }) => {
    if (first > to) return [];
    const { start } = marketDaySpan(commodity, first > from ? first : from, site.zone);
    const { end } = marketDaySpan(commodity, to, site.zone);
    const spans = cut({ start, end }, minutes);
    return published.map((channel) => ({ point: code, channel, spans }));
  });
  const { rows } = await buffer.ledger(expected);
  const byPoint = rowsByPoint(rows);
  return points.map((point) => pointLedger(point, byPoint.get(point.code) ?? []));
}

function rowsByPoint(rows: readonly LedgerRow[]): ReadonlyMap<string, readonly LedgerRow[]> {
  const byPoint = new Map<string, LedgerRow[]>();
  for (const row of rows) {
    const own = byPoint.get(row.point);
    if (own) own.push(row);
    else byPoint.set(row.point, [row]);
  }
  return byPoint;
}

function pointLedger({ code, commodity }: PointPlan, rows: readonly LedgerRow[]) {
  const told = rows.map((row) => ({
    point: row.point,
    channel: row.channel,
    start: isoUtc(row.start),
    state: row.state,
    quality: row.quality,
    version: row.version,
    messages: row.deliveries.map(({ message, state }) => `${message} ${state}`).join(', '),
  }));
  const head: { point: string; commodity: Commodity; counts: LedgerCounts } = {
    point: code,
    commodity,
    counts: countRows(rows),
  };
  return { ...head, rows: told };
}

export type PointLedger = ReturnType<typeof pointLedger>;
