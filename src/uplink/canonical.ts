import type { XmlAttribute, XmlElement } from '../message/xml.ts';

type Bindings = ReadonlyMap<string, string>;

/** The prefix that is bound without a declaration (Namespaces in XML 1.0, 3). */
const XML_PREFIX = 'xml';

/** What a list of inclusive prefixes calls the default namespace. */
const DEFAULT_PREFIX = '#default';

const NONE: Bindings = new Map();

/**
 * An element as exclusive canonical XML without comments (Exclusive XML Canonicalization 1.0, on Canonical XML 1.0): as a text of
 * its own, the same wherever it stood. Everything a signature covers is such a text.
 * @param inclusive prefixes whose namespaces are written where they are in scope, used or not (its InclusiveNamespaces)
 */
export function canonical(element: XmlElement, inclusive: readonly string[] = []): string {
  const prefixes = inclusive.map((prefix) => (prefix === DEFAULT_PREFIX ? '' : prefix));
  return elementText(element, NONE, prefixes);
}

function elementText(element: XmlElement, written: Bindings, inclusive: readonly string[]): string {
  const { prefix, name, attributes, content } = element;
  const tag = prefix === '' ? name : `${prefix}:${name}`;
  const missing = missingDeclarations(element, written, inclusive);
  let text = `<${tag}`;
  for (const [declared, uri] of missing) text += declaration(declared, uri);
  for (const attribute of [...attributes].sort(byNamespaceAndName)) text += attributeText(attribute);
  text += '>';
  const inside = missing.length === 0 ? written : new Map([...written, ...missing]);
  for (const node of content)
    text += typeof node === 'string' ? escapedText(node) : elementText(node, inside, inclusive);
  return `${text}</${tag}>`;
}

/** Namespaces that the element uses visibly and that no element written around it has declared so, by prefix (its clause 3). */
function missingDeclarations(element: XmlElement, written: Bindings, inclusive: readonly string[]) {
  const missing = new Map<string, string>();
  const need = (prefix: string, uri: string): void => {
    if (prefix !== XML_PREFIX && (written.get(prefix) ?? '') !== uri) missing.set(prefix, uri);
  };
  need(element.prefix, element.namespace);
  for (const { prefix, uri } of element.attributes) if (prefix !== '') need(prefix, uri);
  for (const prefix of inclusive) need(prefix, element.scope.get(prefix) ?? '');
  return [...missing].sort(([a], [b]) => byCodePoint(a, b));
}

function declaration(prefix: string, uri: string): string {
  return ` xmlns${prefix === '' ? '' : `:${prefix}`}="${escapedValue(uri)}"`;
}

function attributeText({ prefix, local, value }: XmlAttribute): string {
  return ` ${prefix === '' ? local : `${prefix}:${local}`}="${escapedValue(value)}"`;
}

/** Canonical XML 1.0, 2.2: by namespace, those without any first, then by local name. */
function byNamespaceAndName(a: XmlAttribute, b: XmlAttribute): number {
  return byCodePoint(a.uri, b.uri) || byCodePoint(a.local, b.local);
}

const SURROGATES = /[\uD800-\uDFFF]/;

/** By code points, as the standard orders names; JavaScript compares code units, which differs beyond the first plane. */
function byCodePoint(a: string, b: string): number {
  if (a === b) return 0;
  if (!SURROGATES.test(a + b)) return a < b ? -1 : 1;
  const [left, right] = [codePoints(a), codePoints(b)];
  const at = left.findIndex((code, n) => code !== right[n]);
  return at < 0 ? -1 : left[at]! - (right[at] ?? -1);
}

function codePoints(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0)!);
}

/** What is written as a reference, in text and in attribute values (Canonical XML 1.0, 2.3). */
const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
};

function escapedText(text: string): string {
  return text.replace(/[&<>\r]/g, reference);
}

function escapedValue(value: string): string {
  return value.replace(/[&<"\t\n\r]/g, reference);
}

function reference(character: string): string {
  return REFERENCES[character] ?? character;
}
