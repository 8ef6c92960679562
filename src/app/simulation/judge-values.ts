import {
  add,
  compare,
  type Decimal,
  decimal,
  decimalText,
  isNegative,
  multiply,
  parseDecimal,
  subtract,
  ZERO,
} from '../../core/decimal.ts';
import type { Channel, IntervalOrigin, Quality } from '../../core/interval.ts';
import { isoUtc, MINUTE_MS, type Millis, type Span, type UtcMs } from '../../core/time.ts';
import { type Case, type ChannelDay, witnessOf } from './case.ts';
import { excuseOf, isCorrectionRejected, isFlippedNear, isStoredExcused } from './excuses.ts';
import { substituteComplaint } from './judge-persons.ts';

/** Every value that was ever accepted, and what the accepted ones of the day come to. */
export async function judgeValues(one: Case, channelDay: ChannelDay): Promise<void> {
  const { tally, truth, meter, parts } = one;
  const { channel, held, rows, spans, day } = channelDay;
  for (const [n, all] of held.entries()) {
    for (const { row, message } of all ?? []) {
      const version = rows[n]!.deliveries.find((delivery) => delivery.message === message)?.version;
      const complaint =
        row.quality === 'substituted'
          ? substituteComplaint(parts.life.substituted, row)
          : await truth.complaint(spans[n]!, row, version);
      if (complaint) {
        tally.wrong++;
        tally.broken.push(
          `wrong: ${meter.plan.device.id} ${row.point} ${channel} ${isoUtc(row.start)} in message ${message}: ${complaint}`,
        );
      }
    }
    const last = all?.at(-1);
    if (!last) continue;
    const alarm = alarmComplaint(one, spans[n]!, last.row.quality);
    if (alarm) tally.broken.push(`${alarm}: ${meter.plan.device.id} ${isoUtc(last.row.start)}`);
    const mayBeBetter = last.row.quality === 'computed' && meter.plan.stores;
    const isRejected = isCorrectionRejected(parts.operator.rejected, last.message, rows[n]!);
    if (mayBeBetter && !isRejected && !isStoredExcused(witnessOf(one), spans[n]!)) {
      tally.unexplained++;
      tally.broken.push(
        `computed without a cause: ${meter.plan.device.id} ${isoUtc(last.row.start)}, the meter had frozen it`,
      );
    }
  }
  const sums = sumComplaint(one, channelDay);
  if (sums) tally.broken.push(`sum of ${meter.plan.point} ${channel} ${day}: ${sums}`);
}

/** After this an alarm was seen with what the meter had frozen in it, and before it was not. */
const ALARM_SEEN_MS: Millis = 20 * MINUTE_MS;

/** What a meter measured while it said that something was wrong says so, and nothing else does. */
function alarmComplaint(one: Case, span: Span, quality: Quality): string | undefined {
  const { meter, reach } = one;
  const around = { start: span.start - ALARM_SEEN_MS, end: span.end + ALARM_SEEN_MS };
  const canTell = meter.plan.framing === 'mbus' || meter.plan.model.flags.length > 0;
  if (!canTell || reach.wallDoubtMs(span.start) + reach.wallDoubtMs(span.end) > 0) return undefined;
  const isInAlarm = meter.alarms.some(({ start, end }) => start <= around.start && around.end <= end);
  if (quality === 'measured' && isInAlarm && reach.blockedMs(around) === 0)
    return 'measured, though the meter told of an alarm all the while';
  const readUntil = span.end + meter.plan.periodsKept * meter.plan.minutes * MINUTE_MS + ALARM_SEEN_MS;
  const isNear = meter.alarms.some(({ start, end }) => start < readUntil && end > around.start);
  return quality === 'flagged' && !isNear ? 'flagged, though the meter told of nothing' : undefined;
}

const ACTUAL: ReadonlySet<Quality> = new Set(['measured', 'flagged', 'computed']);

/**
 * Estimates as they stand: marked, with a cause, never in the place of an actual value, and adding up to what the index moved.
 * @param counted from the first whole day on: what was before it is sent by nobody, and no archive is asked for it
 */
export async function judgeEstimates(one: Case, counted: Span): Promise<void> {
  const { meter, parts, tally } = one;
  const { point, commodity, device, stores } = meter.plan;
  const channel = commodity === 'gas' ? 'volume' : 'import';
  const intervals = await parts.buffer.intervals(point, channel, counted);
  const gaps = new Map<string, { readonly origin: IntervalOrigin; readonly madeAt: UtcMs }>();
  for (const interval of intervals.filter(({ quality }) => quality === 'estimated')) {
    const where = `${device.id} ${isoUtc(interval.start)}`;
    const witness = witnessOf(one);
    const isExcused = stores ? isStoredExcused(witness, interval) : excuseOf(witness, interval) !== undefined;
    if (!isExcused) tally.broken.push(`estimated without a cause: ${where}`);
    const versions = await parts.buffer.intervalVersions(point, channel, interval.start);
    if (versions.some(({ quality }) => ACTUAL.has(quality)) && !isFlippedNear(witness, interval.start))
      tally.broken.push(`an estimate stands in the place of an actual value: ${where}`);
    const [origin] = interval.origins;
    const name = origin && `${origin.from.at} ${origin.to.at}`;
    // A share that came out the same when the gap was divided anew says what it was divided by at first.
    if (name && (gaps.get(name)?.madeAt ?? 0) <= interval.madeAt) gaps.set(name, { origin, madeAt: interval.madeAt });
  }
  for (const { origin } of gaps.values()) {
    const off = await gapComplaint(one, channel, origin);
    if (off)
      tally.broken.push(`estimates of ${device.id} from ${isoUtc(origin.from.at)} to ${isoUtc(origin.to.at)}: ${off}`);
  }
}

async function gapComplaint(one: Case, channel: Channel, { from, to }: IntervalOrigin): Promise<string | undefined> {
  if (isExchanged(one, from.at, to.at)) return 'they rest on the indexes of two meters';
  const { buffer } = one.parts;
  const inside = await buffer.intervals(one.meter.plan.point, channel, { start: from.at, end: to.at });
  const count = (to.at - from.at) / (one.meter.plan.minutes * MINUTE_MS);
  const values = inside.flatMap(({ value, quality }) => (value && quality !== 'substituted' ? [value] : []));
  if (values.length !== count) return undefined;
  const sum = values.reduce(add, ZERO);
  const difference = multiply(inMarketUnit(one, from.index, to.index), decimal(one.truth.multiplierAt(from.at)));
  if (compare(sum, difference) === 0) return undefined;
  return `they come to ${decimalText(sum)}, the index moved by ${decimalText(difference)}`;
}

/** The day's accepted values add up to the difference of the indexes at its edges, to the last digit but for one rounding. */
function sumComplaint(one: Case, { intervals, held, spans, rows }: ChannelDay): string | undefined {
  const [first, last] = [spans[0]!, spans.at(-1)!];
  const from = intervals.get(first.start)?.origins[0]?.from;
  const to = intervals.get(last.start)?.origins[0]?.to;
  const latest = held.map((all) => all?.at(-1)?.row);
  // An estimate rests on the indexes around its whole gap; a converted volume is no difference, nor is a person's.
  if (from?.at !== first.start || to?.at !== last.end || one.meter.plan.isOperating) return undefined;
  if (isExchanged(one, first.start, last.end)) return undefined;
  if (rows.some(({ state }) => state !== 'accepted') || latest.some((row) => row?.quality === 'substituted'))
    return undefined;
  const sum = latest.reduce((total, row) => add(total, parseDecimal(row?.value ?? '0')), ZERO);
  const difference = multiply(inMarketUnit(one, from.index, to.index), decimal(one.truth.multiplierAt(first.start)));
  if (isWithin(subtract(sum, difference), decimal(5, -4))) return undefined;
  return `${decimalText(sum)} was accepted, the index moved by ${decimalText(difference)}`;
}

function isExchanged({ meter }: Case, from: UtcMs, to: UtcMs): boolean {
  return meter.exchanges.some(({ swapAt }) => from < swapAt && swapAt <= to);
}

function inMarketUnit({ meter }: Case, from: Decimal, to: Decimal): Decimal {
  const { model, rollsOverAt, quantity } = meter.plan;
  const isSmall = model.readings.find((reading) => reading.quantity === quantity)?.unit === 'Wh';
  const shifted = (value: Decimal) => (isSmall ? { ...value, exponent: value.exponent - 3 } : value);
  const difference = subtract(shifted(to), shifted(from));
  return isNegative(difference) && rollsOverAt ? add(difference, decimal(rollsOverAt, -3)) : difference;
}

/**
 * Energy is the volume that stands in the same message times a heat of its gas day that was told by then, but for the rounding
 * of one digit; what stands in the end rests on the heat that was told last.
 */
export function judgeEnergy({ parts, tally, meter }: Case, volume: ChannelDay, energy: ChannelDay): void {
  for (const [n, all] of energy.held.entries()) {
    const { start } = energy.spans[n]!;
    for (const { row, message, at } of all ?? []) {
      const its = volume.held[n]?.find((held) => held.message === message)?.row;
      const mayStand = all?.at(-1)?.message !== message || energy.rows[n]!.state !== 'accepted';
      const told = parts.heat.toldOf(start, mayStand ? at : parts.end).slice(mayStand ? 0 : -1);
      const fits = (heat: Decimal) =>
        its && isWithin(subtract(parseDecimal(row.value), multiply(parseDecimal(its.value), heat)), decimal(1, -3));
      if (told.some(fits)) continue;
      tally.wrong++;
      tally.broken.push(
        `wrong: energy of ${meter.plan.point} ${isoUtc(start)} in message ${message} is ${row.value}, the volume is ${its?.value}, the heat ${told.map(decimalText).join(' or ')}`,
      );
    }
  }
}

function isWithin(off: Decimal, most: Decimal): boolean {
  return compare(isNegative(off) ? subtract(ZERO, off) : off, most) <= 0;
}
