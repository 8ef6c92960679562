import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quickElement } from './quick-xml.ts';
import { readXml, type XmlElement } from './xml.ts';

const LIMITS = { depth: 32, namespaces: 64 };

/** By the full reader, which alone knows comments; undefined when it refuses. */
function byFullReader(xml: string): XmlElement | undefined {
  const read = readXml(`${xml}<!-- -->`, 1_000_000);
  return read.kind === 'element' ? plain(read.element) : undefined;
}

/** Without what its attributes have beside what is promised of them. */
function plain({ attributes, content, ...element }: XmlElement): XmlElement {
  return {
    ...element,
    attributes: attributes.map(({ prefix, local, uri, value }) => ({ prefix, local, uri, value })),
    content: content.map((node) => (typeof node === 'string' ? node : plain(node))),
  };
}

const DAY = `<?xml version="1.0" encoding="UTF-8"?>
<n0:D xmlns:n0="urn:x" xmlns="urn:y" b="2" n0:a="1" >
  <R b-c="ě" b=""/>
  <R xmlns="urn:z" xmlns:q="urn:q"><q:_1 q:x.y=" "></q:_1>3,5 m³</R>
</n0:D>
`;

test('elements, attributes, texts and namespaces are those of the full reader', () => {
  expect(quickElement(DAY, LIMITS)).toEqual(byFullReader(DAY));
  expect(quickElement(DAY, LIMITS)?.content).toHaveLength(5);
});

test.each([
  ['an element that another end closes', '<D><A></B></D>'],
  ['an element without end', '<D><A></D>'],
  ['an end too many', '<D></D></D>'],
  ['an end with nothing open', '</D>'],
  ['two roots', '<D/><D/>'],
  ['text behind the root', '<D/>x'],
  ['text before the root', 'x<D/>'],
  ['space before the declaration', ' <?xml version="1.0" encoding="UTF-8"?><D/>'],
  ['another declaration', '<?xml version="1.1" encoding="UTF-8"?><D/>'],
  ['an attribute twice', '<D a="1" b="2" a="1"/>'],
  ['one that is the same by its namespace', '<D xmlns:p="urn:x" xmlns:q="urn:x" p:a="1" q:a="1"/>'],
  ['a namespace declared twice', '<D xmlns:p="urn:x" xmlns:p="urn:y"/>'],
  ['an end with attributes', '<D></D a="1">'],
  ['an end with a space', '<D></D >'],
  ['a value without quotes', '<D a=1/>'],
  ['a value in single quotes', "<D a='1'/>"],
  ['attributes without a space between', '<D a="1"b="2"/>'],
  ['two spaces between attributes', '<D a="1"  b="2"/>'],
  ['attributes on two lines', '<D a="1"\n b="2"/>'],
  ['an angle bracket in a value', '<D a="<"/>'],
  ['another in a value', '<D a=">"/>'],
  ['one in a text', '<D>></D>'],
  ['no namespace declared', '<D xmlns="urn:x"><A xmlns=""/></D>'],
  ['spaces around a namespace', '<D xmlns=" urn:x "/>'],
  ['a namespace that is kept for XML', '<D xmlns="http://www.w3.org/2000/xmlns/"/>'],
  ['a prefix that is kept for XML', '<D xmlns:xml="urn:x"/>'],
  ['what is known without being declared', '<D xml:lang="cs"/>'],
  ['a prefix that is not declared', '<n0:D/>'],
  ['one of an attribute', '<D n0:a=""/>'],
  ['one that is declared elsewhere', '<D><A xmlns:p="urn:x"/><p:A/></D>'],
  ['a name of three parts', '<D xmlns:a="urn:x" a:b:c=""/>'],
  ['a name that begins with a digit', '<D 1a=""/>'],
  ['a name without prefix before its colon', '<D :a=""/>'],
  ['a name in other letters', '<Měření/>'],
  ['no name', '< a="1"/>'],
  ['a tag that is not closed', '<D a="1"'],
  ['a reference in text', '<D>&lt;</D>'],
  ['a reference in a value', '<D a="&#10;"/>'],
  ['a tab', '<D a="\t"/>'],
  ['a character that XML does not know', '<D>\u0001</D>'],
  ['one beyond the first plane', '<D>😀</D>'],
  ['a carriage return, which a reader takes for a line feed', '<D>\r\n</D>'],
  ['the end of a section', '<D>]]></D>'],
  ['a comment', '<D><!-- x --></D>'],
  ['a section', '<D><![CDATA[x]]></D>'],
  ['an instruction', '<D><?x y?></D>'],
  ['a document type', '<!DOCTYPE D><D/>'],
  ['more attributes than are compared', `<D${Array.from({ length: 17 }, (_, n) => ` a${n}=""`).join('')}/>`],
  ['what is nested too deep', `${'<D>'.repeat(33)}${'</D>'.repeat(33)}`],
  ['nothing', ''],
])('%s is left to the full reader', (_what, xml) => {
  expect(quickElement(xml, LIMITS)).toBeUndefined();
});

const declared = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => ` xmlns:p${from + n}="u"`).join('');

test.each([
  ['attributes', `<D${declared(0, 5_800)}/>`, 'more than 64 attributes'],
  ['attributes', `<D${Array.from({ length: 65 }, (_, n) => ` a${n}=""`).join('')}/>`, 'more than 64 attributes'],
  ['namespaces', nested(7, 10), 'more than 64 namespaces'],
])('neither reader takes more %s than any document has', (_what, xml, why) => {
  expect(quickElement(xml, LIMITS)).toBeUndefined();
  for (const each of [xml, `${xml}<!-- -->`])
    expect(readXml(each, 1_000_000)).toEqual({ kind: 'refused', why: expect.stringContaining(why) });
});

test('as many as are allowed are read by both', () => {
  const xml = nested(6, 10);
  expect(quickElement(xml, LIMITS)).toEqual(byFullReader(xml));
  expect(quickElement(xml, LIMITS)).toBeDefined();
  expect(byFullReader(`<D${declared(0, 64)}/>`)?.scope.size).toBe(64);
});

/** Elements inside one another, each of which declares so many namespaces. */
function nested(depth: number, each: number): string {
  const starts = Array.from({ length: depth }, (_, n) => `<D${declared(n * each, each)}>`).join('');
  return `${starts}${'</D>'.repeat(depth)}`;
}

const pieces = [
  ...['x', 'y:x', ' ', '\n', '"', "'", '=', '/', '<', '>', '&', '&amp;', ']]>', '\t', '\r', 'ě', '😀', '\u{85}', ':'],
  ...['<x', '<a:x', '<x/>', '<x y="', '"/>', '">', '/>', '</x>', '</a:x>', ' x="1"', ' a:x="1"', ' y="x"', ' b:x=""'],
  ...[' xmlns="urn:x"', ' xmlns:a="urn:b"', ' xmlns:a=""', ' xmlns:q="urn:x"', ' q:x=""', '<!--', '-->', '<?x', '?>'],
];

const PREFIXES = ['', 'a', 'b'] as const;
const names = fc.constantFrom('x', 'y', 'X', 'x-y', 'x.y', 'x1', '_', 'xmlnsx', 'a:x', 'b:x', 'a:z');
const words = (...of: string[]) => fc.array(fc.constantFrom(...of), { maxLength: 4 }).map((all) => all.join(''));
const texts = words('x', 'ě', ' ', '\n', '"', "'", '=', '/', '￼');
const values = words('x', 'ě', ' ', "'", '=', '/');
const localOf = (name: string) => name.slice(name.indexOf(':') + 1);
const attributes = fc
  .uniqueArray(fc.tuple(names, values), { maxLength: 4, selector: ([name]) => localOf(name) })
  .map((all) => all.map(([name, value]) => ` ${name}="${value}"`).join(''));
const declarations = fc
  .subarray([...PREFIXES])
  .chain((some) => fc.tuple(...some.map((prefix) => fc.tuple(fc.constant(prefix), fc.constantFrom('urn:1', 'urn:2')))))
  .map((all) => all.map(([prefix, uri]) => ` xmlns${prefix && ':'}${prefix}="${uri}"`).join(''));
const { element } = fc.letrec<{ element: string }>((tie) => ({
  element: fc
    .tuple(
      names,
      fc.tuple(declarations, attributes).map((all) => all.join('')),
      fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(fc.tuple(tie('element'), texts), { maxLength: 3 })),
      texts,
    )
    .map(([name, own, inside, text]) =>
      inside.length === 0 && text === ''
        ? `<${name}${own}/>`
        : `<${name}${own}>${text}${inside.flat().join('')}</${name}>`,
    ),
}));

test('it reads every document of its form', () => {
  fc.assert(
    fc.property(element, (inner) => {
      const xml = `<r xmlns:a="urn:a" xmlns:b="urn:b">${inner}</r>`;
      const quick = quickElement(xml, LIMITS);
      expect(quick).toBeDefined();
      expect(quick).toEqual(byFullReader(xml));
    }),
    { numRuns: 1_000 },
  );
});

/** A document of its form, and something put in place of a piece of it. */
const damaged = fc
  .tuple(element, fc.nat(), fc.nat(6), fc.constantFrom('', ...pieces))
  .map(([inner, at, length, piece]) => {
    const xml = `<r xmlns:a="urn:a" xmlns:b="urn:b">${inner}</r>`;
    const from = at % xml.length;
    return xml.slice(0, from) + piece + xml.slice(from + length);
  });

test('what it takes for a document, the full reader takes for the same', () => {
  let [taken, left] = [0, 0];
  fc.assert(
    fc.property(damaged, (xml) => {
      const quick = quickElement(xml, LIMITS);
      if (quick) expect(quick).toEqual(byFullReader(xml));
      if (quick) taken += 1;
      else left += 1;
    }),
    { numRuns: 5_000 },
  );
  expect(Math.min(taken, left)).toBeGreaterThan(100);
});
