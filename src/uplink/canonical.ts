import { escapedText, escapedValue, type XmlAttribute, type XmlElement } from '../message/xml.ts';

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
  for (const attribute of inOrder(attributes)) text += attributeText(attribute);
  text += '>';
  const inside = missing.length === 0 ? written : new Map([...written, ...missing]);
  for (const node of content)
    text += typeof node === 'string' ? escapedText(node) : elementText(node, inside, inclusive);
  return `${text}</${tag}>`;
}

type Declaration = readonly [prefix: string, uri: string];

const NOTHING_MISSING: readonly Declaration[] = [];

/** Namespaces that the element uses visibly and that no element written around it has declared so, by prefix (its clause 3). */
function missingDeclarations(
  { prefix, namespace, attributes, scope }: XmlElement,
  written: Bindings,
  inclusive: readonly string[],
): readonly Declaration[] {
  // Of most elements the first look says it all, and a message has many elements.
  if (inclusive.length === 0 && (written.get(prefix) ?? '') === namespace && !attributes.some(isPrefixed))
    return NOTHING_MISSING;
  const isMissing = (used: string, uri: string): boolean => used !== XML_PREFIX && (written.get(used) ?? '') !== uri;
  const used: Declaration[] = isMissing(prefix, namespace) ? [[prefix, namespace]] : [];
  for (const { prefix: own, uri } of attributes) if (own !== '' && isMissing(own, uri)) used.push([own, uri]);
  for (const kept of inclusive) {
    const uri = scope.get(kept) ?? '';
    if (isMissing(kept, uri)) used.push([kept, uri]);
  }
  if (used.length === 0) return NOTHING_MISSING;
  return [...new Map(used)].sort(([a], [b]) => byCodePoint(a, b));
}

function isPrefixed({ prefix }: XmlAttribute): boolean {
  return prefix !== '';
}

function declaration(prefix: string, uri: string): string {
  return ` xmlns${prefix === '' ? '' : `:${prefix}`}="${escapedValue(uri)}"`;
}

function attributeText({ prefix, local, value }: XmlAttribute): string {
  return ` ${prefix === '' ? local : `${prefix}:${local}`}="${escapedValue(value)}"`;
}

/** They are few and mostly in order: each is moved before those that come after it. */
function inOrder(attributes: readonly XmlAttribute[]): readonly XmlAttribute[] {
  let ordered: XmlAttribute[] | undefined;
  for (let n = 1; n < attributes.length; n++) {
    const attribute = attributes[n]!;
    let at = n;
    if (byNamespaceAndName((ordered ?? attributes)[n - 1]!, attribute) <= 0) continue;
    ordered ??= [...attributes];
    for (; at > 0 && byNamespaceAndName(ordered[at - 1]!, attribute) > 0; at--) ordered[at] = ordered[at - 1]!;
    ordered[at] = attribute;
  }
  return ordered ?? attributes;
}

/** Canonical XML 1.0, 2.2: by namespace, those without any first, then by local name. */
function byNamespaceAndName(a: XmlAttribute, b: XmlAttribute): number {
  return byCodePoint(a.uri, b.uri) || byCodePoint(a.local, b.local);
}

/** By code points, as the standard orders names; JavaScript compares code units, which differs beyond the first plane. */
function byCodePoint(a: string, b: string): number {
  if (a === b) return 0;
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return at === shorter ? a.length - b.length : rank(a.charCodeAt(at)) - rank(b.charCodeAt(at));
}

/** A code unit's place among code points: surrogates stand for what comes after all of the first plane. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
