import leven from 'leven';
import { type Document, isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { z } from 'zod';

/**
 * A YAML file against a zod schema, with every problem said where it stands: `file:line:column: path: what was expected`.
 * All files that people write (site, device, format pack) come in this way.
 */
export interface FileProblem {
  readonly file: string;
  /** 1-based; 0 when the file as a whole is meant. */
  readonly line: number;
  readonly column: number;
  readonly what: string;
}

type Path = readonly PropertyKey[];

export type YamlFile<T> =
  | { readonly kind: 'value'; readonly value: T; readonly problemAt: (path: Path, what: string) => FileProblem }
  | { readonly kind: 'problems'; readonly problems: readonly FileProblem[] };

/** Reads YAML 1.2 text; duplicate keys and unknown keys are problems. `file` is only named, never opened. */
export function readYaml<S extends z.ZodType>(text: string, file: string, schema: S): YamlFile<z.output<S>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, version: '1.2' });
  const problemAtOffset = (offset: number, what: string): FileProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col, what };
  };
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0) {
    const problems = syntax.map((error) => problemAtOffset(error.pos[0], firstLine(error.message)));
    return { kind: 'problems', problems };
  }
  const problemAt = (path: Path, what: string): FileProblem => {
    const where = path.length > 0 ? `${path.map(String).join('.')}: ` : '';
    return problemAtOffset(offsetOf(document, path), where + what);
  };
  const input: unknown = document.toJS();
  const parsed = schema.safeParse(input);
  if (parsed.success) return { kind: 'value', value: parsed.data, problemAt };
  const problems = parsed.error.issues.flatMap((issue) =>
    complaints(issue, input, schema).map(({ path, what }) => problemAt(path, what)),
  );
  return { kind: 'problems', problems };
}

export function problemText(problem: FileProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.what}`;
}

/** ` (did you mean "serial"?)` when one of the known words is near, else empty. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = known
    .map((candidate) => ({ candidate, distance: leven(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0];
  return near ? ` (did you mean "${near.candidate}"?)` : '';
}

interface Complaint {
  readonly path: Path;
  readonly what: string;
}

function complaints(issue: z.core.$ZodIssue, input: unknown, schema: z.ZodType): Complaint[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      what: `unknown name "${key}"${didYouMean(key, known)}`,
    }));
  }
  if (issue.code === 'invalid_value') {
    const found = valueAt(input, issue.path);
    const known = issue.values.map(String);
    const complaint = found === undefined ? 'is missing' : `${JSON.stringify(found)} is not allowed`;
    const hint = typeof found === 'string' ? didYouMean(found, known) : '';
    return [{ path: issue.path, what: `${complaint}, expected ${known.join(' | ')}${hint}` }];
  }
  if (issue.code === 'invalid_type' && valueAt(input, issue.path) === undefined)
    return [{ path: issue.path, what: `is missing, expected ${issue.expected}` }];
  return [{ path: issue.path, what: issue.message }];
}

function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    input,
  );
}

/** The names a schema knows at a path, through defaults and optionals. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  const at = path.reduce<unknown>((inner, key) => {
    const open = unwrap(inner);
    if (open instanceof z.ZodObject) return open.shape[String(key)];
    if (open instanceof z.ZodArray) return open.element;
    return open instanceof z.ZodRecord ? open.valueType : undefined;
  }, schema);
  const open = unwrap(at);
  return open instanceof z.ZodObject ? Object.keys(open.shape) : [];
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrap(schema.unwrap());
  return schema;
}

/** Where a path stands in the text: its key where it has one, else the nearest parent that is written. */
function offsetOf(document: Document, path: Path): number {
  const node = nodeAt(document, path);
  if (node?.range) return node.range[0];
  return path.length === 0 ? 0 : offsetOf(document, path.slice(0, -1));
}

function nodeAt(document: Document, path: Path): Node | undefined {
  const parent = document.getIn(path.slice(0, -1), true);
  if (path.length > 0 && isMap(parent)) {
    const key = parent.items.map((pair) => pair.key).find((key) => isScalar(key) && key.value === path.at(-1));
    return isNode(key) ? key : undefined;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? node : undefined;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.replace(/ at line \d+, column \d+:?$/, '');
}
