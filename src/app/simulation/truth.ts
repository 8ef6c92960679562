import type { Buffer } from '../../buffer/index.ts';
import { clockKey } from '../../buffer/keys.ts';
import { compare, type Decimal, decimal, decimalText, parseDecimal } from '../../core/decimal.ts';
import type { Boundary, Interval } from '../../core/interval.ts';
import type { Reading } from '../../core/reading.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, type Millis, SECOND_MS, type Span, type UtcMs } from '../../core/time.ts';
import type { DocumentRow } from '../../message/read.ts';
import { isCredible } from '../../profile/boundary.ts';
import type { SiteLife } from './life.ts';
import type { RunningMeter } from './meters.ts';
import { factorsOver } from './operating.ts';
import { winterFrom } from './own-days.ts';
import { clockDoubtMs, type Reach } from './reach.ts';

/** What a meter really counted, held against what was published of it. */
export interface Truth {
  multiplierAt(at: UtcMs): number;
  /** What is wrong with an accepted value; undefined when it is true, or says of itself that it may not be. */
  complaint(span: Span, row: DocumentRow, version: number | undefined): Promise<string | undefined>;
  /** Readings in the gateway's memory that say what the meter never showed at their time. */
  falseReadings(span: Span): Promise<string[]>;
}

/** A clock that is off by more is not believed by the gateway; up to this its own word counts. */
const CLOCK_LIMIT_MS: Millis = 60 * SECOND_MS;
const SLACK_MS: Millis = 5 * SECOND_MS;
/** In so much clear time every meter is looked at. */
const LOOKED_MS: Millis = 26 * MINUTE_MS;
const NEAR_MS: Millis = HOUR_MS;
/** Whole milliseconds of both clocks. */
const SAMPLE_SLACK_MS: Millis = 10;

function spreadOf(instants: readonly UtcMs[]): Millis {
  return Math.max(...instants) - Math.min(...instants);
}

/** @param sampleGapMs a boundary is interpolated between readings no further apart */
export function truthOf(
  meter: RunningMeter,
  life: SiteLife,
  reach: Reach,
  buffer: Buffer,
  end: UtcMs,
  sampleGapMs: Millis,
): Truth {
  const wall = life.wall();
  const { plan, clock } = meter;
  const { quantity } = plan;
  const multiplierAt = (at: UtcMs) => plan.multipliers.findLast(({ from }) => from <= at)?.value ?? 1;
  const until = end + 48 * 3_600_000;
  const clockOffMsMost = CLOCK_LIMIT_MS + SLACK_MS + clockDoubtMs(meter);

  /** Indexes that the meter can have frozen for an instant of its own clock. */
  function frozen(own: UtcMs): { readonly index: number; readonly at: UtcMs }[] {
    return clock.whenShowed(own, until).map((at) => ({ index: meter.indexAt(at), at }));
  }

  async function believable(own: UtcMs, frozenAt: UtcMs): Promise<boolean> {
    // Of a period that the clock skipped when it was put right, the stamp is off and the clock no more.
    if (Math.abs(own - frozenAt) <= clockOffMsMost) return true;
    if (wasSeenOff(frozenAt)) return false;
    // Nobody could know if the clock was right again when the value was read.
    const [reading] = (await buffer.readings(plan.device.id, quantity, { start: own, end: own + 1 })).filter(
      (one) => one.source === 'stored' && isCredible(one),
    );
    const readAt = reading && (wall.whenShowed(reading.readAt, until)[0] ?? reading.readAt);
    return readAt === undefined || Math.abs(clock.offAt(readAt) - wall.offAt(readAt)) <= clockOffMsMost;
  }

  /** The gateway has looked at the clock while it was off, and could write down what it saw. */
  function wasSeenOff(frozenAt: UtcMs): boolean {
    const isOff = ({ offMs }: { offMs: Millis }) => Math.abs(offMs) > clockOffMsMost;
    const run = clock.spans.find((span) => isOff(span) && span.start <= frozenAt && frozenAt <= span.end);
    if (!run) return false;
    const isForgotten =
      life.replacements.some(({ start, end: replacedAt }) => start < run.end && replacedAt > run.start) ||
      life.flipped.has(clockKey(plan.device.id));
    // Where the wall was set meanwhile nobody can tell which of the two was wrong.
    const isWallSet = wall.spans.some(
      ({ start, end: until, offMs }) => offMs !== 0 && start <= run.end + NEAR_MS && until >= run.start - NEAR_MS,
    );
    return !isForgotten && !isWallSet && reach.longestSeen(run) >= LOOKED_MS;
  }

  async function measured(span: Span, value: Decimal): Promise<string | undefined> {
    const candidates: string[] = [];
    for (const to of frozen(span.end))
      for (const from of frozen(span.start)) {
        const expected = decimal((to.index - from.index) * multiplierAt(span.start), -3);
        candidates.push(decimalText(expected));
        if (compare(expected, value) !== 0) continue;
        if ((await believable(span.start, from.at)) && (await believable(span.end, to.at))) return undefined;
        return `measured under stamps that are off by ${span.start - from.at} and ${span.end - to.at} ms`;
      }
    return `${decimalText(value)} published as measured, the meter counted ${candidates.join(' or ')}`;
  }

  /** The least and the most that the index can have been at a boundary. */
  function limits({ at, source, readings }: Boundary): readonly [number, number] {
    if (source === 'stored') {
      const indexes = frozen(at).map(({ index }) => index);
      return [Math.min(...indexes), Math.max(...indexes)];
    }
    const [first, last] = [Math.min(...readings, at), Math.max(...readings, at)];
    return [meter.indexAt(first - SLACK_MS) - plan.resolution - 2, meter.indexAt(last + SLACK_MS) + 2];
  }

  function computed(interval: Interval, value: Decimal): string | undefined {
    const origin = interval.origins[0];
    if (!origin) return 'computed from nothing';
    if (origin.from.at !== interval.start || origin.to.at !== interval.end)
      return `computed from the index at ${isoUtc(origin.from.at)} and ${isoUtc(origin.to.at)}, which are not its own edges`;
    const far = [origin.from, origin.to].find(({ readings }) => spreadOf(readings) > sampleGapMs);
    if (far) return `computed between readings too far apart: ${far.readings.map(isoUtc).join()}`;
    const [fromLeast, fromMost] = limits(origin.from);
    const [toLeast, toMost] = limits(origin.to);
    const multiplier = multiplierAt(interval.start);
    const [factorLeast, factorMost] = plan.isOperating ? factorsOver(interval) : [multiplier, multiplier];
    const least = decimal(Math.floor((toLeast - fromMost) * factorLeast) - 1, -3);
    const most = decimal(Math.ceil((toMost - fromLeast) * factorMost) + 1, -3);
    if (compare(least, value) <= 0 && compare(value, most) <= 0) return undefined;
    return `${decimalText(value)} computed, between ${decimalText(least)} and ${decimalText(most)} is possible (${isoUtc(origin.from.at)} from ${origin.from.readings.map(isoUtc).join()}, to ${origin.to.readings.map(isoUtc).join()})`;
  }

  /** Which of the two autumn hours a clock means that is off nobody can know; the reading says that it is not to be believed. */
  function meanings(reading: Reading): readonly UtcMs[] {
    const { at } = reading;
    const second = winterFrom(at);
    const isTwice = second - HOUR_MS <= at && at < second + HOUR_MS;
    return isTwice && !isCredible(reading) ? [at, at < second ? at + HOUR_MS : at - HOUR_MS] : [at];
  }

  /** In smallest units, as the meter shows it. */
  function shown(index: number): number {
    return plan.rollsOverAt ? index % plan.rollsOverAt : index;
  }

  function isTrue(reading: Reading): boolean {
    const { at, source, uncertaintyMs, value, unit } = reading;
    if (reach.wallDoubtMs(at) > 0) return true;
    const index = Math.round(Number(decimalText(value)) * (unit === 'Wh' ? 1 : 1000));
    if (source === 'stored')
      return meanings(reading)
        .flatMap(frozen)
        .some((one) => shown(meter.shownAt(one.at)) === index);
    const least = shown(meter.shownAt(at - uncertaintyMs - SAMPLE_SLACK_MS)) - plan.resolution - 1;
    const most = shown(meter.shownAt(at + uncertaintyMs + SAMPLE_SLACK_MS)) + plan.resolution + 1;
    return most < least || (least <= index && index <= most);
  }

  return {
    multiplierAt,
    async falseReadings(span) {
      const readings = await buffer.readings(plan.device.id, quantity, span);
      return readings
        .filter((reading) => !isTrue(reading))
        .map(
          ({ at, source, value, readAt }) => `${source} ${isoUtc(at)} ${decimalText(value)}, read ${isoUtc(readAt)}`,
        );
    },
    async complaint(span, row, version) {
      const value = parseDecimal(row.value);
      if (row.quality === 'measured' || row.quality === 'flagged') return measured(span, value);
      if (row.quality === 'estimated')
        return plan.estimation ? undefined : 'estimated, which the site file does not allow';
      if (row.quality !== 'computed') return `quality ${row.quality}, which nothing here makes`;
      if (reach.wallDoubtMs(span.start) + reach.wallDoubtMs(span.end) > 0) return undefined;
      const versions = await buffer.intervalVersions(row.point, row.channel, span.start);
      const interval = versions.find((one) => one.version === version);
      return interval && computed(interval, value);
    },
  };
}
