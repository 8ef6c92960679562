import type { ElementTemplate, Placeholder, TextTemplate } from './template.ts';
import { localName } from './template.ts';
import { attributeOf, elements, textOf, type XmlElement } from './xml.ts';

/** What stood where the template has placeholders, gathered from the root down to one repetition. */
export type Captured = ReadonlyMap<Placeholder, string>;

/** Thrown inside reading only; `readDocument` turns it into a refusal. */
export class Mismatch extends Error {}

/**
 * Holds an element against its template: everything the template writes must be there, and nothing else may be. Calls
 * `onInterval` once for each interval with all that was captured on the way; returns what the document as a whole says.
 */
export function matchDocument(
  template: ElementTemplate,
  element: XmlElement,
  namespace: string,
  onInterval: (captured: Captured) => void,
): Captured {
  const whole = new Map<Placeholder, string>();
  const matcher: Matcher = { namespace, onInterval, whole };
  matchElement(template, element, whole, matcher);
  return whole;
}

interface Matcher {
  readonly namespace: string;
  readonly onInterval: (captured: Captured) => void;
  /** Captures of the document itself; a correction's id counts among them. */
  readonly whole: Map<Placeholder, string>;
}

function matchElement(
  template: ElementTemplate,
  element: XmlElement,
  around: Map<Placeholder, string>,
  matcher: Matcher,
): void {
  if (element.name !== localName(template.name) || element.namespace !== matcher.namespace)
    throw new Mismatch(`{${element.namespace}}${element.name} stands where ${template.name} should`);
  const repeats = template.each !== undefined && template.each !== 'correction';
  const captured = repeats ? new Map(around) : around;
  matchAttributes(template, element, captured);
  const text = textOf(element);
  if (template.text) capture(template.text, text, captured, element.name);
  else if (text !== '') throw new Mismatch(`${element.name} has text: "${text.slice(0, 40)}"`);
  matchChildren(template, element, captured, matcher);
  if (template.each === 'interval') matcher.onInterval(captured);
}

function matchAttributes(template: ElementTemplate, element: XmlElement, captured: Map<Placeholder, string>): void {
  const expected = template.attributes.filter(({ name }) => !/^xmlns(:|$)/.test(name));
  for (const { name, value } of expected) {
    const found = attributeOf(element, localName(name));
    if (found === undefined) throw new Mismatch(`${element.name} lacks ${name}`);
    capture(value, found, captured, `${element.name}@${name}`);
  }
  const known = new Set(expected.map(({ name }) => localName(name)));
  const unknown = element.attributes.find(({ local, uri }) => uri === '' && !known.has(local));
  if (unknown) throw new Mismatch(`${element.name} has an unknown attribute ${unknown.local}`);
}

function matchChildren(
  template: ElementTemplate,
  element: XmlElement,
  captured: Map<Placeholder, string>,
  matcher: Matcher,
): void {
  const found = elements(element);
  let next = 0;
  for (const child of template.children) {
    const most = child.each === undefined || child.each === 'correction' ? 1 : Number.POSITIVE_INFINITY;
    let count = 0;
    for (; count < most; count++) {
      const inner = found[next];
      if (!inner || inner.name !== localName(child.name)) break;
      matchElement(child, inner, captured, matcher);
      next++;
    }
    if (count === 0 && child.each !== 'correction') throw new Mismatch(`${element.name} lacks ${child.name}`);
  }
  const left = found[next];
  if (left) throw new Mismatch(`${element.name} has ${left.name} where none should be`);
}

/** A template as a pattern, and the placeholders in the order of its groups. */
interface Reader {
  readonly pattern: RegExp;
  readonly words: readonly Placeholder[];
}

/** A message of ten points reads the same few templates two thousand times; making the patterns anew took most of the time. */
const readers = new WeakMap<TextTemplate, Reader>();

function readerOf(template: TextTemplate): Reader {
  const known = readers.get(template);
  if (known) return known;
  const pattern = template.map((part) => ('literal' in part ? escaped(part.literal) : '(.+?)')).join('');
  const words = template.flatMap((part) => ('placeholder' in part ? [part.placeholder] : []));
  const made = { pattern: new RegExp(`^${pattern}$`, 's'), words };
  readers.set(template, made);
  return made;
}

/** Reads a text by its template; a placeholder seen before must say the same again. */
function capture(template: TextTemplate, text: string, captured: Map<Placeholder, string>, where: string): void {
  const { pattern, words } = readerOf(template);
  const found = pattern.exec(text);
  if (!found) throw new Mismatch(`${where} is "${text.slice(0, 60)}"`);
  for (const [n, word] of words.entries()) {
    const value = found[n + 1]!;
    const before = captured.get(word);
    if (before !== undefined && before !== value)
      throw new Mismatch(`${where} says "${value}" where "${before}" was said before`);
    captured.set(word, value);
  }
}

function escaped(literal: string): string {
  return literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
