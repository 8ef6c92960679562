import { marketDayOf, marketDaySpan } from '../core/calendar.ts';
import { decimalText, parseDecimal, shift } from '../core/decimal.ts';
import { CHANNEL_UNIT, type Channel, type PointCode, QUALITIES, type Quality } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import type { Unit } from '../core/quantity.ts';
import { isoUtc, type MarketDay, MINUTE_MS, parseUtc, type Span, type UtcMs } from '../core/time.ts';
import { type Captured, Mismatch, matchDocument } from './match.ts';
import type { ChannelSpec, FormatPack } from './pack.ts';
import type { Placeholder } from './template.ts';
import { readXml, type XmlElement } from './xml.ts';

/**
 * The way back: a document by its pack into rows. It shares the pack and the calendar with the maker and nothing else, so
 * that a fault in making is seen in reading. Whether a day is complete is for the caller to count.
 */
export interface DocumentRow {
  readonly point: PointCode;
  readonly channel: Channel;
  readonly start: UtcMs;
  readonly minutes: number;
  /** Decimal text in `unit`, with the digits that the document has. */
  readonly value: string;
  readonly unit: Unit;
  /** Where the pack writes one status for several qualities: the least trusted of them. */
  readonly quality: Quality;
}

export interface ReadDocument {
  readonly id: MessageId;
  readonly sender: string;
  readonly receiver: string;
  readonly day: MarketDay;
  /** In the pack's notation, where it writes it. */
  readonly madeAt?: string;
  readonly corrects?: MessageId;
  /** In the document's order. */
  readonly rows: readonly DocumentRow[];
}

export type DocumentRead =
  | { readonly kind: 'document'; readonly document: ReadDocument }
  | { readonly kind: 'refused'; readonly why: string };

/** Reads a document that `pack` describes, strictly: what the pack does not write is refused. `zone` gives the market day. */
export function readDocument(pack: FormatPack, xml: string, zone: string): DocumentRead {
  const read = readXml(xml, pack.bytesMax);
  return read.kind === 'refused' ? read : readDocumentElement(pack, read.element, zone);
}

/** The same for one that was parsed already. */
export function readDocumentElement(pack: FormatPack, root: XmlElement, zone: string): DocumentRead {
  try {
    const intervals: Captured[] = [];
    const whole = matchDocument(pack.document, root, pack.namespace, (captured) => intervals.push(captured));
    return { kind: 'document', document: documentOf(pack, whole, intervals, zone) };
  } catch (error) {
    // RangeError: a number or a time that is none.
    if (error instanceof Mismatch || error instanceof RangeError) return { kind: 'refused', why: error.message };
    throw error;
  }
}

function documentOf(pack: FormatPack, whole: Captured, intervals: readonly Captured[], zone: string): ReadDocument {
  expectSaid(whole, 'message.code', pack.messageCode);
  expectSaid(whole, 'sender.scheme', pack.codingScheme.sender);
  expectSaid(whole, 'receiver.scheme', pack.codingScheme.receiver);
  // The day may stand on the document or in each point; every interval sees it.
  const dayOf = dayReader(pack, zone);
  const instantOf = instantReader();
  const day = dayOf(intervals[0] ?? whole);
  const span = marketDaySpan(pack.commodity, day, zone);
  const corrects = whole.get('correction.id');
  const madeAt = whole.get('message.madeAt');
  return {
    id: said(whole, 'message.id'),
    sender: said(whole, 'sender.id'),
    receiver: said(whole, 'receiver.id'),
    day,
    ...(madeAt !== undefined && { madeAt }),
    ...(corrects !== undefined && { corrects }),
    rows: intervals.map((captured) => {
      if (dayOf(captured) !== day) throw new Mismatch(`more than one day: ${day} and another`);
      return rowOf(pack, captured, span, instantOf);
    }),
  };
}

/** Reads the day that an interval is said to belong to. All of a document say the same, so the last one said is remembered. */
function dayReader(pack: FormatPack, zone: string): (captured: Captured) => MarketDay {
  let said: DaySaid | undefined;
  let day = '';
  return (captured) => {
    const [date, from, to] = [captured.get('day.date'), captured.get('day.from'), captured.get('day.to')];
    if (!said || said.date !== date || said.from !== from || said.to !== to) {
      said = { date, from, to };
      day = dayOf(pack, said, zone);
    }
    return day;
  };
}

interface DaySaid {
  readonly date: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

function dayOf(pack: FormatPack, { date, from, to }: DaySaid, zone: string): MarketDay {
  const day = date ?? marketDayOf(pack.commodity, parseUtc(from ?? ''), zone);
  const span = marketDaySpan(pack.commodity, day, zone);
  if (from !== undefined && parseUtc(from) !== span.start) throw new Mismatch(`${from} is not the start of day ${day}`);
  if (to !== undefined && parseUtc(to) !== span.end) throw new Mismatch(`${to} is not the end of day ${day}`);
  return day;
}

/** Reads each instant of a document once: every point has the same, and where one interval ends the next begins. */
function instantReader(): (text: string) => UtcMs {
  const known = new Map<string, UtcMs>();
  return (text) => {
    const at = known.get(text) ?? parseUtc(text);
    known.set(text, at);
    return at;
  };
}

function rowOf(pack: FormatPack, captured: Captured, day: Span, instantOf: (text: string) => UtcMs): DocumentRow {
  const { channel, spec } = channelOf(pack, said(captured, 'channel.role'));
  expectSaid(captured, 'channel.unit', spec.unit);
  const minutes = minutesOf(pack, captured);
  const start = startOf(pack, captured, day, minutes, instantOf);
  const end = captured.get('interval.end');
  if (end !== undefined && instantOf(end) !== start + minutes * MINUTE_MS)
    throw new Mismatch(`${end} is not ${minutes} min after ${isoUtc(start)}`);
  return {
    point: said(captured, 'point.code'),
    channel,
    start,
    minutes,
    value: decimalText(shift(parseDecimal(said(captured, 'interval.value')), -spec.shift)),
    unit: CHANNEL_UNIT[channel],
    quality: qualityOf(pack, said(captured, 'interval.status')),
  };
}

function channelOf(pack: FormatPack, role: string): { readonly channel: Channel; readonly spec: ChannelSpec } {
  for (const channel of ['volume', 'energy', 'import', 'export'] as const) {
    const spec = pack.channels[channel];
    if (spec?.role === role) return { channel, spec };
  }
  throw new Mismatch(`no channel has the role "${role}"`);
}

function minutesOf(pack: FormatPack, captured: Captured): number {
  const [text, resolution] = [captured.get('channel.minutes'), captured.get('channel.resolution')];
  const fitting = pack.minutes.filter(
    (length) =>
      (text === undefined || text === String(length)) && (resolution === undefined || resolution === `PT${length}M`),
  );
  if (fitting.length !== 1) throw new Mismatch(`intervals of "${text ?? resolution}" are not for this pack`);
  return fitting[0]!;
}

function startOf(
  pack: FormatPack,
  captured: Captured,
  day: Span,
  minutes: number,
  instantOf: (text: string) => UtcMs,
): UtcMs {
  const period = said(captured, 'interval.period');
  const length = minutes * MINUTE_MS;
  if (pack.period === 'number' && !/^[1-9]\d{0,2}$/.test(period)) throw new Mismatch(`"${period}" is no period`);
  const start = pack.period === 'number' ? day.start + (Number(period) - 1) * length : instantOf(period);
  if (start < day.start || start + length > day.end || (start - day.start) % length !== 0)
    throw new Mismatch(`"${period}" is not a place of the day`);
  return start;
}

function qualityOf(pack: FormatPack, status: string): Quality {
  const statuses: Partial<Record<Quality, string | undefined>> = pack.statuses;
  const quality = QUALITIES.findLast((candidate) => statuses[candidate] === status);
  if (quality === undefined) throw new Mismatch(`"${status}" is not a status of the pack`);
  return quality;
}

function said(captured: Captured, word: Placeholder): string {
  const value = captured.get(word);
  if (value === undefined) throw new Mismatch(`{${word}} is not said`);
  return value;
}

/** Where the document says it at all, it says what the pack writes. */
function expectSaid(captured: Captured, word: Placeholder, expected: string): void {
  const value = captured.get(word);
  if (value !== undefined && value !== expected) throw new Mismatch(`{${word}} is "${value}", not "${expected}"`);
}
