import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Captured, Mismatch, matchDocument } from './match.ts';
import {
  ELECTRICITY_POINT,
  electricityPack,
  GAS_POINTS,
  gasPack,
  madeXml,
  pointDay,
  requestOf,
} from './message.testkit.ts';
import { quickMatch } from './quick-match.ts';
import { compileTemplate, type ElementTemplate, PLACEHOLDERS, type Placeholder } from './template.ts';
import { readXml } from './xml.ts';

/** Everything that was captured, as plain data. */
function told(captured: Captured): object {
  const words = Object.keys(PLACEHOLDERS) as Placeholder[];
  const said = words.flatMap((word) => captured.get(word) ?? []);
  return { said, values: words.map((word) => captured.get(word)), inside: captured.inside.map(told) };
}

/** The full way; undefined when it refuses. */
function byFullWay(template: ElementTemplate, xml: string, namespace: string): Captured | undefined {
  const read = readXml(xml, 1_000_000);
  if (read.kind === 'refused') return undefined;
  try {
    return matchDocument(template, read.element, namespace);
  } catch (error) {
    if (error instanceof Mismatch) return undefined;
    throw error;
  }
}

const documents = [
  { pack: gasPack, point: GAS_POINTS[0], day: '2026-03-28', minutes: 60, channels: ['volume', 'energy'] },
  {
    pack: gasPack,
    point: GAS_POINTS[1],
    day: '2026-10-24',
    minutes: 60,
    channels: ['volume'],
    corrects: '00000000000041',
  },
  { pack: electricityPack, point: ELECTRICITY_POINT, day: '2026-03-29', minutes: 15, channels: ['import'] },
] as const;

test.each(documents)('documents of the shipped packs are matched as the full way does: $day', (shape) => {
  const { pack, point, day, channels } = shape;
  const request = requestOf(pack, day, [pointDay(shape, point, channels)]);
  const xml = madeXml(pack, { ...request, ...('corrects' in shape && { corrects: shape.corrects }) });
  const quick = quickMatch(pack.document, xml, pack.namespace);
  expect(quick && told(quick)).toEqual(told(byFullWay(pack.document, xml, pack.namespace)!));
});

const NAMESPACE = 'urn:test:1';
const BODY = {
  '@xmlns': '{message.namespace}',
  '@z': '{message.id}',
  '@a': '1',
  C: { $each: 'correction', '@id': '{correction.id}' },
  P: {
    $each: 'point',
    '@d': '{day.date}',
    '@b': '{point.code}',
    K: {
      $each: 'channel',
      '@r': '{channel.role}',
      I: { $each: 'interval', '@v': '{interval.value}', '@r': '{channel.role}' },
    },
  },
};

function templateOf(document: object): ElementTemplate {
  return compileTemplate({ D: document }).root;
}

const template = templateOf(BODY);

const texts = fc.constantFrom('1', '2', 'x y', 'ě', "'", '=', '/');
const gaps = fc.constantFrom('', '\n', '  ');
/** One day and one role mostly: what is said twice must be the same. */
const mostly = (value: string) =>
  fc.oneof({ weight: 50, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: texts });

interface Style {
  readonly attributes: (...all: readonly (readonly [name: string, value: string])[]) => string;
  readonly leaf: (start: string, name: string) => string;
}
const written = (all: readonly (readonly [string, string])[]) =>
  all.map(([name, value]) => ` ${name}="${value}"`).join('');
const WRITTEN: Style = { attributes: (...all) => written(all), leaf: (start) => `${start}/>` };
const CANONICAL: Style = {
  attributes: (...all) => written([...all].sort(([a], [b]) => (a < b ? -1 : 1))),
  leaf: (start, name) => `${start}></${name}>`,
};

function documentIn(style: Style, role: fc.Arbitrary<string>, day: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const interval = fc.tuple(texts, role).map(([v, r]) => style.leaf(`<I${style.attributes(['v', v], ['r', r])}`, 'I'));
  const list = (one: fc.Arbitrary<string>) =>
    fc.array(fc.tuple(gaps, one), { minLength: 1, maxLength: 3 }).map((all) => all.flat().join(''));
  const channel = fc.tuple(role, list(interval), gaps).map(([r, inside, gap]) => `<K r="${r}">${inside}${gap}</K>`);
  const point = fc
    .tuple(day, texts, list(channel), gaps)
    .map(([d, b, inside, gap]) => `<P${style.attributes(['d', d], ['b', b])}>${inside}${gap}</P>`);
  const correction = fc.oneof(
    fc.constant(''),
    texts.map((id) => style.leaf(`<C id="${id}"`, 'C')),
  );
  return fc
    .tuple(texts, correction, list(point), gaps)
    .map(
      ([z, c, inside, gap]) =>
        `<D xmlns="${NAMESPACE}"${style.attributes(['z', z], ['a', '1'])}>${c}${inside}${gap}</D>`,
    );
}

const styles = fc.constantFrom(WRITTEN, CANONICAL);

test('it takes every document of its forms', () => {
  const whole = styles.chain((style) => documentIn(style, fc.constant('R'), fc.constant('day')));
  fc.assert(
    fc.property(whole, gaps, (xml, gap) => {
      const quick = quickMatch(template, xml + gap, NAMESPACE);
      expect(quick).toBeDefined();
      expect(told(quick!)).toEqual(told(byFullWay(template, xml, NAMESPACE)!));
    }),
    { numRuns: 500 },
  );
});

const pieces = [
  ...['', 'x', ' ', '\n', '"', "'", '=', '/', '<', '>', '&', '&amp;', ']]>', '\t', '\r', 'ě', '😀', '\u{85}', ':', '-'],
  ...[
    '<C id="1"/>',
    '<C id="1"></C>',
    '<I v="1" r="R"/>',
    '<I r="R" v="1"></I>',
    '</K>',
    '</P>',
    '</D>',
    '<P d="day" b="">',
  ],
  ...[
    '/>',
    '>',
    '"/>',
    '">',
    ' r="R"',
    ' v=""',
    ' v="2"',
    ' xmlns="urn:x"',
    ' xmlns:a="urn:b"',
    ' a="1"',
    '<!-- -->',
    '<?x?>',
    '<K r="R">',
  ],
];

test('whatever else is put into a document: what it takes, the full way takes for the same', () => {
  const document = styles.chain((style) => documentIn(style, mostly('R'), mostly('day')));
  const damaged = fc
    .tuple(document, fc.constantFrom(/<[^>]*>/g, /(?<==")[^"]*/g, /.{0,2}/gs), fc.nat(), fc.constantFrom(...pieces))
    .map(([xml, places, nth, piece]) => {
      const all = [...xml.matchAll(places)];
      const { 0: found, index } = all[nth % all.length]!;
      return xml.slice(0, index) + piece + xml.slice(index + found.length);
    });
  let [taken, left] = [0, 0];
  fc.assert(
    fc.property(damaged, (xml) => {
      const quick = quickMatch(template, xml, NAMESPACE);
      if (quick) expect(told(quick)).toEqual(told(byFullWay(template, xml, NAMESPACE)!));
      if (quick) taken += 1;
      else left += 1;
    }),
    { numRuns: 5_000 },
  );
  expect(Math.min(taken, left)).toBeGreaterThan(100);
});

const SIMPLE = '<D xmlns="urn:test:1" a="1" z="7"></D>';
const root = { '@xmlns': '{message.namespace}', '@z': '{message.id}', '@a': '1' };

test.each([
  ['with a text', { ...root, '#': '{message.code}' }],
  ['with an attribute of two parts', { ...root, '@z': 'no {message.id}' }],
  ['with a literal that is written as a reference', { ...root, '@a': '<' }],
  ['with a namespace of its own', { ...root, '@xmlns:b': 'urn:b' }],
  ['without a namespace', { '@z': '{message.id}', '@a': '1' }],
  ['with two children of one name', { ...root, C: [{ $each: 'correction' }, {}] }],
  ['with a prefix', { ...root, 'b:C': {} }],
])('a template %s is for the full way', (_what, document) => {
  expect(quickMatch(templateOf(root), SIMPLE, NAMESPACE)).toBeDefined();
  expect(quickMatch(templateOf(document), SIMPLE, NAMESPACE)).toBeUndefined();
});
