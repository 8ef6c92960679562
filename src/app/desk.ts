import { z } from 'zod';
import type { Buffer } from '../buffer/index.ts';
import { isoLocal, marketDaySpan } from '../core/calendar.ts';
import { decimalText, parseDecimal } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import { hint } from '../core/guess.ts';
import { CHANNEL_UNIT, type Interval, type Quality } from '../core/interval.ts';
import { cut } from '../core/schedule.ts';
import { contains, isoUtc, spanMinutes, type UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import { chainFaults, journalFaults } from './audit-chain.ts';
import { readAudit } from './audit-texts.ts';
import { firstDayOf } from './closer.ts';
import type { Handler } from './control.ts';
import type { HeatOn } from './energies.ts';
import { pointLedgers } from './ledger.ts';
import { isOfLength } from './other-length.ts';
import type { PointPlan } from './plan.ts';
import { substitute } from './substitute.ts';
import { traceInterval } from './trace.ts';

/** What the questions of people are answered from: a running gateway, or the memory of one that stands still. */
export interface Desk {
  readonly site: Site;
  readonly points: readonly PointPlan[];
  readonly buffer: Buffer;
  readonly heatOn: HeatOn;
  readonly now: () => UtcMs;
  /** Since when the gateway answers for the site. */
  readonly installedAt: UtcMs;
  /** Lets nothing else write intervals while the work goes on. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
}

const dayRequest = z.looseObject({ point: z.string(), day: z.string() });
const daysRequest = z.looseObject({
  from: z.string(),
  to: z.string(),
  rows: z.boolean().default(false),
  point: z.string().optional(),
});
const momentRequest = z.looseObject({ point: z.string(), at: z.int() });
const substitution = z.looseObject({
  point: z.string(),
  channel: z.enum(['volume', 'import', 'export']).exactOptional(),
  from: z.int(),
  to: z.int(),
  /** One value for each interval, or pairs of start and value. */
  values: z.union([z.string(), z.array(z.tuple([z.int(), z.string()]))]),
  reason: z.string(),
  by: z.string(),
});

/** Every answer is plain text and numbers, so that it is the same over a socket. */
export const QUESTIONS = {
  /**
   * The day's intervals; one that is over, is answered for and was never made is told as missing, version 0, so that no hole
   * goes unseen; one that was accepted and went for its age as given up.
   */
  async profile({ site, points, buffer, now, installedAt }: Desk, request: unknown) {
    const { point: code, day } = dayRequest.parse(request);
    const point = pointOf(points, code);
    const span = marketDaySpan(point.commodity, day, site.zone);
    const since = firstDayOf(point, installedAt, site.zone);
    const over = cut(span, point.minutes).filter(({ end }) => end <= now());
    const channels = await Promise.all(
      point.published.map(async (channel) => {
        const made = withoutReplaced(await buffer.intervals(code, channel, span), point);
        const starts = new Set(made.map(({ start }) => start));
        const gone = await buffer.givenUp(code, channel, span);
        const holes = over.flatMap((one): ProfileRow[] => {
          const isGivenUp = gone.some((known) => contains(known, one.start));
          if (starts.has(one.start) || (day < since && !isGivenUp)) return [];
          const quality = isGivenUp ? 'given-up' : 'missing';
          return [{ ...one, channel, unit: CHANNEL_UNIT[channel], quality, version: 0, findings: [] }];
        });
        return [...made, ...holes].sort((a, b) => a.start - b.start);
      }),
    );
    return { point: code, day, since, intervals: channels.flat().map((interval) => profileRow(interval, site.zone)) };
  },

  async ledger(desk: Desk, request: unknown) {
    const { from, to, rows, point } = daysRequest.parse(request);
    const points = point === undefined ? desk.points : [pointOf(desk.points, point)];
    return pointLedgers({ ...desk, points, now: desk.now() }, { from, to, rows });
  },

  async trace(desk: Desk, request: unknown) {
    const { point, at } = momentRequest.parse(request);
    return traceInterval({ ...desk, now: desk.now() }, pointOf(desk.points, point), at);
  },

  async audit({ buffer }: Desk) {
    const log = await buffer.auditLog();
    const faults = [...chainFaults(log), ...(await journalFaults(buffer))];
    const entries = log.map(({ number, text, hash }) => ({ number, hash, said: readAudit(text) }));
    return { whole: faults.length === 0, faults, entries };
  },

  async substitute(desk: Desk, request: unknown) {
    const { from, to, values, channel, ...wish } = substitution.parse(request);
    const given =
      typeof values === 'string'
        ? parseDecimal(values)
        : new Map(values.map(([start, value]) => [start, parseDecimal(value)]));
    const span = { start: from, end: to };
    pointOf(desk.points, wish.point);
    const { entry, intervals } = await desk.alone(() =>
      substitute({ ...desk, now: desk.now() }, { ...wish, span, values: given, ...(channel && { channel }) }),
    );
    const said = readAudit(entry.text);
    const known = said?.what === 'substitute' ? said.intervals : [];
    const rows = intervals.map(({ start, channel: of, value, unit, version }) => {
      const before = of === 'energy' ? undefined : known.find((one) => one.start === isoUtc(start))?.before;
      return {
        start: isoUtc(start),
        channel: of,
        value: value ? decimalText(value) : '',
        unit,
        version,
        ...(before && { before }),
      };
    });
    return { audit: entry, intervals: rows };
  },
};

export type Question = keyof typeof QUESTIONS;
export type Answer<Q extends Question> = Awaited<ReturnType<(typeof QUESTIONS)[Q]>>;

/** The same questions asked of a running gateway over its socket. */
export function deskHandlers(desk: Desk): Readonly<Record<Question, Handler>> {
  return {
    profile: (request) => QUESTIONS.profile(desk, request),
    ledger: (request) => QUESTIONS.ledger(desk, request),
    trace: (request) => QUESTIONS.trace(desk, request),
    audit: () => QUESTIONS.audit(desk),
    substitute: (request) => QUESTIONS.substitute(desk, request),
  };
}

function pointOf(points: readonly PointPlan[], code: string): PointPlan {
  const point = points.find((plan) => plan.code === code);
  if (point) return point;
  const codes = points.map((plan) => plan.code);
  throw new OdecetError('usage', `the site has no point "${code}"; it has ${codes.join(', ')}${hint(code, codes)}`);
}

/** Without those of another length over which there is a value of the point's own: both would count in the sum. */
function withoutReplaced(stored: readonly Interval[], point: PointPlan): readonly Interval[] {
  const own = stored.filter((one) => isOfLength(one, point));
  if (own.length === stored.length) return stored;
  const isReplaced = ({ start, end }: Interval) => own.some((one) => one.value && one.start < end && one.end > start);
  return stored.filter((one) => own.includes(one) || !isReplaced(one));
}

type ProfileRow = Pick<Interval, 'start' | 'end' | 'channel' | 'unit' | 'version' | 'findings' | 'value'> & {
  readonly quality: Quality | 'given-up';
};

function profileRow(interval: ProfileRow, zone: string) {
  return {
    start: isoLocal(interval.start, zone),
    minutes: spanMinutes(interval),
    channel: interval.channel,
    value: interval.value ? decimalText(interval.value) : '',
    unit: interval.unit,
    quality: interval.quality,
    version: interval.version,
    findings: interval.findings,
  };
}
