import { z } from 'zod';
import { type FileProblem, problemText } from '../core/problem.ts';
import { readYaml } from '../core/yaml.ts';

/** The sites that may speak, one line each; `odecet enroll` writes them. */
const siteLine = z.strictObject({
  site: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and hyphens'),
  /** Ed25519 public key of the site's signature, base64url. */
  key: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'an Ed25519 public key, 43 characters of base64url'),
  /** The market participants under whose identity its messages go to the operator. */
  senders: z.array(z.string().min(1)).min(1),
  /** Points it may speak for; any where the list is absent. */
  points: z.array(z.string()).optional(),
  /** For the embedded broker: scrypt of the site's password, `salt:hash` in hex. */
  password: z
    .string()
    .regex(/^[0-9a-f]+:[0-9a-f]+$/)
    .optional(),
  /** Nothing of it is taken any more. */
  revoked: z.boolean().default(false),
});

export const registrySchema = z.strictObject({ sites: z.array(siteLine).default([]) });

export type SiteLine = z.output<typeof siteLine>;

export interface Registry {
  readonly sites: readonly SiteLine[];
  find(site: string): SiteLine | undefined;
}

export type RegistryRead =
  | { readonly kind: 'registry'; readonly registry: Registry }
  | { readonly kind: 'problems'; readonly text: string };

/** Reads registry.yaml; a site that stands in it twice is a problem, not a choice. */
export function readRegistry(text: string, file: string): RegistryRead {
  const read = readYaml(text, file, registrySchema);
  if (read.kind === 'problems') return problems(read.problems);
  const { sites } = read.value;
  const names = sites.map(({ site }) => site);
  const doubled = names.flatMap((name, n) => (names.indexOf(name) === n ? [] : [n]));
  if (doubled.length > 0)
    return problems(doubled.map((n) => read.problemAt(['sites', n, 'site'], `"${names[n]}" a second time`)));
  return { kind: 'registry', registry: registryOf(sites) };
}

export function registryOf(sites: readonly SiteLine[]): Registry {
  const bySite = new Map(sites.map((line) => [line.site, line]));
  return { sites, find: (site) => bySite.get(site) };
}

function problems(found: readonly FileProblem[]): RegistryRead {
  return { kind: 'problems', text: found.map(problemText).join('\n') };
}
