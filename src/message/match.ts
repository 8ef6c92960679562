import { type ElementTemplate, localName, PLACEHOLDERS, type Placeholder, type TextTemplate } from './template.ts';
import { elements, textOf, type XmlElement } from './xml.ts';

/** What stood where the template has placeholders: about the document, or about one of its points, channels, intervals. */
export interface Captured {
  /** What was said of it or of what it stands in; undefined when nothing was. */
  get(word: Placeholder): string | undefined;
  /** The points of the document, the channels of a point, the intervals of a channel, as they stand. */
  readonly inside: readonly Captured[];
}

/** A correction is there once or not at all: what it says counts for the document. */
type Scope = Exclude<(typeof PLACEHOLDERS)[Placeholder], 'correction'>;

class Captures implements Captured {
  readonly inside: Captures[] = [];
  readonly #scope: Scope;
  readonly #around: Captures | undefined;
  readonly #said: Partial<Record<Placeholder, string>> = {};

  constructor(scope: Scope, around?: Captures) {
    this.#scope = scope;
    this.#around = around;
    around?.inside.push(this);
  }

  get(word: Placeholder): string | undefined {
    return this.#about(word)?.[word];
  }

  /** What is said of a channel may stand in each of its intervals, and so on: then it must be the same every time. */
  add(word: Placeholder, value: string, where: string): void {
    const said = this.#about(word);
    if (!said) throw new Error(`{${word}} stands outside of what it is about`);
    const before = said[word];
    if (before !== undefined && before !== value)
      throw new Mismatch(`${where} says "${value}" where "${before}" was said before`);
    said[word] = value;
  }

  /** Where the placeholder belongs: to this, or to what it stands in. */
  #about(word: Placeholder): Partial<Record<Placeholder, string>> | undefined {
    const scope = PLACEHOLDERS[word] === 'correction' ? 'document' : PLACEHOLDERS[word];
    if (scope === this.#scope) return this.#said;
    if (!this.#around) return undefined;
    return this.#around.#about(word);
  }
}

/** Thrown inside reading only; `readDocument` turns it into a refusal. */
export class Mismatch extends Error {}

/** Prefix -> namespace. */
type Declared = XmlElement['scope'];

const NOTHING_DECLARED: Declared = new Map();

/**
 * Holds an element against its template: everything the template writes must be there, and nothing else may be.
 * @param around what is declared where the element stands; nothing for a document of its own
 */
export function matchDocument(
  template: ElementTemplate,
  element: XmlElement,
  namespace: string,
  around: Declared = NOTHING_DECLARED,
): Captured {
  const document = new Captures('document');
  const known = namespacesIn(template).add(namespace);
  matchElement(shapeOf(template), element, document, { namespace, known, declared: around });
  return document;
}

/** Where an element is looked for. */
interface Place {
  /** Of all elements. */
  readonly namespace: string;
  /** What may be declared. */
  readonly known: ReadonlySet<string>;
  /** What is declared around it. */
  readonly declared: Declared;
}

/** Those that the template declares. */
function namespacesIn({ attributes, children }: ElementTemplate): Set<string> {
  const own = attributes
    .filter(({ name }) => IS_DECLARATION.test(name))
    .flatMap(({ value }) => value.flatMap((part) => ('literal' in part ? [part.literal] : [])));
  return new Set([...own, ...children.flatMap((child) => [...namespacesIn(child)])]);
}

/** A template made ready: a message of ten points is read by the same few templates five hundred times. */
interface Shape {
  /** Local name. */
  readonly name: string;
  readonly each: ElementTemplate['each'];
  /** By local name. */
  readonly attributes: ReadonlyMap<string, AttributeShape>;
  readonly text: Reader | undefined;
  readonly children: readonly Shape[];
}

interface AttributeShape {
  readonly name: string;
  readonly where: string;
  readonly reader: Reader;
}

const IS_DECLARATION = /^xmlns(:|$)/;

const shapes = new WeakMap<ElementTemplate, Shape>();

function shapeOf(template: ElementTemplate): Shape {
  const known = shapes.get(template);
  if (known) return known;
  const name = localName(template.name);
  const written = template.attributes.filter((attribute) => !IS_DECLARATION.test(attribute.name));
  const made: Shape = {
    name,
    each: template.each,
    attributes: new Map(
      written.map(({ name: attribute, value }) => [
        localName(attribute),
        { name: attribute, where: `${name}@${attribute}`, reader: readerOf(value) },
      ]),
    ),
    text: template.text && readerOf(template.text),
    children: template.children.map(shapeOf),
  };
  shapes.set(template, made);
  return made;
}

function matchElement(shape: Shape, element: XmlElement, around: Captures, place: Place): void {
  const { name, each } = shape;
  if (element.name !== name || element.namespace !== place.namespace)
    throw new Mismatch(`{${element.namespace}}${element.name} stands where ${name} should`);
  if (element.scope !== place.declared) expectKnown(element, place);
  const captured = each === undefined || each === 'correction' ? around : new Captures(each, around);
  matchAttributes(shape, element, captured);
  const text = textOf(element);
  if (shape.text) capture(shape.text, text, captured, name);
  else if (text !== '') throw new Mismatch(`${name} has text: "${text.slice(0, 40)}"`);
  matchChildren(
    shape,
    element,
    captured,
    element.scope === place.declared ? place : { ...place, declared: element.scope },
  );
}

/** What nobody asked for costs everybody who reads, signs or verifies the document. */
function expectKnown({ name, scope }: XmlElement, { known, declared }: Place): void {
  for (const [prefix, uri] of scope)
    if (!known.has(uri) && declared.get(prefix) !== uri)
      throw new Mismatch(`${name} declares the namespace ${uri.slice(0, 60)}, which the pack does not know`);
}

function matchAttributes({ attributes }: Shape, element: XmlElement, captured: Captures): void {
  let count = 0;
  for (const { local, uri, value } of element.attributes) {
    if (uri !== '') continue;
    const attribute = attributes.get(local);
    if (!attribute) throw new Mismatch(`${element.name} has an unknown attribute ${local}`);
    capture(attribute.reader, value, captured, attribute.where);
    count++;
  }
  // No two attributes have the same name, or it would not be XML.
  if (count === attributes.size) return;
  const there = new Set(element.attributes.map(({ local, uri }) => uri === '' && local));
  const lacking = [...attributes].find(([local]) => !there.has(local));
  throw new Mismatch(`${element.name} lacks ${lacking?.[1].name}`);
}

function matchChildren(shape: Shape, element: XmlElement, captured: Captures, place: Place): void {
  const found = elements(element);
  let next = 0;
  for (const child of shape.children) {
    const most = child.each === undefined || child.each === 'correction' ? 1 : Number.POSITIVE_INFINITY;
    let count = 0;
    for (; count < most; count++) {
      const inner = found[next];
      if (inner?.name !== child.name) break;
      matchElement(child, inner, captured, place);
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

export function escaped(literal: string): string {
  return literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
