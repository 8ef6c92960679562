import { marketDayOf, marketDaySpan } from '../core/calendar.ts';
import { decimalText, parseDecimal, shift } from '../core/decimal.ts';
import { CHANNEL_UNIT, type Channel, type PointCode, QUALITIES, type Quality } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import type { Unit } from '../core/quantity.ts';
import { rememberingInTurn } from '../core/remember.ts';
import { isoUtc, type MarketDay, MINUTE_MS, parseUtc, type Span, type UtcMs } from '../core/time.ts';
import { type Captured, Mismatch, matchDocument } from './match.ts';
import type { ChannelSpec, FormatPack } from './pack.ts';
import { quickMatch } from './quick-match.ts';
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
  const quick = xml.length <= pack.bytesMax ? quickMatch(pack.document, xml, pack.namespace) : undefined;
  if (quick) return readCaptured(pack, quick, zone);
  const read = readXml(xml, pack.bytesMax);
  return read.kind === 'refused' ? read : readRoot(pack, read.element, zone);
}

/** The same for one that was parsed already, inside something else that may declare what it likes. */
export function readDocumentElement(pack: FormatPack, root: XmlElement, zone: string): DocumentRead {
  return readRoot(pack, root, zone, root.scope);
}

/** The same for what patterns have captured of it already. */
export function readCaptured(pack: FormatPack, captured: Captured, zone: string): DocumentRead {
  return refusing(() => documentOf(pack, captured, zone));
}

function readRoot(pack: FormatPack, root: XmlElement, zone: string, around?: XmlElement['scope']): DocumentRead {
  return refusing(() => documentOf(pack, matchDocument(pack.document, root, pack.namespace, around), zone));
}

function refusing(read: () => ReadDocument): DocumentRead {
  try {
    return { kind: 'document', document: read() };
  } catch (error) {
    // RangeError: a number or a time that is none.
    if (error instanceof Mismatch || error instanceof RangeError) return { kind: 'refused', why: error.message };
    throw error;
  }
}

function documentOf(pack: FormatPack, whole: Captured, zone: string): ReadDocument {
  expectSaid(whole, 'message.code', pack.messageCode);
  expectSaid(whole, 'sender.scheme', pack.codingScheme.sender);
  expectSaid(whole, 'receiver.scheme', pack.codingScheme.receiver);
  const day = dayOf(pack, whole, zone);
  const span = marketDaySpan(pack.commodity, day, zone);
  const frame = { pack, day: span, instantOf: rememberingInTurn(parseUtc), qualities: qualitiesOf(pack) };
  const channels = whole.inside.flatMap((point) => point.inside);
  const corrects = whole.get('correction.id');
  const madeAt = whole.get('message.madeAt');
  return {
    id: said(whole, 'message.id'),
    sender: said(whole, 'sender.id'),
    receiver: said(whole, 'receiver.id'),
    day,
    ...(madeAt !== undefined && { madeAt }),
    ...(corrects !== undefined && { corrects }),
    rows: channels.flatMap((channel) => rowsOf(channel, frame)),
  };
}

function dayOf(pack: FormatPack, whole: Captured, zone: string): MarketDay {
  const [from, to] = [whole.get('day.from'), whole.get('day.to')];
  const day = whole.get('day.date') ?? marketDayOf(pack.commodity, parseUtc(from ?? ''), zone);
  const span = marketDaySpan(pack.commodity, day, zone);
  if (from !== undefined && parseUtc(from) !== span.start) throw new Mismatch(`${from} is not the start of day ${day}`);
  if (to !== undefined && parseUtc(to) !== span.end) throw new Mismatch(`${to} is not the end of day ${day}`);
  return day;
}

/** What every interval of a document is read by. */
interface Frame {
  readonly pack: FormatPack;
  readonly day: Span;
  /** Reads each instant once: every point has the same, and where one interval ends the next begins. */
  readonly instantOf: (text: string) => UtcMs;
  readonly qualities: ReadonlyMap<string | undefined, Quality>;
}

/** The intervals of one channel of one point. */
function rowsOf(captured: Captured, frame: Frame): DocumentRow[] {
  const { pack, qualities } = frame;
  const point = said(captured, 'point.code');
  const { channel, spec } = channelOf(pack, said(captured, 'channel.role'));
  expectSaid(captured, 'channel.unit', spec.unit);
  const minutes = minutesOf(pack, captured);
  return captured.inside.map((interval) => ({
    point,
    channel,
    start: startOf(interval, minutes, frame),
    minutes,
    value: valueText(said(interval, 'interval.value'), spec),
    unit: CHANNEL_UNIT[channel],
    quality: qualityOf(qualities, said(interval, 'interval.status')),
  }));
}

/** What decimalText would write again as it stands. */
const PLAIN_VALUE = /^(?:0|[1-9]\d*)(?:\.\d+)?$/;

function valueText(text: string, { shift: places }: ChannelSpec): string {
  return places === 0 && PLAIN_VALUE.test(text) ? text : decimalText(shift(parseDecimal(text), -places));
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

function startOf(interval: Captured, minutes: number, { pack, day, instantOf }: Frame): UtcMs {
  const period = said(interval, 'interval.period');
  const length = minutes * MINUTE_MS;
  if (pack.period === 'number' && !/^[1-9]\d{0,2}$/.test(period)) throw new Mismatch(`"${period}" is no period`);
  const start = pack.period === 'number' ? day.start + (Number(period) - 1) * length : instantOf(period);
  if (start < day.start || start + length > day.end || (start - day.start) % length !== 0)
    throw new Mismatch(`"${period}" is not a place of the day`);
  const end = interval.get('interval.end');
  if (end !== undefined && instantOf(end) !== start + length)
    throw new Mismatch(`${end} is not ${minutes} min after ${isoUtc(start)}`);
  return start;
}

/** By status; where one stands for several qualities, the least trusted of them. */
function qualitiesOf({ statuses }: FormatPack): ReadonlyMap<string | undefined, Quality> {
  return new Map(QUALITIES.map((quality) => [quality === 'missing' ? undefined : statuses[quality], quality]));
}

function qualityOf(qualities: ReadonlyMap<string | undefined, Quality>, status: string): Quality {
  const quality = qualities.get(status);
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
