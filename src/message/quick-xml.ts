import type { XmlAttribute, XmlElement } from './xml.ts';

/**
 * Reads XML as programs write it, in one pass: a quarter of what the full reader takes, and messages come by the ten thousand.
 * It knows a narrow form: names in ASCII, each tag on one line, one space before an attribute, values in double quotes, no
 * reference, comment or section, no `>` but at the end of a tag, nothing beyond the first plane. Whatever else there is,
 * well-formed or not, is left to the full reader; so this one never refuses, and what it reads the full one reads alike.
 */

export const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';
const CHARACTERS = /^[\n\x20-\x25\x27-\x7E\u00A0-\uD7FF\uE000-\uFFFD]*$/;
const NAME = /^(?:([A-Za-z_][\w.-]*):)?([A-Za-z_][\w.-]*)$/;
const BLANK = /^[\n ]*$/;
/** Of one element; more are left to the full reader, because they are compared each with each. */
const ATTRIBUTES_MAX = 16;
const XMLNS = 'xmlns';
/** Namespaces in XML 1.0, 3: nobody may declare these. */
const KEPT_PREFIXES: readonly string[] = ['xml', XMLNS];
const KEPT_NAMESPACES: readonly string[] = ['http://www.w3.org/XML/1998/namespace', 'http://www.w3.org/2000/xmlns/'];

const SLASH = 0x2f;
const SPACE = 0x20;

interface Name {
  readonly prefix: string;
  readonly local: string;
}

/** There are few, and they are written a thousand times: each is parted once for a document. */
type Names = Map<string, Name>;

/** Beyond these the full reader refuses. */
export interface XmlLimits {
  readonly depth: number;
  /** That hold at one place. */
  readonly namespaces: number;
}

interface OpenElement extends XmlElement {
  readonly content: (XmlElement | string)[];
}

/** What a tag says. */
interface Tag {
  readonly name: string;
  /** Names and values in turn. */
  readonly written: readonly string[];
  readonly isEmpty: boolean;
}

/** @returns the root, or undefined where the full reader has to look. */
export function quickElement(xml: string, limits: XmlLimits): XmlElement | undefined {
  const from = xml.startsWith(DECLARATION) ? DECLARATION.length : 0;
  let less = xml.indexOf('<', from);
  if (less < 0 || !BLANK.test(xml.slice(from, less)) || !CHARACTERS.test(xml)) return undefined;
  const place = new Place(limits);
  let greater = xml.indexOf('>', less);
  let lineEnd = -1;
  do {
    if (lineEnd < less) lineEnd = endOr(xml, xml.indexOf('\n', less));
    const next = endOr(xml, xml.indexOf('<', less + 1));
    const isClosed = greater > less && greater < next && greater < lineEnd;
    if (!isClosed || !place.tag(xml, less, greater)) return undefined;
    const behind = greater + 1;
    greater = xml.indexOf('>', behind);
    if (place.isOutside()) return BLANK.test(xml.slice(behind)) ? place.root : undefined;
    if (next > behind) place.text(xml.slice(behind, next));
    less = next;
    // No more of them, or one that stands in a text.
  } while (greater > less);
  return undefined;
}

/** How far a document is read. */
class Place {
  root: XmlElement | undefined;
  readonly #open: OpenElement[] = [];
  readonly #tags: string[] = [];
  readonly #names: Names = new Map();
  readonly #limits: XmlLimits;

  constructor(limits: XmlLimits) {
    this.#limits = limits;
  }

  isOutside(): boolean {
    return this.#open.length === 0;
  }

  text(text: string): void {
    this.#open.at(-1)?.content.push(text);
  }

  /** @returns whether the tag between these brackets can stand here */
  tag(xml: string, less: number, greater: number): boolean {
    if (xml.charCodeAt(less + 1) !== SLASH) return this.#begin(tagBetween(xml, less, greater));
    this.#open.pop();
    return xml.slice(less + 2, greater) === this.#tags.pop();
  }

  #begin(tag: Tag | undefined): boolean {
    const parent = this.#open.at(-1);
    const element = tag && elementOf(tag, parent, this.#names);
    const { depth, namespaces } = this.#limits;
    if (!element || this.#open.length >= depth || element.scope.size > namespaces) return false;
    if (parent) parent.content.push(element);
    else this.root = element;
    if (tag.isEmpty) return true;
    this.#open.push(element);
    this.#tags.push(tag.name);
    return true;
  }
}

function endOr(xml: string, at: number): number {
  return at < 0 ? xml.length : at;
}

/** @param less and @param greater its brackets; no other stands between them */
function tagBetween(xml: string, less: number, greater: number): Tag | undefined {
  const isEmpty = xml.charCodeAt(greater - 1) === SLASH;
  const end = isEmpty ? greater - 1 : greater;
  let at = less + 1;
  while (at < end && xml.charCodeAt(at) !== SPACE) at += 1;
  const name = xml.slice(less + 1, at);
  const written: string[] = [];
  // One space may stand before the end of the tag.
  while (at < end - 1) {
    const equals = xml.indexOf('="', at);
    const valueEnd = equals < 0 ? -1 : xml.indexOf('"', equals + 2);
    const isAttribute = xml.charCodeAt(at) === SPACE && valueEnd >= 0 && valueEnd < end;
    if (!isAttribute || written.length >= 2 * ATTRIBUTES_MAX) return undefined;
    written.push(xml.slice(at + 1, equals), xml.slice(equals + 2, valueEnd));
    at = valueEnd + 1;
  }
  if (at < end && xml.charCodeAt(at) !== SPACE) return undefined;
  return { name, written, isEmpty };
}

/** Undefined where names or namespaces are not plain: what is wrong with them the full reader says. */
function elementOf({ name, written }: Tag, parent: XmlElement | undefined, names: Names): OpenElement | undefined {
  const own = nameOf(name, names);
  const scope = scopeOf(written, parent?.scope ?? NOTHING_DECLARED, names);
  const namespace = scope && own && namespaceOf(own.prefix, scope);
  if (!own || !scope || namespace === undefined) return undefined;
  const attributes: XmlAttribute[] = [];
  for (let n = 0; n < written.length; n += 2) {
    const attribute = nameOf(written[n]!, names);
    if (!attribute) return undefined;
    if (isDeclaration(attribute)) continue;
    const { prefix, local } = attribute;
    // Perhaps not the same, if it has another prefix.
    for (const other of attributes) if (other.local === local) return undefined;
    const uri = prefix === '' ? '' : scope.get(prefix);
    if (uri === undefined) return undefined;
    attributes.push({ prefix, local, uri, value: written[n + 1]! });
  }
  return { prefix: own.prefix, name: own.local, namespace, attributes, content: [], scope };
}

const NOTHING_DECLARED: ReadonlyMap<string, string> = new Map();

function namespaceOf(prefix: string, scope: ReadonlyMap<string, string>): string | undefined {
  return scope.get(prefix) ?? (prefix === '' ? '' : undefined);
}

/** What is declared inside an element with these attributes. */
function scopeOf(
  written: readonly string[],
  around: ReadonlyMap<string, string>,
  names: Names,
): ReadonlyMap<string, string> | undefined {
  let declared: Map<string, string> | undefined;
  for (let n = 0; n < written.length; n += 2) {
    if (!written[n]!.startsWith(XMLNS)) continue;
    const name = nameOf(written[n]!, names);
    if (!name || !isDeclaration(name)) continue;
    const prefix = name.prefix === '' ? '' : name.local;
    const uri = written[n + 1]!;
    const isPlain = uri !== '' && !uri.includes(' ') && !KEPT_NAMESPACES.includes(uri);
    if (!isPlain || KEPT_PREFIXES.includes(prefix) || declared?.has(prefix)) return undefined;
    declared ??= new Map();
    declared.set(prefix, uri);
  }
  return declared ? new Map([...around, ...declared]) : around;
}

function isDeclaration({ prefix, local }: Name): boolean {
  return prefix === XMLNS || (prefix === '' && local === XMLNS);
}

/** Undefined where it is none. */
function nameOf(text: string, names: Names): Name | undefined {
  const known = names.get(text);
  if (known) return known;
  const parts = NAME.exec(text);
  if (!parts) return undefined;
  const name = { prefix: parts[1] ?? '', local: parts[2]! };
  names.set(text, name);
  return name;
}
