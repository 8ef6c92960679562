import { z } from 'zod';
import type { Channel, Commodity } from '../core/interval.ts';
import { type FileProblem, problemText } from '../core/problem.ts';
import type { Path } from '../core/source.ts';
import { readYaml } from '../core/yaml.ts';
import { compileTemplate, type ElementTemplate, localName, type Placeholder, placeholdersIn } from './template.ts';

/**
 * A format pack: everything about the operator's documents that may change, as data. The schema is the only description;
 * format-packs/README.md explains it to people.
 */
const words = z.string().min(1);

const channelSpec = z.strictObject({
  /** What the document calls the channel. */
  role: words,
  /** What the document calls the unit. */
  unit: words,
  /** Decimal places from the market unit (m3, kWh) to the document's: -3 writes kWh as MWh. */
  shift: z.int().min(-6).max(6).default(0),
  /** Digits after the point, always all of them. */
  decimals: z.int().min(0).max(9),
  /**
   * A value with more decimals: `refuse` makes no document; `carry` rounds the running sum of the day instead of each value,
   * so that no interval is off by a whole last digit and the day's sum is the exact sum rounded once.
   */
  rounding: z.enum(['refuse', 'carry']),
});

/** Only a code that stands here counts as accepted or rejected; every other answer is unknown. */
const answerRow = z.strictObject({
  family: z.enum(['RESPONSE']),
  type: words,
  code: words,
  /** Absent: the answer must carry none. */
  resultCode: words.optional(),
  verdict: z.enum(['accepted', 'rejected']),
  /** Where this row is known from. */
  source: words,
});

const packSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and hyphens'),
  version: z.int().min(1),
  /** `verified` only after documents made from it passed the operator's own schemas. */
  status: z.enum(['unverified', 'verified']),
  commodity: z.enum(['gas', 'electricity']),
  /** Local name of the root element. */
  family: words,
  messageCode: words,
  namespace: words,
  encoding: z.enum(['UTF-8']),
  /** Interval lengths that may be sent. */
  minutes: z.array(z.literal([15, 60])).min(1),
  channels: z.partialRecord(z.enum(['volume', 'energy', 'import', 'export']), channelSpec),
  /** Status code by quality; a quality without a code is never sent. */
  statuses: z.strictObject({
    measured: words.optional(),
    flagged: words.optional(),
    computed: words.optional(),
    estimated: words.optional(),
    substituted: words.optional(),
  }),
  /** An interval without a value: `refuse` makes no document, `omit` leaves it out of the profile. */
  missing: z.enum(['refuse', 'omit']).default('refuse'),
  /** How an interval's place is written: 1..n of the day, or its start (and end) as a time. */
  period: z.enum(['number', 'utc', 'local-offset']),
  times: z.strictObject({
    /** {message.madeAt}; OTE's samples show local time without offset. */
    message: z.enum(['local', 'local-offset', 'utc']),
    /** {day.from} and {day.to}. */
    day: z.enum(['local-offset', 'utc']),
  }),
  /** 14 = GS1, 15 = EIC. */
  codingScheme: z.strictObject({ sender: z.enum(['14', '15']), receiver: z.enum(['14', '15']) }),
  pointsPerMessageMax: z.int().min(1),
  /** No more than is signed in one message: larger documents are not made. */
  bytesMax: z.int().min(1_000).max(100_000),
  document: z.record(z.string(), z.unknown()),
  answers: z.strictObject({
    namespaces: z.record(answerRow.shape.family, words),
    table: z.array(answerRow),
  }),
});

type PackFile = z.output<typeof packSchema>;

export type FormatPack = Omit<PackFile, 'document'> & { readonly document: ElementTemplate };
export type ChannelSpec = z.output<typeof channelSpec>;
export type AnswerRow = z.output<typeof answerRow>;
export type AnswerFamily = AnswerRow['family'];

/** `name@version`, as messages keep it. */
export function packId(pack: FormatPack): string {
  return `${pack.name}@${pack.version}`;
}

export type LoadedPack =
  | { readonly kind: 'pack'; readonly pack: FormatPack }
  | { readonly kind: 'problems'; readonly problems: readonly FileProblem[] };

/** Reads a pack from its text; `file` is only named in problems. */
export function loadPack(text: string, file: string): LoadedPack {
  const read = readYaml(text, file, packSchema);
  if (read.kind === 'problems') return read;
  const { root, problems } = compileTemplate(read.value.document);
  const pack: FormatPack = { ...read.value, document: root };
  const found = [
    ...problems.map(({ path, what }) => read.problemAt(['document', ...path], what)),
    ...contradictions(pack).map(({ path, what }) => read.problemAt(path, what)),
  ];
  return found.length > 0 ? { kind: 'problems', problems: found } : { kind: 'pack', pack };
}

/** One line for each problem. */
export function packProblemText(problems: readonly FileProblem[]): string {
  return problems.map(problemText).join('\n');
}

interface Contradiction {
  readonly path: Path;
  readonly what: string;
}

const CHANNELS: Record<Commodity, readonly Channel[]> = {
  gas: ['volume', 'energy'],
  electricity: ['import', 'export'],
};

/** Without these a document could neither be answered nor read back. */
const NEEDED: readonly Placeholder[] = [
  'message.id',
  'message.code',
  'sender.id',
  'receiver.id',
  'point.code',
  'channel.role',
  'interval.period',
  'interval.value',
  'interval.status',
];

function contradictions(pack: FormatPack): Contradiction[] {
  return [...documentContradictions(pack), ...channelContradictions(pack), ...tableContradictions(pack)];
}

function documentContradictions(pack: FormatPack): Contradiction[] {
  const written = placeholdersIn(pack.document);
  const lacks = NEEDED.filter((word) => !written.has(word)).map((word) => `nothing in it carries {${word}}`);
  if (!written.has('day.date') && !written.has('day.from'))
    lacks.push('nothing in it carries {day.date} or {day.from}');
  if (pack.minutes.length > 1 && !written.has('channel.minutes') && !written.has('channel.resolution'))
    lacks.push('several lengths may be sent but nothing in it carries {channel.minutes} or {channel.resolution}');
  if (pack.period === 'number' && written.has('interval.end'))
    lacks.push('{interval.end} is a time, but "period: number" writes no times');
  if (localName(pack.document.name) !== pack.family) lacks.push(`its root is not "${pack.family}"`);
  return lacks.map((what) => ({ path: ['document'], what }));
}

function channelContradictions(pack: FormatPack): Contradiction[] {
  const entries = Object.entries(pack.channels);
  const foreign = Object.keys(pack.channels).filter((name) => !CHANNELS[pack.commodity].some((own) => own === name));
  const roles = entries.map(([, spec]) => spec.role);
  const doubled = entries.filter(([, spec], n) => roles.indexOf(spec.role) !== n);
  return [
    ...(entries.length === 0 ? [{ path: ['channels'], what: 'at least one channel is needed' }] : []),
    ...foreign.map((name) => ({ path: ['channels', name], what: `${pack.commodity} has no such channel` })),
    ...doubled.map(([name]) => ({ path: ['channels', name, 'role'], what: 'another channel has the same role' })),
  ];
}

function tableContradictions(pack: FormatPack): Contradiction[] {
  const keys = pack.answers.table.map(({ family, type, code, resultCode }) =>
    JSON.stringify([family, type, code, resultCode]),
  );
  return keys.flatMap((key, n) =>
    keys.indexOf(key) === n
      ? []
      : [{ path: ['answers', 'table', n], what: 'another row has the same family, type and codes' }],
  );
}
