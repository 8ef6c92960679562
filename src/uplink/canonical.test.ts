import { DOMParser } from '@xmldom/xmldom';
import fc from 'fast-check';
import { type XmlElement as LibxmlElement, XmlC14NMode, XmlDocument } from 'libxml2-wasm';
import { expect, test } from 'vitest';
import { ExclusiveCanonicalization } from 'xml-crypto';
import { elements, type XmlElement } from '../message/xml.ts';
import { canonical } from './canonical.ts';
import { parseXml } from './xml.ts';

/** Two other makers of exclusive canonical XML: libxml2, and xml-crypto on xmldom. */
const mode = XmlC14NMode.XML_C14N_EXCLUSIVE_1_0;

/** What libxml2 makes of the first element inside the root, or of the root. */
function byLibxml(xml: string, inner: boolean, inclusive: readonly string[]): string {
  const document = XmlDocument.fromString(xml);
  try {
    const root: LibxmlElement = document.root;
    const found = inner ? (root.get('*') ?? root) : root;
    return found.canonicalizeToString({ mode, inclusiveNamespacePrefixes: [...inclusive] });
  } finally {
    document.dispose();
  }
}

function byXmlCrypto(xml: string): string {
  const root = new DOMParser().parseFromString(xml, 'text/xml').documentElement;
  return String(new ExclusiveCanonicalization().process(root, {}));
}

function inside(root: XmlElement): XmlElement {
  return elements(root)[0] ?? root;
}

const PLAIN = ['x', 'ě', '😀', '\u{E000}', "'", '>', ' ', '&amp;', '&lt;', '&gt;', '&quot;'];
const LINES = ['\n', '\t', '\r\n', '\r', '&#13;', '&#10;', '&#9;', '&#x1F600;'];

/** xmldom does not know all of the letters that names may have. */
const NAMES = ['x', 'y', 'X', 'id', 'a:x', 'b:x', 'a:y', 'xml:lang', 'ě'];
const FAR_NAMES = [...NAMES, '\u{FF21}', '\u{10000}'];

interface Pieces {
  readonly name: fc.Arbitrary<string>;
  readonly text: fc.Arbitrary<string>;
  readonly value: fc.Arbitrary<string>;
}

function pieces(atoms: readonly string[], names: readonly string[]): Pieces {
  const of = (list: readonly string[]) =>
    fc.array(fc.constantFrom(...list), { maxLength: 4 }).map((all) => all.join(''));
  return {
    name: fc.constantFrom(...names),
    text: of([...atoms, '"', '<!-- & -->', '<![CDATA[<&>]]>']),
    value: of(atoms),
  };
}

const PREFIXES = ['', 'a', 'b'] as const;

/** Prefixes a and b never mean the same, so that no attribute is there twice. */
const declarations = fc
  .record(
    {
      xmlns: fc.constantFrom('', 'urn:1', 'urn:2'),
      'xmlns:a': fc.constantFrom('urn:a', 'urn:4', 'urn:1'),
      'xmlns:b': fc.constantFrom('urn:b', 'urn:0', 'urn:2'),
    },
    { requiredKeys: [] },
  )
  .map((made) => Object.entries(made));

function element(made: Pieces, depth: number): fc.Arbitrary<string> {
  const { name, text, value } = made;
  const attributes = fc.uniqueArray(fc.tuple(name, value), { maxLength: 4, selector: ([name]) => name });
  const content =
    depth === 0 ? fc.constant<string[]>([]) : fc.array(fc.oneof(text, element(made, depth - 1)), { maxLength: 4 });
  const head = fc.tuple(fc.constantFrom(...PREFIXES), fc.constantFrom('R', 'S'), declarations, attributes);
  return fc.tuple(head, content, fc.boolean()).map(([[prefix, local, declared, own], inner, short]) => {
    const tag = prefix === '' ? local : `${prefix}:${local}`;
    const all = [...own, ...declared].map(([key, said]) => ` ${key}="${said}"`).join('');
    return inner.length === 0 && short ? `<${tag}${all} />` : `<${tag}${all}>${inner.join('')}</${tag}>`;
  });
}

function documents(atoms: readonly string[], names = FAR_NAMES): fc.Arbitrary<string> {
  const inner = element(pieces(atoms, names), 3);
  return inner.map(
    (xml) =>
      `<?xml version="1.0"?>\n<!-- before --><e:E xmlns:e="urn:e" xmlns:b="urn:b" xmlns:a="urn:a">${xml}</e:E>\n`,
  );
}

const inclusiveLists = fc.uniqueArray(fc.constantFrom('a', 'b', 'e', '#default', 'unknown'));

test('what libxml2 makes of a document, and of an element inside it, is what this makes', () => {
  fc.assert(
    fc.property(documents([...PLAIN, ...LINES]), fc.boolean(), (xml, inner) => {
      const root = parseXml(xml);
      expect(canonical(inner ? inside(root) : root)).toBe(byLibxml(xml, inner, []));
    }),
    { numRuns: 2_000 },
  );
});

test('with a list of inclusive prefixes too', () => {
  fc.assert(
    fc.property(documents(PLAIN), inclusiveLists, (xml, list) => {
      expect(canonical(inside(parseXml(xml)), list)).toBe(byLibxml(xml, true, list));
    }),
    { numRuns: 1_000 },
  );
});

test('and what xml-crypto makes of it', () => {
  fc.assert(
    fc.property(documents(PLAIN, NAMES), (xml) => {
      expect(canonical(parseXml(xml))).toBe(byXmlCrypto(xml));
    }),
    { numRuns: 500 },
  );
});

test('a canonical text is its own canonical form, and says what the document said', () => {
  fc.assert(
    fc.property(documents([...PLAIN, ...LINES]), (xml) => {
      const text = canonical(inside(parseXml(xml)));
      expect(canonical(parseXml(text))).toBe(text);
    }),
    { numRuns: 500 },
  );
});
