import type { Buffer, LedgerRow } from '../../buffer/index.ts';
import { marketDayOf, marketDaySpan, shiftDay } from '../../core/calendar.ts';
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
import type { Channel, Interval } from '../../core/interval.ts';
import { cut } from '../../core/schedule.ts';
import { isoUtc, type MarketDay, type Span, type UtcMs } from '../../core/time.ts';
import { intervalKey } from '../../sandbox/market.ts';
import { excuseOf, isRecordHit, isStoredExcused, isTouched, type Witness } from './excuses.ts';
import type { Episode } from './faults.ts';
import type { ImaginedSite } from './imagined-site.ts';
import { judgeStore } from './judge-store.ts';
import type { RunningMeter } from './meters.ts';
import type { Held, Operator } from './operator.ts';
import { type Reach, reachOf } from './reach.ts';
import type { SiteLife } from './site-life.ts';
import type { Trace } from './trace.ts';
import { type Truth, truthOf } from './truth.ts';

/** The verdict over a run. Everything is held against the operator's desk and the meters, which the gateway cannot see. */
export interface Findings {
  readonly intervals: number;
  readonly accepted: number;
  /** The gateway believes that it is accepted, or had it and has it no more, and no damage explains it. */
  readonly lost: number;
  readonly doubled: number;
  /** Accepted, and not what the meter counted. */
  readonly wrong: number;
  /** Not accepted, without a cause. */
  readonly unexplained: number;
  /** Not accepted, with a cause: by cause. */
  readonly explained: Readonly<Record<string, number>>;
  /** Every invariant that did not hold. */
  readonly broken: readonly string[];
}

export interface JudgeParts {
  readonly site: ImaginedSite;
  readonly meters: readonly RunningMeter[];
  readonly episodes: readonly Episode[];
  readonly operator: Operator;
  readonly life: SiteLife;
  readonly buffer: Buffer;
  readonly start: UtcMs;
  /** Market days that ended before it count. */
  readonly end: UtcMs;
  readonly trace: Trace;
  readonly broken: readonly string[];
}

interface Tally {
  intervals: number;
  accepted: number;
  lost: number;
  wrong: number;
  unexplained: number;
  readonly explained: Record<string, number>;
  readonly broken: string[];
}

/** A point as it is judged. */
interface Case {
  readonly parts: JudgeParts;
  readonly meter: RunningMeter;
  readonly reach: Reach;
  readonly truth: Truth;
  readonly tally: Tally;
  readonly standing: ReadonlySet<string>;
}

export async function judge(parts: JudgeParts): Promise<Findings> {
  const { site, meters, episodes, operator, life } = parts;
  const tally: Tally = {
    intervals: 0,
    accepted: 0,
    lost: 0,
    wrong: 0,
    unexplained: 0,
    explained: {},
    broken: [...parts.broken],
  };
  const { complaints, standing } = await judgeStore(parts.buffer, life, parts.trace.damaged);
  const lineIds = site.site.lines.map(({ id }) => id);
  for (const meter of meters) {
    const reach = reachOf(meter, episodes, lineIds.indexOf(meter.plan.device.line), life, lineIds.length);
    const truth = truthOf(meter, life.wall(), reach, parts.buffer, parts.end);
    await judgePoint({ parts, meter, reach, truth, tally, standing });
  }
  for (const what of operator.doubles) tally.broken.push(`sent twice: ${what}`);
  for (const id of operator.reused) tally.broken.push(`message id ${id} was used for two contents`);
  tally.broken.push(...complaints);
  return { ...tally, doubled: operator.doubles.length };
}

const CHANNELS = { gas: ['volume', 'energy'], electricity: ['import'] } as const;

async function judgePoint(one: Case): Promise<void> {
  const { parts, meter } = one;
  for (const what of await one.truth.falseReadings({ start: parts.start, end: parts.end }))
    one.tally.broken.push(`a reading that is not true: ${meter.plan.device.id} ${what}`);
  const { commodity } = meter.plan;
  const { zone } = parts.site.site;
  const begun = marketDayOf(commodity, parts.start, zone);
  let day = marketDaySpan(commodity, begun, zone).start === parts.start ? begun : shiftDay(begun, 1);
  for (; marketDaySpan(commodity, day, zone).end <= parts.end; day = shiftDay(day, 1)) await judgeDay(one, day);
}

/** One channel's day: what the gateway says of it, and what the operator has. */
interface ChannelDay {
  readonly channel: Channel;
  readonly rows: readonly LedgerRow[];
  readonly intervals: ReadonlyMap<UtcMs, Interval>;
  readonly held: readonly (readonly Held[] | undefined)[];
}

async function judgeDay(one: Case, day: MarketDay): Promise<void> {
  const { parts, meter, tally } = one;
  const { commodity, point, minutes } = meter.plan;
  const span = marketDaySpan(commodity, day, parts.site.site.zone);
  const spans = cut(span, minutes);
  const channels = await Promise.all(CHANNELS[commodity].map((channel) => channelDay(one, channel, span, spans)));
  const complaints = channels.flatMap(({ channel, rows, held }) =>
    rows.flatMap((row, n) => ledgerComplaint(one, channel, row, held[n])),
  );
  for (const what of complaints) tally.broken.push(what);
  tally.intervals += spans.length * channels.length;
  for (const { held, channel } of channels)
    for (const [n, all] of held.entries()) {
      if (!all) continue;
      tally.accepted++;
      const last = all.at(-1)!;
      parts.trace.judged(`${point} ${channel} ${isoUtc(spans[n]!.start)} ${last.row.value} ${last.row.quality}`);
    }
  for (const one_ of channels) if (one_.channel !== 'energy') await judgeValues(one, one_, spans, day);
  const [volume, energy] = channels;
  if (volume && energy) judgeEnergy(one, volume, energy, spans);
  if (channels.some(({ held }) => held.includes(undefined))) explainDay(one, channels, day);
}

async function channelDay(one: Case, channel: Channel, span: Span, spans: readonly Span[]): Promise<ChannelDay> {
  const { parts, meter } = one;
  const { point } = meter.plan;
  const { rows } = await parts.buffer.ledger([{ point, channel, spans }], 'records');
  const intervals = await parts.buffer.intervals(point, channel, span);
  const held = spans.map(({ start }) => parts.operator.held.get(intervalKey({ point, channel, start: isoUtc(start) })));
  return { channel, rows, intervals: new Map(intervals.map((interval) => [interval.start, interval])), held };
}

/** What the ledger says must be so at the operator's desk; it may know less only where a record is damaged. */
function ledgerComplaint(one: Case, channel: Channel, row: LedgerRow, held: readonly Held[] | undefined): string[] {
  const { tally } = one;
  const where = `${row.point} ${channel} ${isoUtc(row.start)}`;
  if (row.state === 'accepted' && !held) {
    tally.lost++;
    return [`lost: ${where} counts as accepted, the operator has nothing of it`];
  }
  const isDamaged = isTouched(one.standing, row) || isRecordHit(one.parts.life, row);
  if (row.doubled) return [`doubled in the ledger: ${where}`];
  if (row.state === 'lost' && !isDamaged) {
    tally.lost++;
    return [`lost: ${where} was there and is no more`];
  }
  if (held && row.state !== 'accepted' && !isDamaged && !mayBeCorrected(one, held, row))
    return [`the ledger says ${row.state} of ${where}, the operator accepted message ${held.at(-1)!.message}`];
  return [];
}

/** A newer version that could not be sent yet, or was rejected, stands beside the accepted one. */
function mayBeCorrected({ parts }: Case, held: readonly Held[], row: LedgerRow): boolean {
  const newer = row.deliveries.filter(({ message }) => message > held.at(-1)!.message);
  return newer.some(({ message }) => parts.operator.rejected.has(message)) || row.quality === 'missing';
}

async function judgeValues(
  one: Case,
  { channel, intervals, held, rows }: ChannelDay,
  spans: readonly Span[],
  day: MarketDay,
): Promise<void> {
  const { tally, truth, meter } = one;
  for (const [n, all] of held.entries()) {
    for (const { row, message } of all ?? []) {
      const version = rows[n]!.deliveries.find((delivery) => delivery.message === message)?.version;
      const complaint = await truth.complaint(spans[n]!, row, version);
      if (complaint) {
        tally.wrong++;
        tally.broken.push(
          `wrong: ${meter.plan.device.id} ${row.point} ${channel} ${isoUtc(row.start)} in message ${message}: ${complaint}`,
        );
      }
    }
    const last = all?.at(-1);
    if (last?.row.quality === 'computed' && meter.plan.stores && !isStoredExcused(witnessOf(one), spans[n]!)) {
      tally.unexplained++;
      tally.broken.push(
        `computed without a cause: ${meter.plan.device.id} ${isoUtc(last.row.start)}, the meter had frozen it`,
      );
    }
  }
  const sums = sumComplaint(one, intervals, held, spans);
  if (sums) tally.broken.push(`sum of ${meter.plan.point} ${channel} ${day}: ${sums}`);
}

/** The day's accepted values add up to the difference of the indexes at its edges, to the last digit but for one rounding. */
function sumComplaint(
  one: Case,
  intervals: ReadonlyMap<UtcMs, Interval>,
  held: ChannelDay['held'],
  spans: readonly Span[],
): string | undefined {
  const from = intervals.get(spans[0]!.start)?.origins[0]?.from.index;
  const to = intervals.get(spans.at(-1)!.start)?.origins[0]?.to.index;
  const latest = held.map((all) => all?.at(-1)?.row.value);
  if (!from || !to || latest.includes(undefined)) return undefined;
  const sum = latest.reduce((total, value) => add(total, parseDecimal(value!)), ZERO);
  const difference = multiply(inMarketUnit(one, from, to), decimal(one.truth.multiplierAt(spans[0]!.start)));
  const off = subtract(sum, difference);
  const most = decimal(5, -4);
  const isSame = compare(isNegative(off) ? subtract(ZERO, off) : off, most) <= 0;
  return isSame ? undefined : `${decimalText(sum)} was accepted, the index moved by ${decimalText(difference)}`;
}

function inMarketUnit({ meter }: Case, from: Decimal, to: Decimal): Decimal {
  const { model, rollsOverAt, commodity } = meter.plan;
  const quantity = commodity === 'gas' ? 'volume.base.total' : 'energy.active.import';
  const isSmall = model.readings.find((reading) => reading.quantity === quantity)?.unit === 'Wh';
  const shifted = (value: Decimal) => (isSmall ? { ...value, exponent: value.exponent - 3 } : value);
  const difference = subtract(shifted(to), shifted(from));
  return isNegative(difference) && rollsOverAt ? add(difference, decimal(rollsOverAt, -3)) : difference;
}

/** Energy is the volume that stands in the same message times the day's heat, but for the rounding of one digit. */
function judgeEnergy(
  { parts, tally, meter }: Case,
  volume: ChannelDay,
  energy: ChannelDay,
  spans: readonly Span[],
): void {
  const heat = parseDecimal(parts.site.heat);
  for (const [n, all] of energy.held.entries())
    for (const { row, message } of all ?? []) {
      const its = volume.held[n]?.find((held) => held.message === message);
      const off = its && subtract(parseDecimal(row.value), multiply(parseDecimal(its.row.value), heat));
      if (off && compare(isNegative(off) ? subtract(ZERO, off) : off, decimal(1, -3)) <= 0) continue;
      tally.wrong++;
      tally.broken.push(
        `wrong: energy of ${meter.plan.point} ${isoUtc(spans[n]!.start)} is ${row.value}, the volume is ${its?.row.value}`,
      );
    }
}

/** Why an interval of a day that was not sent is no reason to send it; undefined where it waits for the others. */
function causeOf(one: Case, row: LedgerRow, interval: Interval | undefined): string | undefined {
  if (row.state === 'rejected') return 'rejected';
  if (row.state === 'lost' || isTouched(one.standing, row)) return 'damaged';
  if (row.state !== 'missing') return undefined;
  const isSaid = interval?.quality === 'missing' && interval.findings.length > 0;
  return (isSaid && excuseOf(witnessOf(one), row)) || 'none';
}

/** Only whole days are sent: one interval that has a cause excuses the others of its day. */
function explainDay(one: Case, channels: readonly ChannelDay[], day: MarketDay): void {
  const { tally, meter } = one;
  const causes = new Set(
    channels.flatMap(({ rows, intervals }) => rows.flatMap((row) => causeOf(one, row, intervals.get(row.start)) ?? [])),
  );
  const absent = channels.flatMap(({ held }) => held).filter((held) => !held).length;
  if (causes.size > 0 && !causes.has('none')) {
    const cause = [...causes].sort().join('+');
    tally.explained[cause] = (tally.explained[cause] ?? 0) + absent;
    return;
  }
  tally.unexplained += absent;
  const rows = channels.flatMap((channel) => channel.rows);
  const counts = [...new Set(rows.map(({ state }) => state))].map(
    (state) => `${rows.filter((row) => row.state === state).length} ${state}`,
  );
  const first = rows.find((row) => row.state === 'missing');
  tally.broken.push(
    `not accepted without a cause: ${meter.plan.device.id} (${meter.plan.model.model}) ${meter.plan.point} day ${day}: ${counts.join(', ')}; first missing ${first ? isoUtc(first.start) : 'none'}`,
  );
}

function witnessOf({ meter, reach, parts }: Case): Witness {
  return { meter, reach, life: parts.life };
}
