import type { Buffer, LedgerCounts, LedgerRow } from '../buffer/index.ts';
import { marketDaySpan } from '../core/calendar.ts';
import type { Commodity } from '../core/interval.ts';
import type { DeviceId } from '../core/reading.ts';
import { cut } from '../core/schedule.ts';
import type { MarketDay } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import type { Site } from '../device/site.ts';
import { planPoints } from './plan.ts';

export interface PointLedger {
  readonly point: string;
  readonly commodity: Commodity;
  readonly counts: LedgerCounts;
  readonly rows: readonly LedgerRow[];
}

/** What became of every interval of the market days `from` to `to`, both included, by point. Counted from the records alone. */
export async function pointLedgers(
  buffer: Buffer,
  site: Site,
  devices: ReadonlyMap<DeviceId, BoundDevice>,
  from: MarketDay,
  to: MarketDay,
): Promise<PointLedger[]> {
  const ledgers: PointLedger[] = [];
  for (const { code, commodity, minutes, published } of planPoints(site, devices)) {
    const { start } = marketDaySpan(commodity, from, site.zone);
    const { end } = marketDaySpan(commodity, to, site.zone);
    const spans = cut({ start, end }, minutes);
    const { counts, rows } = await buffer.ledger(published.map((channel) => ({ point: code, channel, spans })));
    ledgers.push({ point: code, commodity, counts, rows });
  }
  return ledgers;
}
