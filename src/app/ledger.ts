import type { Buffer, LedgerCounts } from '../buffer/index.ts';
import { marketDaySpan } from '../core/calendar.ts';
import type { Commodity } from '../core/interval.ts';
import { cut } from '../core/schedule.ts';
import { isoUtc, type MarketDay } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { PointPlan } from './plan.ts';

/** What became of every interval of a point's market days `from` to `to`, both included. Counted from the records alone. */
export async function pointLedger(
  buffer: Buffer,
  site: Site,
  { code, commodity, minutes, published }: PointPlan,
  from: MarketDay,
  to: MarketDay,
) {
  const { start } = marketDaySpan(commodity, from, site.zone);
  const { end } = marketDaySpan(commodity, to, site.zone);
  const spans = cut({ start, end }, minutes);
  const { counts, rows } = await buffer.ledger(published.map((channel) => ({ point: code, channel, spans })));
  const told = rows.map((row) => ({
    point: row.point,
    channel: row.channel,
    start: isoUtc(row.start),
    state: row.state,
    quality: row.quality,
    version: row.version,
    messages: row.deliveries.map(({ message, state }) => `${message} ${state}`).join(', '),
  }));
  const head: { point: string; commodity: Commodity; counts: LedgerCounts } = { point: code, commodity, counts };
  return { ...head, rows: told };
}

export type PointLedger = Awaited<ReturnType<typeof pointLedger>>;
