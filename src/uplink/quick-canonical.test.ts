import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readXml } from '../message/xml.ts';
import { canonical } from './canonical.ts';
import { quickCanonical } from './quick-canonical.ts';

/** Undefined where it is refused. */
function byTheReader(xml: string): string | undefined {
  const read = readXml(xml, 1_000_000);
  return read.kind === 'element' ? canonical(read.element) : undefined;
}

const DAY = `<D b="2" xmlns="urn:x" a="1">
  <R b-c="ě" b="" a="'=/"/>
  <R b-c="" b="3" a=""/>
  <Q>3,5 "m³"</Q><Q></Q><R a="1"/>
</D>`;

test('attributes are put in order, and each element has an end; what stands between stays', () => {
  expect(quickCanonical(DAY)).toBe(`<D xmlns="urn:x" a="1" b="2">
  <R a="'=/" b="" b-c="ě"></R>
  <R a="" b="3" b-c=""></R>
  <Q>3,5 "m³"</Q><Q></Q><R a="1"></R>
</D>`);
  expect(quickCanonical(DAY)).toBe(byTheReader(DAY));
});

test('what is canonical stays as it is', () => {
  const text = quickCanonical(DAY)!;
  expect(quickCanonical(text)).toBe(text);
});

test.each([
  ['an element that another end closes', '<D><A></B></D>'],
  ['one that a longer end closes', '<D><A></AA></D>'],
  ['an element without end', '<D><A></D>'],
  ['an end too many', '<D></D></D>'],
  ['an end with nothing open', '</D>'],
  ['two roots', '<D/><D/>'],
  ['text behind the root', '<D/>x'],
  ['space behind the root', '<D/>\n'],
  ['text before the root', 'x<D/>'],
  ['a declaration', '<?xml version="1.0" encoding="UTF-8"?><D/>'],
  ['an attribute twice', '<D a="1" b="2" a="1"/>'],
  ['a namespace declared twice', '<D xmlns="urn:x" xmlns="urn:x"/>'],
  ['one declared inside', '<D><A xmlns="urn:x"/></D>'],
  ['one declared again inside', '<D xmlns="urn:x"><D xmlns="urn:y"/></D>'],
  ['no namespace declared', '<D xmlns=""/>'],
  ['spaces around a namespace', '<D xmlns=" urn:x "/>'],
  ['a namespace that is kept for XML', '<D xmlns="http://www.w3.org/2000/xmlns/"/>'],
  ['a prefix', '<n0:D xmlns:n0="urn:x"/>'],
  ['a prefix of an attribute', '<D xml:lang="cs"/>'],
  ['an end with attributes', '<D></D a="1">'],
  ['an end with a space', '<D></D >'],
  ['a start with one', '<D a="1" />'],
  ['a value without quotes', '<D a=1/>'],
  ['a value in single quotes', "<D a='1'/>"],
  ['attributes without a space between', '<D a="1"b="2"/>'],
  ['two spaces between attributes', '<D a="1"  b="2"/>'],
  ['attributes on two lines', '<D a="1"\n b="2"/>'],
  ['a value on two lines', '<D a="1\n2"/>'],
  ['an angle bracket in a value', '<D a="<"/>'],
  ['another in a value', '<D a=">"/>'],
  ['one in a text', '<D>></D>'],
  ['a name that begins with a digit', '<D 1a=""/>'],
  ['a name in other letters', '<Měření/>'],
  ['no name', '< a="1"/>'],
  ['a tag that is not closed', '<D a="1"'],
  ['a reference in text', '<D>&lt;</D>'],
  ['a reference in a value', '<D a="&#10;"/>'],
  ['a tab', '<D a="\t"/>'],
  ['a character that XML does not know', '<D>\u0001</D>'],
  ['one beyond the first plane', '<D>😀</D>'],
  ['a carriage return', '<D>\r\n</D>'],
  ['the end of a section', '<D>]]></D>'],
  ['a comment', '<D><!-- x --></D>'],
  ['a section', '<D><![CDATA[x]]></D>'],
  ['an instruction', '<D><?x y?></D>'],
  ['a document type', '<!DOCTYPE D><D/>'],
  ['more attributes than any element has', `<D${Array.from({ length: 17 }, (_, n) => ` a${n}=""`).join('')}/>`],
  ['more kinds of tags than any document has', `<D>${Array.from({ length: 16 }, (_, n) => `<A${n}/>`).join('')}</D>`],
  ['what is nested too deep', `${'<D>'.repeat(17)}${'</D>'.repeat(17)}`],
  ['nothing', ''],
])('%s is left to the reader', (_what, xml) => {
  expect(quickCanonical(xml)).toBeUndefined();
});

const pieces = [
  ...['x', ' ', '\n', '"', "'", '=', '/', '<', '>', '&', '&amp;', ']]>', '\t', '\r', 'ě', '😀', '\u{85}', ':'],
  ...['<x', '<a:x', '<x/>', '<x y="', '"/>', '">', '/>', '</x>', ' x="1"', ' a:x="1"', ' y="x"', '<!--', '-->', '<?x'],
  ...[' xmlns="urn:x"', ' xmlns=""', ' xmlns:a="urn:b"'],
];

const names = fc.constantFrom('x', 'y', 'X', 'x-y', 'x.y', 'x1', '_', 'xmlnsx', 'xx');
const words = (...of: string[]) => fc.array(fc.constantFrom(...of), { maxLength: 4 }).map((all) => all.join(''));
const texts = words('x', 'ě', ' ', '\n', '"', "'", '=', '/', '￼');
const values = words('x', 'ě', ' ', "'", '=', '/');
const attributes = fc
  .uniqueArray(fc.tuple(names, values), { maxLength: 4, selector: ([name]) => name })
  .map((all) => all.map(([name, value]) => ` ${name}="${value}"`).join(''));
const { element } = fc.letrec<{ element: string }>((tie) => ({
  element: fc
    .tuple(
      fc.constantFrom('x', 'y', 'xx'),
      attributes,
      fc.oneof({ maxDepth: 3 }, fc.constant([]), fc.array(fc.tuple(tie('element'), texts), { maxLength: 3 })),
      texts,
    )
    .map(([name, own, inside, text]) =>
      inside.length === 0 && text === ''
        ? `<${name}${own}/>`
        : `<${name}${own}>${text}${inside.flat().join('')}</${name}>`,
    ),
}));
const root = fc
  .tuple(element, fc.constantFrom('', ' xmlns="urn:x"'))
  .map(([xml, namespace]) => xml.replace(/^<\w+/, (start) => start + namespace));
const kindsIn = (xml: string) => new Set(xml.match(/<[^/][^>]*>/g)?.map((tag) => tag.replace(/"[^"]*"/g, ''))).size;

test('it writes every document of its form, as the reader and the writer together', () => {
  fc.assert(
    fc.property(root, (xml) => {
      fc.pre(kindsIn(xml) <= 16);
      expect(quickCanonical(xml)).toBe(byTheReader(xml));
      expect(quickCanonical(xml)).toBeDefined();
    }),
    { numRuns: 1_000 },
  );
});

test('of whatever else there is it takes nothing that they do not take, and writes it alike', () => {
  let taken = 0;
  fc.assert(
    fc.property(root, fc.nat(), fc.nat({ max: 8 }), fc.constantFrom(...pieces), (xml, at, length, piece) => {
      const from = at % (xml.length + 1);
      const changed = xml.slice(0, from) + piece + xml.slice(from + length);
      const text = quickCanonical(changed);
      if (text === undefined) return;
      taken += 1;
      expect(text).toBe(byTheReader(changed));
    }),
    { numRuns: 5_000 },
  );
  expect(taken).toBeGreaterThan(100);
});
