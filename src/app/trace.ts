import type { AuditEntry, Buffer, Delivery } from '../buffer/index.ts';
import { marketDayOf } from '../core/calendar.ts';
import { compare, decimalText, divide, multiply, ZERO } from '../core/decimal.ts';
import type { Boundary, Channel, Conversion, GasState, Interval, IntervalOrigin } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import { lastBoundary } from '../core/schedule.ts';
import { isoUtc, MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import { readAudit } from './audit-texts.ts';
import { firstDayOf } from './closer.ts';
import { exchangesOf } from './exchanges.ts';
import type { PointPlan } from './plan.ts';

/** A heat with more would not be shown. */
const HEAT_DECIMALS_MAX = 9;

export interface TraceParts {
  readonly site: Site;
  readonly buffer: Buffer;
  readonly installedAt: UtcMs;
  readonly now: UtcMs;
}

/** The whole life of one interval, from bytes to answer; everything as text, for people and for JSON. */
export async function traceInterval({ site, buffer, installedAt, now }: TraceParts, point: PointPlan, at: UtcMs) {
  const start = lastBoundary(at, point.minutes);
  const span = { start, end: start + point.minutes * MINUTE_MS };
  const log = await buffer.auditLog();
  const since = firstDayOf(point, installedAt, site.zone);
  return {
    point: point.code,
    start: isoUtc(span.start),
    end: isoUtc(span.end),
    isOver: span.end <= now,
    /** The first market day that the point is answered for; nothing is expected before it. */
    since,
    isAnsweredFor: marketDayOf(point.commodity, start, site.zone) >= since,
    exchanges: await exchangesOf(buffer, point.counted, span),
    channels: await Promise.all(point.published.map((channel) => traceChannel(buffer, point, channel, span, log))),
  };
}

export type Trace = Awaited<ReturnType<typeof traceInterval>>;

async function traceChannel(
  buffer: Buffer,
  { code }: PointPlan,
  channel: Channel,
  span: Span,
  log: readonly AuditEntry[],
) {
  const versions = await buffer.intervalVersions(code, channel, span.start);
  const volumes = channel === 'energy' ? await buffer.intervalVersions(code, 'volume', span.start) : [];
  const deliveries = await buffer.deliveryOf(code, channel, span.start);
  const { rows } = await buffer.ledger([{ point: code, channel, spans: [span] }]);
  const [row] = rows;
  const messagesOf = (version: number) =>
    Promise.all(
      deliveries.filter((one) => one.version === version).map(({ message }) => traceMessage(buffer, message)),
    );
  return {
    channel,
    state: row?.state ?? 'missing',
    doubled: row?.doubled ?? false,
    givenUpBefore: row?.givenUpAt === undefined ? undefined : isoUtc(row.givenUpAt),
    versions: await Promise.all(
      versions.map(async (interval) => ({
        ...told(interval),
        multiplier: interval.multiplier && decimalText(interval.multiplier),
        conversion: interval.conversion && toldConversion(interval.conversion),
        combustionHeat: heatUnder(interval, volumes),
        decidedBy: decisionOn(log, decidedOf(interval, volumes)),
        origins: await Promise.all(interval.origins.map((origin) => traceOrigin(buffer, origin))),
        messages: await messagesOf(interval.version),
      })),
    ),
    lost: await Promise.all(
      lostOf(versions, deliveries).map(async (one) => ({ ...one, messages: await messagesOf(one.version) })),
    ),
  };
}

/**
 * Combustion heat in kWh/m3 that an energy was made with, from the volume that stood when it was made: energy is their exact
 * product. Undefined where nothing passed, or there is no such volume any more.
 */
function heatUnder({ value, madeAt }: Interval, volumes: readonly Interval[]): string | undefined {
  const volume = volumes.findLast((one) => one.madeAt <= madeAt)?.value;
  if (!value || !volume || compare(volume, ZERO) === 0) return undefined;
  const heat = divide(value, volume, HEAT_DECIMALS_MAX);
  if (compare(multiply(heat, volume), value) !== 0) return undefined;
  return decimalText(heat).replace(/\.?0+$/, '');
}

/** Versions that cannot be read, and what messages told of them. */
function lostOf(versions: readonly Interval[], deliveries: readonly Delivery[]) {
  const gone = deliveries.filter((told) => !versions.some(({ version }) => version === told.version));
  return [...new Map(gone.map(({ version, told }) => [version, { version, told }])).values()];
}

function told({ version, madeAt, value, unit, quality, findings }: Interval) {
  return { version, madeAt: isoUtc(madeAt), value: value && decimalText(value), unit, quality, findings };
}

function toldConversion({ ratio, base, pressureKPa, temperatureC, ...rest }: Conversion) {
  return {
    ...rest,
    ...toldState({ pressureKPa, temperatureC }),
    ratio: ratio && decimalText(ratio),
    base: toldState(base),
  };
}

function toldState({ pressureKPa, temperatureC }: GasState) {
  return { pressureKPa: decimalText(pressureKPa), temperatureC: decimalText(temperatureC) };
}

/** A person enters volumes: an energy that says it was substituted is of the volume that stood when it was made. */
function decidedOf(interval: Interval, volumes: readonly Interval[]): Interval {
  if (interval.channel !== 'energy' || interval.quality !== 'substituted') return interval;
  return volumes.findLast(({ madeAt }) => madeAt <= interval.madeAt) ?? interval;
}

function decisionOn(log: readonly AuditEntry[], { point, channel, start, version }: Interval) {
  for (const { number, text } of log) {
    const entry = readAudit(text);
    if (entry?.what !== 'substitute') continue;
    const isMeant = entry.point === point && entry.channel === channel;
    if (isMeant && entry.intervals.some((one) => one.version === version && one.start === isoUtc(start)))
      return { audit: number, by: entry.by, reason: entry.reason, at: entry.at };
  }
  return undefined;
}

async function traceOrigin(buffer: Buffer, { device, quantity, from, to }: IntervalOrigin) {
  const history = await buffer.meterHistory(device);
  const edge = async ({ at, index, source, readings, meterSince }: Boundary) => ({
    at: isoUtc(at),
    index: decimalText(index),
    source,
    /** The meter that told it, where it took another's place. */
    meter: history?.meters.find(({ since }) => since === meterSince)?.serial,
    readings: (
      await Promise.all(readings.map((instant) => readingsAt(buffer, device, quantity, instant, source)))
    ).flat(),
  });
  return { device, quantity, from: await edge(from), to: await edge(to) };
}

async function readingsAt(
  buffer: Buffer,
  device: string,
  quantity: IntervalOrigin['quantity'],
  at: UtcMs,
  source: Boundary['source'],
) {
  const span = { start: at, end: at + 1 };
  const found = await buffer.readings(device, quantity, span);
  const served = found
    .filter((reading) => source === 'interpolated' || reading.source === source)
    .map((reading) => ({ reading, contradicts: false }));
  const conflicts = await buffer.conflicts(device, quantity, span);
  return [...served, ...conflicts.map((reading) => ({ reading, contradicts: true }))].map(
    ({ reading, contradicts }) => ({
      at: isoUtc(reading.at),
      value: decimalText(reading.value),
      unit: reading.unit,
      source: reading.source,
      readAt: isoUtc(reading.readAt),
      flags: reading.flags,
      raw: reading.raw,
      contradicts,
    }),
  );
}

async function traceMessage(buffer: Buffer, id: MessageId) {
  const message = await buffer.message(id);
  const receipt = await buffer.receipt(id);
  return {
    message: id,
    madeAt: message && isoUtc(message.madeAt),
    pack: message?.pack,
    corrects: message?.corrects,
    state: await buffer.messageState(id),
    attempts: (await buffer.attempts(id)).map(({ number, startedAt, endedAt, outcome, detail }) => ({
      number,
      startedAt: isoUtc(startedAt),
      endedAt: isoUtc(endedAt),
      outcome,
      detail,
    })),
    answer: receipt && { verdict: receipt.verdict, receivedAt: isoUtc(receipt.receivedAt), reasons: receipt.reasons },
  };
}
