import { SaxesParser } from 'saxes';
import { quickElement } from './quick-xml.ts';

/** XML as it came from outside: the one reader for market documents, answers and SOAP envelopes. */
export interface XmlElement {
  /** Means nothing but to whoever writes the element again: the operator changes its prefixes (n0: since 2024). */
  readonly prefix: string;
  /** Local name. */
  readonly name: string;
  readonly namespace: string;
  /** Without namespace declarations, in the order of the document. */
  readonly attributes: readonly XmlAttribute[];
  /** Elements and the text between them; comments are gone, and text that they parted is one. */
  readonly content: readonly (XmlElement | string)[];
  /** Prefix -> namespace, as it holds inside the element. */
  readonly scope: ReadonlyMap<string, string>;
}

export interface XmlAttribute {
  readonly prefix: string;
  /** Name without prefix. */
  readonly local: string;
  /** Namespace; empty without prefix. */
  readonly uri: string;
  readonly value: string;
}

export type XmlRead =
  | { readonly kind: 'element'; readonly element: XmlElement }
  | { readonly kind: 'refused'; readonly why: string };

/** More than any market document has, in its envelope. What an element declares is copied for each that declares something inside. */
const LIMITS = { depth: 32, namespaces: 64 };
/** Of one element, with what it declares. */
const ATTRIBUTES_MAX = 64;

const DECLARATIONS = 'http://www.w3.org/2000/xmlns/';

interface OpenElement extends XmlElement {
  readonly content: (XmlElement | string)[];
}

/**
 * Parses one document. A document type is refused (it could define entities), so are processing instructions (SOAP 1.1, 3: a
 * message has neither), and anything over the limits.
 */
export function readXml(xml: string, charactersMax: number): XmlRead {
  if (xml.length > charactersMax)
    return { kind: 'refused', why: `${xml.length} characters, at most ${charactersMax} are read` };
  try {
    return { kind: 'element', element: quickElement(xml, LIMITS) ?? parsed(xml) };
  } catch (error) {
    return { kind: 'refused', why: error instanceof Error ? error.message : String(error) };
  }
}

function parsed(xml: string): XmlElement {
  const open: OpenElement[] = [];
  let root: XmlElement | undefined;
  const refuse = (why: string): never => {
    throw new Error(why);
  };
  // As XML 1.0 whatever the declaration says: 1.1 knows characters that canonical XML does not. There is no handler of errors, so
  // that they are thrown; and with a seventh handler V8 takes the parser for a dictionary, which makes it five times as slow.
  const parser = new SaxesParser({ xmlns: true, defaultXMLVersion: '1.0', forceXMLVersion: true });
  parser.on('doctype', () => refuse('a document type declaration is not allowed'));
  parser.on('processinginstruction', () => refuse('a processing instruction is not allowed'));
  parser.on('opentag', ({ prefix, local, uri, attributes, ns }) => {
    if (open.length >= LIMITS.depth) refuse(`nested deeper than ${LIMITS.depth}`);
    const parent = open.at(-1);
    const written = Object.values(attributes);
    if (written.length > ATTRIBUTES_MAX) refuse(`an element with more than ${ATTRIBUTES_MAX} attributes`);
    const own: readonly XmlAttribute[] = written.filter(({ uri }) => uri !== DECLARATIONS);
    const around = parent?.scope ?? NOTHING_DECLARED;
    const scope = own.length < written.length ? new Map([...around, ...Object.entries(ns)]) : around;
    if (scope.size > LIMITS.namespaces) refuse(`more than ${LIMITS.namespaces} namespaces inside one another`);
    const element = { prefix, name: local, namespace: uri, attributes: own, content: [], scope };
    if (parent) parent.content.push(element);
    else root = element;
    open.push(element);
  });
  parser.on('closetag', () => void open.pop());
  const text = (part: string): void => {
    const content = open.at(-1)?.content;
    const before = content?.at(-1);
    if (typeof before === 'string') content!.splice(-1, 1, before + part);
    else content?.push(part);
  };
  parser.on('text', text);
  parser.on('cdata', text);
  parser.write(xml).close();
  return root ?? refuse('no element in it');
}

const NOTHING_DECLARED: ReadonlyMap<string, string> = new Map();

const NO_ELEMENTS: readonly XmlElement[] = [];

/** The direct children that are elements. */
export function elements({ content }: XmlElement): readonly XmlElement[] {
  if (content.length === 0) return NO_ELEMENTS;
  return content.filter((node) => typeof node !== 'string');
}

/** The text directly in an element, without space around. */
export function textOf({ content }: XmlElement): string {
  if (content.length === 0) return '';
  return content
    .filter((node) => typeof node === 'string')
    .join('')
    .trim();
}

/** The value of an attribute that has no namespace. */
export function attributeOf({ attributes }: XmlElement, name: string): string | undefined {
  return attributes.find(({ local, uri }) => local === name && uri === '')?.value;
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

const IN_TEXT = /[&<>\r]/;
const IN_VALUE = /[&<"\t\n\r]/;

// Looking first: there is hardly ever something to replace, and a replacement costs several times as much when there is nothing.

export function escapedText(text: string): string {
  return IN_TEXT.test(text) ? text.replace(/[&<>\r]/g, reference) : text;
}

export function escapedValue(value: string): string {
  return IN_VALUE.test(value) ? value.replace(/[&<"\t\n\r]/g, reference) : value;
}

function reference(character: string): string {
  return REFERENCES[character] ?? character;
}
