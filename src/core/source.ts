import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { type FileProblem, type Place, type Problem, problem } from './problem.ts';

export type Path = readonly (string | number)[];

/** A YAML file that remembers where everything stands in it. */
export interface SourceDocument {
  readonly file: string;
  /** Plain data. */
  readonly value: unknown;
  /** A problem with the value at `path`, or with the nearest thing above it that exists. */
  problem(path: Path, found: string, expected: string, advice?: string): Problem;
  /** The same with one phrase instead of three, for what is not simply one thing in another's place. */
  remark(path: Path, what: string): FileProblem;
  /** The same as problem, pointing at the key instead of its value. */
  keyProblem(path: Path, found: string, expected: string, advice?: string): Problem;
  /** A scalar as somebody typed it (`1.10` where the value is the number 1.1); undefined where no scalar stands. */
  written(path: Path): string | undefined;
  /** Whether the file says anything at this path. */
  has(path: Path): boolean;
}

/**
 * Reads YAML 1.2. Anchors, aliases and tags are refused: a file in the field is read by people, and every value must stand
 * where it is used.
 * @returns the document unless its structure cannot be trusted, and everything wrong with it as YAML
 */
export function parseSource(text: string, file: string): { document?: SourceDocument; problems: Problem[] } {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true });
  const problems: Problem[] = [];
  const tell = (offset: number, found: string, expected: string, advice: string): void => {
    problems.push(problem({ file, ...position(lines, offset), path: '' }, found, expected, advice));
  };
  let broken = false;
  for (const { code, message, pos } of [...doc.errors, ...doc.warnings]) {
    if (code === 'DUPLICATE_KEY') {
      const key = /^["']?([^\s:"']+)/.exec(text.slice(pos[0]))?.[1] ?? '';
      tell(pos[0], `"${key}" a second time`, 'each key once in its section', 'remove or rename one of the two');
      continue;
    }
    broken = true;
    tell(pos[0], `text that is not YAML (${firstLine(message)})`, 'valid YAML', yamlAdvice(code, text, pos[0]));
  }
  visit(doc, {
    Node(_key, node) {
      if (!isAlias(node) && node.anchor === undefined) return;
      broken = true;
      const sign = isAlias(node) ? `the alias *${node.source}` : `the anchor &${node.anchor}`;
      tell(
        node.range?.[0] ?? 0,
        sign,
        'every value where it is used',
        'write the value out, or put the text in quotes',
      );
    },
  });
  if (problems.length === 0 && !isMap(doc.contents)) {
    broken = true;
    tell(0, doc.contents === null ? 'an empty file' : 'no keys', 'a file of "key: value" lines', '');
  }
  return broken ? { problems } : { document: sourceDocument(doc, lines, file), problems };
}

function sourceDocument(doc: Document, lines: LineCounter, file: string): SourceDocument {
  const place = (offset: number, path: Path): Place => ({ file, ...position(lines, offset), path: path.join('.') });
  return {
    file,
    value: doc.toJS(),
    problem: (path, ...words) => problem(place(walk(doc, path).valueOffset, path), ...words),
    keyProblem: (path, ...words) => problem(place(walk(doc, path).keyOffset, path), ...words),
    remark: (path, what) => ({ ...place(walk(doc, path).keyOffset, path), what }),
    has: (path) => walk(doc, path).node !== undefined,
    written: (path) => {
      const { node } = walk(doc, path);
      return isScalar(node) ? (node.source ?? String(node.value)) : undefined;
    },
  };
}

interface Found {
  /** The node at the path's end; undefined when the path leads to nothing. */
  readonly node: Node | undefined;
  readonly keyOffset: number;
  readonly valueOffset: number;
}

function walk(doc: Document, path: Path): Found {
  let node: unknown = doc.contents;
  let valueOffset = offsetOf(node, 0);
  let keyOffset = valueOffset;
  for (const step of path) {
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (!pair) return { node: undefined, keyOffset, valueOffset };
      keyOffset = offsetOf(pair.key, valueOffset);
      next = pair.value;
      valueOffset = offsetOf(next, keyOffset);
    } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
      next = node.items[step];
      valueOffset = offsetOf(next, valueOffset);
      keyOffset = valueOffset;
    } else return { node: undefined, keyOffset, valueOffset };
    node = next;
  }
  return { node: isScalar(node) || isMap(node) || isSeq(node) ? node : undefined, keyOffset, valueOffset };
}

function offsetOf(node: unknown, otherwise: number): number {
  return (isScalar(node) || isMap(node) || isSeq(node) ? node.range?.[0] : undefined) ?? otherwise;
}

function position(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function yamlAdvice(code: string, text: string, offset: number): string {
  if (code === 'TAB_AS_INDENT' || text[offset] === '\t') return 'indent with spaces, not with tabs';
  if (code === 'BAD_INDENT') return 'let keys of one section begin in the same column, and close every bracket';
  if (code === 'MISSING_CHAR') return 'check the quotes, brackets and the colon on this line and the one before';
  if (code === 'TAG_RESOLVE_FAILED') return 'put text that begins with "!" in quotes';
  return 'check indentation, quotes and colons here and on the line before';
}
