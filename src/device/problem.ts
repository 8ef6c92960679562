/** What is wrong in a file, told to the person who has to mend it. */
export interface Problem {
  readonly file: string;
  /** 1-based, as editors count. */
  readonly line: number;
  readonly column: number;
  /** Where in the file's own terms, e.g. `lines.0.port`; empty for the whole file. */
  readonly path: string;
  readonly found: string;
  readonly expected: string;
  /** What to do about it. */
  readonly advice: string;
}

/** One line of text: `site.yaml:9:18: lines.0.port: found "5o2", expected a whole number from 1 to 65535; write digits only`. */
export function problemText(problem: Problem): string {
  const { file, line, column, path, found, expected, advice } = problem;
  const where = `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}`;
  return `${where}found ${found}, expected ${expected}${advice === '' ? '' : `; ${advice}`}`;
}

/** In the order in which a person meets them when reading the files. */
export function sorted(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column);
}
