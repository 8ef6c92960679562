import type { Buffer } from '../buffer/index.ts';
import type { CollectorStatus } from '../collect/round.ts';
import type { Interval } from '../core/interval.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, type UtcMs } from '../core/time.ts';
import type { Box } from '../machine/box.ts';
import type { RelaySeen, WholeStatus } from '../uplink/relay/status.ts';
import type { LastAnswer } from './last-answer.ts';
import type { OpenInterval } from './oldest-open.ts';
import type { PointPlan } from './plan.ts';

/** What of a point's plan is looked at. */
type StatusPoint = Pick<PointPlan, 'code' | 'minutes' | 'published' | 'watch'>;

export interface SiteStatusParts {
  readonly site: string;
  readonly version: string;
  readonly points: readonly StatusPoint[];
  readonly buffer: Buffer;
  readonly box: Box;
  readonly lastAnswer: () => Promise<LastAnswer | undefined>;
  readonly oldestOpen: (now: UtcMs) => Promise<OpenInterval | undefined>;
  /** Where a relay is used. */
  readonly seen: RelaySeen | undefined;
  readonly certificates: readonly { readonly name: string; readonly validTo: UtcMs }[];
}

const DAY_MS = 24 * HOUR_MS;

/** What the site knows of itself; over MQTT goes what of it is worst. */
export async function siteStatus(parts: SiteStatusParts, collector: CollectorStatus, now: UtcMs): Promise<WholeStatus> {
  const { site, version, buffer, points, certificates, seen } = parts;
  const waiting = await buffer.outbox.heads();
  const lastAnswer = await parts.lastAnswer();
  const oldestInterval = await parts.oldestOpen(now);
  const days = waiting.map(({ message }) => message.day).sort();
  return {
    v: 1,
    site,
    at: isoUtc(now),
    version,
    box: await parts.box.facts(),
    ...(seen?.clock && { clock: { ...seen.clock, at: isoUtc(seen.clock.at) } }),
    ...(seen && { relay: seen.relay }),
    lines: collector.lines.map(({ line, isOpen, dialogues, errors }) => ({
      line,
      isOpen,
      dialogues,
      errors: Object.values(errors).reduce((sum, count) => sum + count, 0),
    })),
    devices: collector.devices.map(
      ({ device, line, lastGoodAt, failuresInRow, clockOffsetMs, lastFailure, lastUnusable }) => ({
        device,
        line,
        failuresInRow,
        ...(lastGoodAt !== undefined && { lastGoodAt: isoUtc(lastGoodAt) }),
        ...(clockOffsetMs !== undefined && { clockOffsetMs }),
        ...(lastFailure && { lastFailure: `${lastFailure.code}: ${lastFailure.detail}` }),
        ...(lastUnusable && { lastUnusable: `${lastUnusable.code}: ${lastUnusable.detail}` }),
      }),
    ),
    points: await Promise.all(
      points.flatMap((point) => point.published.map((channel) => lastDay(point, channel, buffer, now))),
    ),
    outbox: {
      depth: waiting.length,
      ...(days[0] !== undefined && { oldestDay: days[0] }),
      ...(oldestInterval && { oldestInterval }),
      ...(lastAnswer && { lastAnswer }),
      messages: waiting.map(({ message, state, attempts }) => ({
        message: message.id,
        day: message.day,
        state,
        attempts,
      })),
    },
    certificates: certificates.map(({ name, validTo }) => ({ name, daysLeft: Math.floor((validTo - now) / DAY_MS) })),
  };
}

async function lastDay(
  { code, minutes, watch }: StatusPoint,
  channel: Interval['channel'],
  buffer: Buffer,
  now: UtcMs,
): Promise<WholeStatus['points'][number]> {
  const length = minutes * MINUTE_MS;
  const end = Math.floor(now / length) * length;
  const intervals = await buffer.intervals(code, channel, { start: end - DAY_MS, end });
  const qualities: Record<string, number> = {};
  for (const { quality } of intervals) qualities[quality] = (qualities[quality] ?? 0) + 1;
  const expected = DAY_MS / length;
  const gaps = expected - intervals.length + (qualities.missing ?? 0);
  return { point: code, device: watch.device, channel, expected, gaps, qualities };
}
