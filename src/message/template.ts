import { hint } from '../core/guess.ts';
import type { Path } from '../core/source.ts';

/**
 * A document's shape, read from the pack's `document:` block, which mirrors the XML element by element:
 * `'@name'` is an attribute, `'#'` the text, `$each` repeats the element, every other name is a child element
 * (a list of several for several children of one name).
 */
export interface ElementTemplate {
  /** As written, with its prefix if it has one. */
  readonly name: string;
  readonly each?: Repeat;
  readonly attributes: readonly AttributeTemplate[];
  readonly text?: TextTemplate;
  readonly children: readonly ElementTemplate[];
}

export interface AttributeTemplate {
  readonly name: string;
  readonly value: TextTemplate;
}

export type TextTemplate = readonly TextPart[];
export type TextPart = { readonly literal: string } | { readonly placeholder: Placeholder };

/** What an element may be repeated over, and inside which repetition. `correction` is there once or not at all. */
export const REPEATS = { correction: 'document', point: 'document', channel: 'point', interval: 'channel' } as const;
export type Repeat = keyof typeof REPEATS;
type Scope = 'document' | Repeat;

/** The closed list: what a pack may write, and from which repetition on it has a value. */
export const PLACEHOLDERS = {
  'message.id': 'document',
  'message.code': 'document',
  'message.namespace': 'document',
  'message.madeAt': 'document',
  'sender.id': 'document',
  'sender.scheme': 'document',
  'receiver.id': 'document',
  'receiver.scheme': 'document',
  'day.date': 'document',
  'day.from': 'document',
  'day.to': 'document',
  'correction.id': 'correction',
  'point.code': 'point',
  'channel.role': 'channel',
  'channel.unit': 'channel',
  'channel.minutes': 'channel',
  'channel.resolution': 'channel',
  'channel.count': 'channel',
  'interval.period': 'interval',
  'interval.end': 'interval',
  'interval.value': 'interval',
  'interval.status': 'interval',
} as const satisfies Record<string, Scope>;
export type Placeholder = keyof typeof PLACEHOLDERS;

/** What is wrong with a template, and where below `document:`. */
export interface TemplateProblem {
  readonly path: Path;
  readonly what: string;
}

const XML_NAME = /^[A-Za-z_][\w.-]*(:[A-Za-z_][\w.-]*)?$/;

/** Compiles the `document:` block (one root element); the problems are empty when the template can be used. */
export function compileTemplate(block: Readonly<Record<string, unknown>>): {
  readonly root: ElementTemplate;
  readonly problems: readonly TemplateProblem[];
} {
  const problems: TemplateProblem[] = [];
  const [first, ...others] = Object.entries(block);
  if (!first || others.length > 0) problems.push({ path: [], what: 'a document has exactly one root element' });
  const [name, body] = first ?? ['none', {}];
  const root = element(name, body, { path: [name], scopes: ['document'], problems });
  if (root.each) problems.push({ path: [name, '$each'], what: 'the root element cannot be repeated' });
  return { root, problems };
}

interface Place {
  readonly path: Path;
  readonly scopes: readonly Scope[];
  readonly problems: TemplateProblem[];
}

function element(name: string, body: unknown, place: Place): ElementTemplate {
  if (!XML_NAME.test(name)) complain(place, `"${name}" is not an element name`);
  if (typeof body === 'string') return { name, attributes: [], text: text(body, place), children: [] };
  if (!isBlock(body)) {
    complain(place, 'an element is a block of attributes and children ({} when empty), or its text in quotes');
    return { name, attributes: [], children: [] };
  }
  const each = repeat(body.$each, inside(place, '$each'));
  const inner: Place = each ? { ...place, scopes: [...place.scopes, each] } : place;
  const attributes = Object.entries(body)
    .filter(([key]) => key.startsWith('@'))
    .map(([key, value]) => ({ name: key.slice(1), value: text(value, inside(inner, key)) }));
  const children = Object.entries(body)
    .filter(([key]) => !/^[@#$]/.test(key))
    .flatMap(([key, value]) => childrenOf(key, value, inside(inner, key)));
  for (const key of Object.keys(body)) {
    if (/^[#$]/.test(key) && key !== '#' && key !== '$each')
      complain(inside(inner, key), `unknown word "${key}"${hint(key, ['#', '$each'])}`);
  }
  const own = body['#'] === undefined ? undefined : text(body['#'], inside(inner, '#'));
  return { name, attributes, children, ...(each && { each }), ...(own && { text: own }) };
}

function childrenOf(name: string, value: unknown, place: Place): ElementTemplate[] {
  if (!Array.isArray(value)) return [element(name, value, place)];
  return value.map((item: unknown, n) => element(name, item, inside(place, n)));
}

function repeat(word: unknown, place: Place): Repeat | undefined {
  if (word === undefined) return undefined;
  if (typeof word !== 'string' || !isRepeat(word)) {
    const known = Object.keys(REPEATS);
    complain(place, `expected ${known.join(' | ')}${typeof word === 'string' ? hint(word, known) : ''}`);
    return undefined;
  }
  const around = place.scopes.at(-1);
  if (around !== REPEATS[word])
    complain(place, `"${word}" can be repeated only inside "${REPEATS[word]}", not inside "${around}"`);
  return word;
}

/** `PT{channel.minutes}M` into literals and placeholders. */
function text(value: unknown, place: Place): TextTemplate {
  if (typeof value !== 'string') {
    complain(place, 'expected text in quotes');
    return [];
  }
  const parts = value.split(/(\{[^{}]*\})/).filter((part) => part !== '');
  return parts.flatMap((part, n) => {
    if (!part.startsWith('{')) return [{ literal: part }];
    if (parts[n - 1]?.endsWith('}')) complain(place, 'two placeholders side by side could not be read back');
    return placeholder(part.slice(1, -1), place);
  });
}

function placeholder(word: string, place: Place): TextPart[] {
  if (!isPlaceholder(word)) {
    complain(place, `unknown placeholder {${word}}${hint(word, Object.keys(PLACEHOLDERS))}`);
    return [];
  }
  const scope = PLACEHOLDERS[word];
  if (!place.scopes.includes(scope)) complain(place, `{${word}} has a value only inside "$each: ${scope}"`);
  return [{ placeholder: word }];
}

/** Every placeholder the template writes. */
export function placeholdersIn(template: ElementTemplate): ReadonlySet<Placeholder> {
  const texts = [...template.attributes.map(({ value }) => value), template.text ?? []];
  const own = texts.flat().flatMap((part) => ('placeholder' in part ? [part.placeholder] : []));
  return new Set([...own, ...template.children.flatMap((child) => [...placeholdersIn(child)])]);
}

export function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function isPlaceholder(word: string): word is Placeholder {
  return Object.hasOwn(PLACEHOLDERS, word);
}

function isRepeat(word: string): word is Repeat {
  return Object.hasOwn(REPEATS, word);
}

function isBlock(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function inside(place: Place, key: string | number): Place {
  return { ...place, path: [...place.path, key] };
}

function complain(place: Place, what: string): void {
  place.problems.push({ path: place.path, what });
}
