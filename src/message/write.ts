import { isoLocal, marketDaySpan } from '../core/calendar.ts';
import { isoUtc, type Span, type UtcMs } from '../core/time.ts';
import type { FormatPack } from './pack.ts';
import type { PreparedChannel, PreparedInterval, PreparedPoint } from './prepare.ts';
import type { DocumentRequest } from './request.ts';
import type { ElementTemplate, Placeholder, TextTemplate } from './template.ts';
import { escapedText, escapedValue } from './xml.ts';

type Values = Readonly<Partial<Record<Placeholder, string>>>;

/** What is being written: everything that a repetition inside may need. */
interface Context {
  readonly pack: FormatPack;
  readonly request: DocumentRequest;
  readonly values: Values;
  readonly points: readonly PreparedPoint[];
  readonly point?: PreparedPoint;
  readonly channel?: PreparedChannel;
}

/** One element a line: a schema's complaint then says which one. */
const INDENT = '  ';

/** The document as text; everything in it has been checked. */
export function writeDocument(pack: FormatPack, request: DocumentRequest, points: readonly PreparedPoint[]): string {
  const values = documentValues(pack, request, marketDaySpan(pack.commodity, request.day, request.zone));
  const root = elementLines(pack.document, { pack, request, values, points }, '\n');
  return `<?xml version="1.0" encoding="${pack.encoding}"?>${root}`;
}

/** @param start what an element begins with: a line end and its indent */
function elementLines(template: ElementTemplate, context: Context, start: string): string {
  const { name } = template;
  let line = `${start}<${name}`;
  for (const { name: attribute, value } of template.attributes)
    line += ` ${attribute}="${escapedValue(fill(value, context.values))}"`;
  const text = template.text ? escapedText(fill(template.text, context.values)) : '';
  let inside = '';
  for (const child of template.children)
    for (const inner of repetitions(child, context)) inside += elementLines(child, inner, start + INDENT);
  if (text === '' && inside === '') return `${line}/>`;
  return `${line}>${text}${inside}${inside === '' ? '' : start}</${name}>`;
}

function repetitions(template: ElementTemplate, context: Context): Context[] {
  const { request, values, points, point, channel } = context;
  if (template.each === undefined) return [context];
  switch (template.each) {
    case 'correction':
      return request.corrects === undefined
        ? []
        : [{ ...context, values: { ...values, 'correction.id': request.corrects } }];
    case 'point':
      return points.map((item) => ({ ...context, point: item, values: { ...values, 'point.code': item.code } }));
    case 'channel':
      return (point?.channels ?? []).map((item) => ({
        ...context,
        channel: item,
        values: { ...values, ...channelValues(item) },
      }));
    case 'interval':
      return (channel?.intervals ?? []).map((item) => ({
        ...context,
        values: { ...values, ...intervalValues(context, item) },
      }));
  }
}

function documentValues(pack: FormatPack, request: DocumentRequest, day: Span): Values {
  return {
    'message.id': request.id,
    'message.code': pack.messageCode,
    'message.namespace': pack.namespace,
    'message.madeAt': timeText(request.madeAt, pack.times.message, request.zone),
    'sender.id': request.sender.id,
    'sender.scheme': request.sender.codingScheme,
    'receiver.id': request.receiver.id,
    'receiver.scheme': request.receiver.codingScheme,
    'day.date': request.day,
    'day.from': timeText(day.start, pack.times.day, request.zone),
    'day.to': timeText(day.end, pack.times.day, request.zone),
  };
}

function channelValues({ spec, minutes, intervals }: PreparedChannel): Values {
  return {
    'channel.role': spec.role,
    'channel.unit': spec.unit,
    'channel.minutes': String(minutes),
    'channel.resolution': `PT${minutes}M`,
    'channel.count': String(intervals.length),
  };
}

function intervalValues({ pack, request }: Context, { interval, number, value, status }: PreparedInterval): Values {
  const common = { 'interval.value': value, 'interval.status': status };
  if (pack.period === 'number') return { ...common, 'interval.period': String(number) };
  return {
    ...common,
    'interval.period': timeText(interval.start, pack.period, request.zone),
    'interval.end': timeText(interval.end, pack.period, request.zone),
  };
}

/** A time as a pack writes it. */
export function timeText(at: UtcMs, notation: 'local' | 'local-offset' | 'utc', zone: string): string {
  if (notation === 'utc') return isoUtc(at);
  const text = isoLocal(at, zone);
  return notation === 'local' ? text.slice(0, 'YYYY-MM-DDThh:mm:ss'.length) : text;
}

/** A placeholder without a value cannot be: the pack's check has seen that it stands inside its repetition. */
function fill(template: TextTemplate, values: Values): string {
  return template
    .map((part) => {
      if ('literal' in part) return part.literal;
      const value = values[part.placeholder];
      if (value === undefined) throw new Error(`no value for {${part.placeholder}}`);
      return value;
    })
    .join('');
}
