import { marketIntervals } from '../core/calendar.ts';
import { type Decimal, decimalText, isNegative, shift } from '../core/decimal.ts';
import { CHANNEL_UNIT, type Channel, type Interval, type PointCode } from '../core/interval.ts';
import { isoUtc, type Span, spanMinutes } from '../core/time.ts';
import type { ChannelSpec, FormatPack } from './pack.ts';
import type { DocumentRequest, PointIntervals } from './request.ts';
import { fits, roundCarrying } from './rounding.ts';

/** A day's intervals as the document will carry them: complete, in order, each with its number, value text and status. */
export interface PreparedPoint {
  readonly code: PointCode;
  readonly channels: readonly PreparedChannel[];
}

export interface PreparedChannel {
  readonly channel: Channel;
  readonly spec: ChannelSpec;
  readonly minutes: number;
  readonly intervals: readonly PreparedInterval[];
}

export interface PreparedInterval {
  readonly interval: Interval;
  /** 1..n of the market day. */
  readonly number: number;
  readonly value: string;
  readonly status: string;
}

interface Sendable {
  readonly interval: Interval;
  readonly number: number;
  readonly value: Decimal;
  readonly status: string;
}

/** Checks one point's day against the pack and the calendar; what stands against sending it goes into `complaints`. */
export function preparePoint(
  pack: FormatPack,
  request: DocumentRequest,
  point: PointIntervals,
  complaints: string[],
): PreparedPoint {
  const present = Object.keys(point.channels);
  if (present.length === 0) complaints.push(`${point.code}: no channel`);
  const foreign = present.filter((name) => !Object.hasOwn(pack.channels, name));
  for (const name of foreign) complaints.push(`${point.code} ${name}: the pack has no such channel`);
  const channels = CHANNELS.flatMap((channel) => {
    const spec = pack.channels[channel];
    const intervals = point.channels[channel];
    if (!spec || !intervals) return [];
    const where = `${point.code} ${channel}`;
    const found: string[] = [];
    const prepared = prepareChannel(pack, request, { code: point.code, channel, spec, intervals }, found);
    complaints.push(...found.map((what) => `${where}: ${what}`));
    return prepared ? [prepared] : [];
  });
  return { code: point.code, channels };
}

const CHANNELS: readonly Channel[] = ['volume', 'energy', 'import', 'export'];

interface ChannelDay {
  readonly code: PointCode;
  readonly channel: Channel;
  readonly spec: ChannelSpec;
  readonly intervals: readonly Interval[];
}

function prepareChannel(
  pack: FormatPack,
  { day, zone }: DocumentRequest,
  { code, channel, spec, intervals }: ChannelDay,
  complaints: string[],
): PreparedChannel | undefined {
  const first = intervals[0];
  const minutes = first && spanMinutes(first);
  const allowed = pack.minutes.find((length) => length === minutes);
  if (!allowed) {
    complaints.push(first ? `intervals of ${minutes} min; the pack takes ${pack.minutes.join(', ')}` : 'no intervals');
    return undefined;
  }
  const own = intervals.filter((interval) => interval.point === code && interval.channel === channel);
  if (own.length < intervals.length) complaints.push('an interval of another point or channel is among them');
  const wrongUnit = own.find(({ unit }) => unit !== CHANNEL_UNIT[channel]);
  if (wrongUnit) complaints.push(`${isoUtc(wrongUnit.start)} is in ${wrongUnit.unit}, not ${CHANNEL_UNIT[channel]}`);
  const ordered = inDayOrder(marketIntervals(pack.commodity, day, zone, allowed), own, complaints);
  const sendable = ordered.flatMap((interval, n) => sendableInterval(pack, interval, n + 1, complaints));
  if (sendable.length === 0 && complaints.length === 0) complaints.push('nothing is left to send');
  if (complaints.length > 0) return undefined;
  const values = documentValues(spec, sendable, complaints);
  const prepared = sendable.map(({ interval, number, status }, n) => ({
    interval,
    number,
    value: decimalText(values[n]!),
    status,
  }));
  return { channel, spec, minutes: allowed, intervals: prepared };
}

/** The intervals in the order of the day's places; holes, doubles and strangers are complaints. */
function inDayOrder(places: readonly Span[], intervals: readonly Interval[], complaints: string[]): Interval[] {
  const byStart = new Map<number, Interval>();
  for (const interval of intervals) {
    if (byStart.has(interval.start)) complaints.push(`${isoUtc(interval.start)} is there twice`);
    byStart.set(interval.start, interval);
  }
  const ordered = places.flatMap((place) => {
    const interval = byStart.get(place.start);
    if (interval?.end === place.end) return [interval];
    complaints.push(`${isoUtc(place.start)} is not there`);
    return [];
  });
  const strangers = byStart.size - ordered.length;
  if (ordered.length === places.length && strangers > 0) complaints.push(`${strangers} intervals are of another day`);
  return ordered;
}

function sendableInterval(pack: FormatPack, interval: Interval, number: number, complaints: string[]): Sendable[] {
  const { start, value, quality } = interval;
  const complain = (what: string) => void complaints.push(`${isoUtc(start)} ${what}`);
  if (quality === 'missing') {
    if (pack.missing === 'refuse') complain('has no value');
    return [];
  }
  const status = pack.statuses[quality];
  if (value === undefined) complain(`is ${quality} but has no value`);
  else if (isNegative(value)) complain(`is negative: ${decimalText(value)}`);
  else if (status === undefined) complain(`is ${quality}, and the pack has no status for that`);
  else return [{ interval, number, value, status }];
  return [];
}

function documentValues(spec: ChannelSpec, sendable: readonly Sendable[], complaints: string[]): Decimal[] {
  const values = sendable.map(({ value }) => shift(value, spec.shift));
  if (spec.rounding === 'refuse')
    for (const [n, value] of values.entries())
      if (!fits(value, spec.decimals))
        complaints.push(
          `${isoUtc(sendable[n]!.interval.start)} is ${decimalText(value)}, more than ${spec.decimals} decimals`,
        );
  return roundCarrying(values, spec.decimals);
}
