import type { ElementTemplate, Placeholder, TextTemplate } from './template.ts';
import { localName } from './template.ts';
import { attributeOf, elements, textOf, type XmlElement } from './xml.ts';

/** What stood where the template has placeholders, gathered from the root down to one repetition. */
export interface Captured {
  get(word: Placeholder): string | undefined;
}

/** What one repetition says, on top of what was said around it. */
class Captures implements Captured {
  readonly #said = new Map<Placeholder, string>();
  readonly #around: Captures | undefined;

  constructor(around?: Captures) {
    this.#around = around;
  }

  get(word: Placeholder): string | undefined {
    return this.#said.get(word) ?? this.#around?.get(word);
  }

  /** A placeholder that was seen before must say the same again. */
  add(word: Placeholder, value: string, where: string): void {
    const before = this.get(word);
    if (before !== undefined && before !== value)
      throw new Mismatch(`${where} says "${value}" where "${before}" was said before`);
    this.#said.set(word, value);
  }
}

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
  const whole = new Captures();
  matchElement(shapeOf(template), element, whole, { namespace, onInterval });
  return whole;
}

interface Matcher {
  readonly namespace: string;
  readonly onInterval: (captured: Captured) => void;
}

/** A template made ready: a message of ten points is read by the same few templates five hundred times. */
interface Shape {
  /** Local name. */
  readonly name: string;
  readonly each: ElementTemplate['each'];
  readonly attributes: readonly AttributeShape[];
  readonly known: ReadonlySet<string>;
  readonly text: Reader | undefined;
  readonly children: readonly Shape[];
}

interface AttributeShape {
  readonly name: string;
  readonly local: string;
  readonly where: string;
  readonly reader: Reader;
}

const shapes = new WeakMap<ElementTemplate, Shape>();

function shapeOf(template: ElementTemplate): Shape {
  const known = shapes.get(template);
  if (known) return known;
  const name = localName(template.name);
  const written = template.attributes.filter((attribute) => !/^xmlns(:|$)/.test(attribute.name));
  const attributes = written.map((attribute) => ({
    name: attribute.name,
    local: localName(attribute.name),
    where: `${name}@${attribute.name}`,
    reader: readerOf(attribute.value),
  }));
  const made: Shape = {
    name,
    each: template.each,
    attributes,
    known: new Set(attributes.map(({ local }) => local)),
    text: template.text && readerOf(template.text),
    children: template.children.map(shapeOf),
  };
  shapes.set(template, made);
  return made;
}

/** Correction and document are there once: what they say counts for the document. */
function repeats({ each }: Shape): boolean {
  return each !== undefined && each !== 'correction';
}

function matchElement(shape: Shape, element: XmlElement, around: Captures, matcher: Matcher): void {
  if (element.name !== shape.name || element.namespace !== matcher.namespace)
    throw new Mismatch(`{${element.namespace}}${element.name} stands where ${shape.name} should`);
  const captured = repeats(shape) ? new Captures(around) : around;
  matchAttributes(shape, element, captured);
  const text = textOf(element);
  if (shape.text) capture(shape.text, text, captured, shape.name);
  else if (text !== '') throw new Mismatch(`${element.name} has text: "${text.slice(0, 40)}"`);
  matchChildren(shape, element, captured, matcher);
  if (shape.each === 'interval') matcher.onInterval(captured);
}

function matchAttributes(shape: Shape, element: XmlElement, captured: Captures): void {
  for (const { name, local, where, reader } of shape.attributes) {
    const found = attributeOf(element, local);
    if (found === undefined) throw new Mismatch(`${element.name} lacks ${name}`);
    capture(reader, found, captured, where);
  }
  const unknown = element.attributes.find(({ local, uri }) => uri === '' && !shape.known.has(local));
  if (unknown) throw new Mismatch(`${element.name} has an unknown attribute ${unknown.local}`);
}

function matchChildren(shape: Shape, element: XmlElement, captured: Captures, matcher: Matcher): void {
  const found = elements(element);
  let next = 0;
  for (const child of shape.children) {
    const most = repeats(child) ? Number.POSITIVE_INFINITY : 1;
    let count = 0;
    for (; count < most; count++) {
      const inner = found[next];
      if (inner?.name !== child.name) break;
      matchElement(child, inner, captured, matcher);
      next++;
    }
    if (count === 0 && child.each !== 'correction') throw new Mismatch(`${element.name} lacks ${child.name}`);
  }
  const left = found[next];
  if (left) throw new Mismatch(`${element.name} has ${left.name} where none should be`);
}

/** A text as a pattern, and the placeholders in the order of its groups. */
interface Reader {
  readonly pattern: RegExp;
  readonly words: readonly Placeholder[];
  /** It is this placeholder and nothing else, so no pattern is needed. */
  readonly alone: Placeholder | undefined;
}

function readerOf(template: TextTemplate): Reader {
  const pattern = template.map((part) => ('literal' in part ? escaped(part.literal) : '(.+?)')).join('');
  const words = template.flatMap((part) => ('placeholder' in part ? [part.placeholder] : []));
  return { pattern: new RegExp(`^${pattern}$`, 's'), words, alone: template.length === 1 ? words[0] : undefined };
}

/** Reads a text by its template. */
function capture({ pattern, words, alone }: Reader, text: string, captured: Captures, where: string): void {
  if (alone !== undefined && text !== '') {
    captured.add(alone, text, where);
    return;
  }
  const found = pattern.exec(text);
  if (!found) throw new Mismatch(`${where} is "${text.slice(0, 60)}"`);
  for (const [n, word] of words.entries()) captured.add(word, found[n + 1]!, where);
}

function escaped(literal: string): string {
  return literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
