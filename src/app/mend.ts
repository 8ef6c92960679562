import type { Buffer, Damage } from '../buffer/index.ts';
import { MINUTE_MS, type Span } from '../core/time.ts';
import type { PointPlan } from './plan.ts';

export interface Mended {
  /** Messages that the second copy gave back, in part or whole. */
  readonly messages: number;
  readonly records: number;
  /** Rows of readings that were named again, so that intervals are made of them again. */
  readonly readingsNamedAgain: number;
}

/**
 * Mends what can be mended of losses that were found and marked: messages from the second copy, intervals by letting the
 * profiler look at their readings again. Readings that are lost are asked of the meters by the gap map, which sees them missing.
 */
export async function mend(buffer: Buffer, points: readonly PointPlan[], found: readonly Damage[]): Promise<Mended> {
  const { messages, records } = await buffer.restoreVital();
  let readingsNamedAgain = 0;
  for (const [device, span] of readingsBehind(points, found))
    readingsNamedAgain += await buffer.nameReadingsAgain(device, span);
  return { messages, records, readingsNamedAgain };
}

/** From the first to the last lost interval of each device, with the boundaries around them. */
function readingsBehind(points: readonly PointPlan[], found: readonly Damage[]): Map<string, Span> {
  const spans = new Map<string, Span>();
  for (const { key } of found) {
    const [kind, code, channel, start = ''] = key.split('/');
    const point = kind === 'i' ? points.find((plan) => encodeURIComponent(plan.code) === code) : undefined;
    const at = Date.parse(start);
    if (!point || Number.isNaN(at)) continue;
    const around = { start: at - point.minutes * MINUTE_MS, end: at + 2 * point.minutes * MINUTE_MS };
    // Energy follows the volume, which is counted.
    const plans = point.counted.filter((plan) => plan.channel === channel);
    for (const { device } of (plans.length > 0 ? plans : point.counted).flatMap((plan) => plan.counters)) {
      const known = spans.get(device) ?? around;
      spans.set(device, { start: Math.min(known.start, around.start), end: Math.max(known.end, around.end) });
    }
  }
  return spans;
}
