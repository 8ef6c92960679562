import fc from 'fast-check';
import { XmlC14NMode, XmlDocument } from 'libxml2-wasm';
import { expect, test } from 'vitest';
import { canonical } from './canonical.ts';
import { plainCanonical } from './plain-canonical.ts';
import { parseXml } from './xml.ts';

/** What the reader makes of it; undefined when it refuses. */
function byReading(xml: string): string | undefined {
  try {
    return canonical(parseXml(xml));
  } catch {
    return undefined;
  }
}

function byLibxml(xml: string): string {
  const document = XmlDocument.fromString(xml);
  try {
    return document.canonicalizeToString({ mode: XmlC14NMode.XML_C14N_EXCLUSIVE_1_0 });
  } finally {
    document.dispose();
  }
}

const DAY = '<D xmlns="urn:x" b="2" a="1">\n  <R b-c="ě>" b="" b.c="\'"/>\n  <R>3,5 m³</R>\n</D>';

test('attributes are put in order by name, empty elements get their end, all else stays', () => {
  expect(plainCanonical(DAY)).toBe(
    '<D xmlns="urn:x" a="1" b="2">\n  <R b="" b-c="ě>" b.c="\'"></R>\n  <R>3,5 m³</R>\n</D>',
  );
  expect(plainCanonical(DAY)).toBe(byLibxml(DAY));
});

test.each([
  ['an element that another end closes', '<D><A></B></D>'],
  ['an element without end', '<D><A></D>'],
  ['an end too many', '<D></D></D>'],
  ['two roots', '<D/><D/>'],
  ['text behind the root', '<D/>x'],
  ['text before the root', 'x<D/>'],
  ['an attribute twice', '<D a="1" b="2" a="1"/>'],
  ['an end with attributes', '<D></D a="1">'],
  ['a value without quotes', '<D a=1/>'],
  ['attributes without a space between', '<D a="1"b="2"/>'],
  ['no namespace declared inside', '<D xmlns="urn:x"><A xmlns=""/></D>'],
  ['a namespace declared inside', '<D><A xmlns="urn:y"/></D>'],
  ['a namespace that is kept for XML', '<D xmlns="http://www.w3.org/2000/xmlns/"/>'],
  ['a prefix', '<n0:D xmlns:n0="urn:x"/>'],
  ['a reference in text', '<D>&lt;</D>'],
  ['a reference in a value', '<D a="&#10;"/>'],
  ['a tab in a value, which a reader takes for a space', '<D a="\t"/>'],
  ['a character that XML does not know', '<D>\u0001</D>'],
  ['a carriage return, which a reader takes for a line feed', '<D>\r\n</D>'],
  ['the end of a section', '<D>]]></D>'],
  ['a comment', '<D><!-- x --></D>'],
  ['a section', '<D><![CDATA[x]]></D>'],
  ['an instruction', '<D><?x y?></D>'],
  ['a document type', '<!DOCTYPE D><D/>'],
  ['nothing', ''],
])('%s is left to the reader', (_what, xml) => {
  expect(plainCanonical(xml)).toBeUndefined();
});

const atoms = [
  'x',
  'y',
  'x-y',
  ' ',
  '\n',
  '"',
  "'",
  '=',
  '/',
  '<',
  '>',
  '&',
  '&amp;',
  ']]>',
  '\t',
  '\r',
  'ě',
  '😀',
  '\u{85}',
];
const tags = [
  '<x',
  '<y',
  '<x y="',
  '"/>',
  '">',
  '/>',
  '</x>',
  '</y>',
  ' x="1"',
  ' y="x"',
  ' xmlns="urn:x"',
  '<!--',
  '-->',
];

/** Mostly no document at all; what it takes for one must be one, with this form. */
const scribble = fc
  .array(fc.constantFrom(...tags, ...atoms), { maxLength: 14 })
  .map((parts) => `<x${parts.join('')}</x>`);

const names = fc.constantFrom('x', 'y', 'X', 'x-y', 'x.y', 'x1', '_', 'xmlnsx');
const texts = fc
  .array(fc.constantFrom('x', 'ě', ' ', '\n', '"', "'", '=', '/', '￼'), { maxLength: 4 })
  .map((all) => all.join(''));
const values = fc
  .array(fc.constantFrom('x', 'ě', ' ', '>', "'", '=', '/'), { maxLength: 4 })
  .map((all) => all.join(''));
const attributes = fc
  .uniqueArray(fc.tuple(names, values), { maxLength: 4, selector: ([name]) => name })
  .map((all) => all.map(([name, value]) => ` ${name}="${value}"`).join(''));
const { element } = fc.letrec<{ element: string }>((tie) => ({
  element: fc
    .tuple(
      names,
      attributes,
      fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(fc.tuple(tie('element'), texts), { maxLength: 3 })),
      texts,
    )
    .map(([name, own, inside, text]) =>
      inside.length === 0 && text === ''
        ? `<${name}${own}/>`
        : `<${name}${own}>${text}${inside.flat().join('')}</${name}>`,
    ),
}));

test('what it knows has the same form as by reading it', () => {
  fc.assert(
    fc.property(element, (xml) => {
      expect(plainCanonical(xml)).toBe(byReading(xml));
      expect(plainCanonical(xml)).toBe(byLibxml(xml));
    }),
    { numRuns: 400 },
  );
});

test('what it takes for a document, the reader does too', () => {
  fc.assert(
    fc.property(scribble, (xml) => {
      const plain = plainCanonical(xml);
      if (plain !== undefined) expect(plain).toBe(byReading(xml));
    }),
    { numRuns: 5_000 },
  );
});
