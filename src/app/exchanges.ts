import type { Buffer } from '../buffer/index.ts';
import { exchangesIn } from '../core/meter-history.ts';
import type { DeviceId } from '../core/reading.ts';
import { isoUtc, type Span } from '../core/time.ts';
import type { ChannelPlan } from '../profile/interval.ts';

/** Another meter in a device's place, in words. */
export interface ToldExchange {
  readonly device: DeviceId;
  readonly from: string;
  readonly to: string;
  readonly lastSeen: string;
  readonly firstSeen: string;
}

/** The exchanges of the meters behind some channels that a span may hold. */
export async function exchangesOf(
  buffer: Pick<Buffer, 'meterHistory'>,
  plans: readonly Pick<ChannelPlan, 'counters'>[],
  span: Span,
): Promise<readonly ToldExchange[]> {
  const devices = new Set(plans.flatMap(({ counters }) => counters.map(({ device }) => device)));
  const found = [...devices].map(async (device) => {
    const history = await buffer.meterHistory(device);
    return exchangesIn(history ?? { meters: [] }, span).map(({ from, to, start, end }) => ({
      device,
      from,
      to,
      lastSeen: isoUtc(start),
      firstSeen: isoUtc(end),
    }));
  });
  return (await Promise.all(found)).flat();
}
