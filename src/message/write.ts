import { isoLocal, marketDaySpan } from '../core/calendar.ts';
import { remembering } from '../core/remember.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';
import type { FormatPack } from './pack.ts';
import type { PreparedChannel, PreparedInterval, PreparedPoint } from './prepare.ts';
import type { DocumentRequest } from './request.ts';
import type { ElementTemplate, Placeholder, Repeat, TextTemplate } from './template.ts';
import { escapedText, escapedValue } from './xml.ts';

/** What there is to say about the document, a point, a channel or an interval. */
interface Said {
  readonly values: Readonly<Partial<Record<Placeholder, string | undefined>>>;
  /** What the others inside it may say as well. */
  readonly around?: Said;
  /** What an element inside it may be repeated over. */
  readonly inside?: (each: Repeat) => readonly Said[];
}

/** One element a line: a schema's complaint then says which one. */
const INDENT = '  ';

/** The document as text; everything in it has been checked. */
export function writeDocument(pack: FormatPack, request: DocumentRequest, points: readonly PreparedPoint[]): string {
  const root = elementLines(pack.document, documentSaid(pack, request, points), '\n');
  return `<?xml version="1.0" encoding="${pack.encoding}"?>${root}`;
}

/** @param start what an element begins with: a line end and its indent */
function elementLines(template: ElementTemplate, said: Said, start: string): string {
  const { name } = template;
  let line = `${start}<${name}`;
  for (const { name: attribute, value } of template.attributes)
    line += ` ${attribute}="${escapedValue(fill(value, said))}"`;
  const text = template.text ? escapedText(fill(template.text, said)) : '';
  let inside = '';
  for (const child of template.children) {
    if (child.each === undefined) inside += elementLines(child, said, start + INDENT);
    else for (const one of said.inside?.(child.each) ?? []) inside += elementLines(child, one, start + INDENT);
  }
  if (text === '' && inside === '') return `${line}/>`;
  return `${line}>${text}${inside}${inside === '' ? '' : start}</${name}>`;
}

/** A placeholder without a value cannot be: the pack's check has seen that it stands inside its repetition. */
function fill(template: TextTemplate, said: Said): string {
  let text = '';
  for (const part of template) text += 'literal' in part ? part.literal : wordOf(part.placeholder, said);
  return text;
}

function wordOf(placeholder: Placeholder, said: Said): string {
  for (let at: Said | undefined = said; at; at = at.around) {
    const value = at.values[placeholder];
    if (value !== undefined) return value;
  }
  throw new Error(`no value for {${placeholder}}`);
}

function documentSaid(pack: FormatPack, request: DocumentRequest, points: readonly PreparedPoint[]): Said {
  const { id, madeAt, sender, receiver, commodity, day, zone, corrects } = request;
  const span = marketDaySpan(commodity, day, zone);
  const periodText = periodWriter(pack, zone);
  const said: Said = {
    values: {
      'message.id': id,
      'message.code': pack.messageCode,
      'message.namespace': pack.namespace,
      'message.madeAt': timeText(madeAt, pack.times.message, zone),
      'sender.id': sender.id,
      'sender.scheme': sender.codingScheme,
      'receiver.id': receiver.id,
      'receiver.scheme': receiver.codingScheme,
      'day.date': day,
      'day.from': timeText(span.start, pack.times.day, zone),
      'day.to': timeText(span.end, pack.times.day, zone),
    },
    inside(each) {
      if (each === 'point') return points.map((point) => pointSaid(point, said, periodText));
      return corrects === undefined ? [] : [{ around: said, values: { 'correction.id': corrects } }];
    },
  };
  return said;
}

function pointSaid({ code, channels }: PreparedPoint, around: Said, periodText: PeriodText): Said {
  const said: Said = {
    around,
    values: { 'point.code': code },
    inside: () => channels.map((channel) => channelSaid(channel, said, periodText)),
  };
  return said;
}

function channelSaid({ spec, minutes, intervals }: PreparedChannel, around: Said, periodText: PeriodText): Said {
  const said: Said = {
    around,
    values: {
      'channel.role': spec.role,
      'channel.unit': spec.unit,
      'channel.minutes': String(minutes),
      'channel.resolution': `PT${minutes}M`,
      'channel.count': String(intervals.length),
    },
    inside: () => intervals.map((interval) => intervalSaid(interval, said, periodText)),
  };
  return said;
}

function intervalSaid(prepared: PreparedInterval, around: Said, periodText: PeriodText): Said {
  const { interval, number, value, status } = prepared;
  const values = {
    'interval.period': periodText?.(interval.start) ?? String(number),
    'interval.end': periodText?.(interval.end),
    'interval.value': value,
    'interval.status': status,
  };
  return { around, values };
}

/** Undefined where a pack numbers the intervals. */
type PeriodText = ((at: UtcMs) => string) | undefined;

/** Writes each instant of a document once: every point has the same, and where one interval ends the next begins. */
function periodWriter({ period }: FormatPack, zone: string): PeriodText {
  return period === 'number' ? undefined : remembering((at) => timeText(at, period, zone));
}

/** A time as a pack writes it. */
export function timeText(at: UtcMs, notation: 'local' | 'local-offset' | 'utc', zone: string): string {
  if (notation === 'utc') return isoUtc(at);
  const text = isoLocal(at, zone);
  return notation === 'local' ? text.slice(0, 'YYYY-MM-DDThh:mm:ss'.length) : text;
}
