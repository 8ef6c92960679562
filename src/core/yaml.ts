import type { z } from 'zod';
import { holdAgainst } from './explain.ts';
import { type FileProblem, sorted } from './problem.ts';
import { type Path, parseSource } from './source.ts';

export type YamlFile<T> =
  | { readonly kind: 'value'; readonly value: T; readonly problemAt: (path: Path, what: string) => FileProblem }
  | { readonly kind: 'problems'; readonly problems: readonly FileProblem[] };

/**
 * A YAML file against a zod schema, every problem with its place. `file` is only named, never opened.
 * Site and device files, whose parts are held against each other, use parseSource and holdAgainst themselves.
 */
export function readYaml<S extends z.ZodType>(text: string, file: string, schema: S): YamlFile<z.output<S>> {
  const { document, problems } = parseSource(text, file);
  if (!document) return { kind: 'problems', problems: sorted(problems) };
  const held = holdAgainst(document, schema);
  if (problems.length > 0 || held.value === undefined)
    return { kind: 'problems', problems: sorted([...problems, ...held.problems]) };
  return { kind: 'value', value: held.value, problemAt: (path, what) => document.remark(path, what) };
}
