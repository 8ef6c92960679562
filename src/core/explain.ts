import { z } from 'zod';
import { choice, didYouMean, nearest } from './guess.ts';
import type { Problem } from './problem.ts';
import type { Path, SourceDocument } from './source.ts';

/** The part of JSON Schema that zod writes for our files. */
interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly enum?: readonly (string | number)[];
  readonly const?: string | number;
  readonly minimum?: number;
  readonly maximum?: number;
  /** Sections of several shapes, told apart by the one word in each that is fixed ("kind: tcp"). */
  readonly oneOf?: readonly SchemaNode[];
}

type Issue = z.core.$ZodIssue;

/** Holds a document against a schema. Every issue becomes a problem with a place, what was expected, and what to do. */
export function holdAgainst<Schema extends z.ZodType>(
  document: SourceDocument,
  schema: Schema,
): { value?: z.output<Schema>; problems: Problem[] } {
  const result = schema.safeParse(document.value);
  if (result.success) return { value: result.data, problems: [] };
  const root = editorSchema(schema);
  const { issues } = result.error;
  const misspelt = new Set(issues.flatMap((issue) => intended(issue, document, root)));
  // A misspelt key is told once, not again as missing under its right name.
  const told = issues.filter(
    ({ path }) => valueAt(document.value, plain(path)) !== undefined || !misspelt.has(plain(path).join('.')),
  );
  return { problems: told.flatMap((issue) => explain(issue, document, root)) };
}

/** The paths that somebody meant who wrote unknown keys near them. */
function intended(issue: Issue, document: SourceDocument, root: SchemaNode): string[] {
  if (issue.code !== 'unrecognized_keys') return [];
  const path = plain(issue.path);
  const known = Object.keys(nodeAt(root, path, document.value)?.properties ?? {});
  return issue.keys.map((key) => [...path, nearest(key, known) ?? key].join('.'));
}

function plain(path: readonly PropertyKey[]): Path {
  return path.map((step) => (typeof step === 'symbol' ? String(step) : step));
}

/** The schema as editors read it: what a file may say, before defaults are filled in. */
export function editorSchema(schema: z.ZodType): SchemaNode & Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { io: 'input' }) } as SchemaNode & Record<string, unknown>;
}

function explain(issue: Issue, document: SourceDocument, root: SchemaNode): Problem[] {
  const path = plain(issue.path);
  if (issue.code === 'unrecognized_keys') return unknownKeys(path, issue.keys, document, root);
  const node = nodeAt(root, path, document.value);
  const value = valueAt(document.value, path);
  const written = document.written(path);
  const expected = expectation(issue, node);
  if (value === undefined && issue.code !== 'custom')
    return [document.problem(path, 'nothing', expected, `add "${path.at(-1)}:" here`)];
  return [document.problem(path, describe(value, written), expected, advice(node, value, written))];
}

function unknownKeys(path: Path, keys: readonly string[], document: SourceDocument, root: SchemaNode): Problem[] {
  const known = Object.keys(nodeAt(root, path, document.value)?.properties ?? {});
  return keys.map((key) =>
    document.keyProblem([...path, key], `the unknown key "${key}"`, choice(known), didYouMean(key, known, 'remove it')),
  );
}

function expectation(issue: Issue, node: SchemaNode | undefined): string {
  // The schema's own words for a pattern are better than the pattern.
  if (issue.code === 'invalid_format' || issue.code === 'custom') return issue.message;
  if (issue.code === 'too_small' && issue.origin === 'array') return `at least ${issue.minimum} entry`;
  if (issue.code === 'too_small' && issue.origin === 'string') return 'some text';
  return nodeText(node) ?? issue.message;
}

function nodeText(node: SchemaNode | undefined): string | undefined {
  if (!node) return undefined;
  if (node.enum) return choice(node.enum, 25);
  if (node.const !== undefined) return choice([node.const]);
  if (node.type === 'integer') return `a whole number${range(node)}`;
  if (node.type === 'number') return `a number${range(node)}`;
  if (node.type === 'string') return 'text';
  if (node.type === 'boolean') return 'true or false';
  if (node.type === 'array') return 'a list (entries that begin with "- ")';
  return node.properties ? `a section with ${choice(Object.keys(node.properties), 20)}` : 'a section of "name: value"';
}

function range({ minimum, maximum }: SchemaNode): string {
  // zod writes the safe integers where a file's own limits are not given.
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER) return bounded ? ` up to ${maximum}` : '';
  return bounded ? ` from ${minimum} to ${maximum}` : ` of ${minimum} or more`;
}

function describe(value: unknown, written: string | undefined): string {
  if (value === null) return 'an empty value';
  if (typeof value === 'string') return `"${value}"`;
  if (typeof value === 'number') {
    // YAML reads 00123 as 123, 1.10 as 1.1 and 7E1 as 70: say both, or nobody will see why.
    return written === undefined || written === String(value)
      ? `the number ${value}`
      : `the number ${value} (written ${written})`;
  }
  if (typeof value === 'boolean') return `the switch ${value}`;
  return Array.isArray(value) ? 'a list' : 'a section';
}

function advice(node: SchemaNode | undefined, value: unknown, written: string | undefined): string {
  const wantsText = node?.type === 'string';
  if (wantsText && (typeof value === 'number' || typeof value === 'boolean')) return `put it in quotes: "${written}"`;
  if (typeof value === 'string') {
    if (node?.enum) return didYouMean(value, node.enum.map(String));
    if (node?.const !== undefined) return didYouMean(value, [String(node.const)]);
    if (node?.type === 'boolean') return 'write true or false without quotes';
    if (/^-?\d+$/.test(value) && !wantsText) return `write it without quotes: ${value}`;
    if (/^-?\d+,\d+$/.test(value)) return `write a decimal point: "${value.replace(',', '.')}"`;
  }
  if (node?.type === 'array') return 'begin each entry on its own line with "- "';
  return value === null || value === '' ? 'fill it in or remove the key' : '';
}

/** @param document what the file says, which tells between sections of several shapes */
function nodeAt(root: SchemaNode, path: Path, document: unknown): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  path.forEach((step, n) => {
    if (typeof step === 'number') node = node?.items;
    else if (node?.properties && Object.hasOwn(node.properties, step)) node = node.properties[step];
    else node = typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined;
    if (node?.oneOf) node = shapeOf(node.oneOf, valueAt(document, path.slice(0, n + 1)));
  });
  return node;
}

/** The shape that the section's fixed word names; where it names none, only that word with all its choices. */
function shapeOf(shapes: readonly SchemaNode[], section: unknown): SchemaNode {
  const fixed = (shape: SchemaNode) =>
    Object.entries(shape.properties ?? {}).flatMap(([key, { const: word }]) =>
      word === undefined ? [] : [{ key, word }],
    );
  const named = shapes.find((shape) => fixed(shape).some(({ key, word }) => valueAt(section, [key]) === word));
  if (named) return named;
  const words = shapes.flatMap(fixed);
  return {
    properties: Object.fromEntries(
      words.map(({ key }) => [key, { enum: words.filter((other) => other.key === key).map(({ word }) => word) }]),
    ),
  };
}

function valueAt(value: unknown, path: Path): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    found = Object.entries(found).find(([key]) => key === String(step))?.[1];
  }
  return found;
}
