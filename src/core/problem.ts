/** What is wrong in a file that people write, and where. */
export interface FileProblem {
  readonly file: string;
  /** 1-based, as editors count. */
  readonly line: number;
  readonly column: number;
  /** Where in the file's own terms, e.g. `lines.0.port`; empty for the whole file. */
  readonly path: string;
  readonly what: string;
}

/** A problem taken apart: `what` says the three of them in one phrase. */
export interface Problem extends FileProblem {
  readonly found: string;
  readonly expected: string;
  /** What to do about it; may be empty. */
  readonly advice: string;
}

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
}

export function problem(place: Place, found: string, expected: string, advice = ''): Problem {
  const what = `found ${found}, expected ${expected}${advice === '' ? '' : `; ${advice}`}`;
  return { ...place, what, found, expected, advice };
}

/** One line of text: `site.yaml:9:18: lines.0.port: found "5o2", expected a whole number from 1 to 65535`. */
export function problemText({ file, line, column, path, what }: FileProblem): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${what}`;
}

/** In the order in which a person meets them when reading the files. */
export function sorted<P extends FileProblem>(problems: readonly P[]): P[] {
  return [...problems].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column);
}
