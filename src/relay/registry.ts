import { z } from 'zod';
import { type FileProblem, problemText } from '../core/problem.ts';
import { readYaml } from '../core/yaml.ts';

/** It is a part of topics and the user of the broker. */
export const SITE_NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;
export const SITE_NAME_SAID = 'lower-case letters, digits and hyphens';

/** The sites that may speak, one line each; `odecet enroll` writes them. */
const siteLine = z.strictObject({
  site: z.string().regex(SITE_NAME, SITE_NAME_SAID),
  /** The last five digits of its message ids; no other site of the same sender has it, nor ever had. */
  number: z.int().min(0).max(99_999).optional(),
  /** Ed25519 public key of the site's signature, base64url. */
  key: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'an Ed25519 public key, 43 characters of base64url'),
  /** The market participants under whose identity its messages go to the operator. */
  senders: z.array(z.string().min(1)).min(1),
  /** Points it may speak for; where the list is absent any that no other site of its senders is given. */
  points: z.array(z.string()).optional(),
  /** For the embedded broker: scrypt of the site's password, `salt:hash` in hex. */
  password: z
    .string()
    .regex(/^[0-9a-f]+:[0-9a-f]+$/)
    .optional(),
  /** Since when it should speak; ISO 8601, UTC. */
  enrolled: z.iso.datetime().optional(),
  /** Nothing of it is taken any more. */
  revoked: z.boolean().default(false),
});

export const registrySchema = z.strictObject({ sites: z.array(siteLine).default([]) });

export type SiteLine = z.output<typeof siteLine>;

export interface Registry {
  readonly sites: readonly SiteLine[];
  find(site: string): SiteLine | undefined;
  /** The sites that a point is given to by name, without those that were revoked. */
  ownersOf(point: string): readonly SiteLine[];
}

export type RegistryRead =
  | { readonly kind: 'registry'; readonly registry: Registry }
  | { readonly kind: 'problems'; readonly text: string };

/**
 * Reads the registry, YAML or, for many sites, JSON: ten thousand lines of YAML take three seconds. A site or a number that
 * stands in it twice is a problem, not a choice.
 */
export function readRegistry(text: string, file: string): RegistryRead {
  const quick = readJson(text);
  if (quick && doubledIn(quick).length === 0) return { kind: 'registry', registry: registryOf(quick) };
  // Whatever is wrong is told with its line.
  const read = readYaml(text, file, registrySchema);
  if (read.kind === 'problems') return problems(read.problems);
  const { sites } = read.value;
  const doubled = doubledIn(sites);
  if (doubled.length > 0)
    return problems(doubled.map(({ at, key, what }) => read.problemAt(['sites', at, key], `${what} a second time`)));
  return { kind: 'registry', registry: registryOf(sites) };
}

function readJson(text: string): SiteLine[] | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return registrySchema.safeParse(JSON.parse(text)).data?.sites;
  } catch {
    return undefined;
  }
}

interface Doubled {
  readonly at: number;
  readonly key: 'site' | 'number';
  readonly what: string;
}

function doubledIn(sites: readonly SiteLine[]): Doubled[] {
  const seen = new Set<string>();
  const isSecond = (key: string) => seen.has(key) || !seen.add(key);
  return sites.flatMap(({ site, number, senders }, at) => {
    const found: Doubled[] = isSecond(site) ? [{ at, key: 'site', what: `"${site}"` }] : [];
    const sender = number === undefined ? undefined : senders.find((one) => isSecond(`${number} ${one}`));
    return sender === undefined ? found : [...found, { at, key: 'number', what: `number ${number} for ${sender}` }];
  });
}

export function registryOf(sites: readonly SiteLine[]): Registry {
  const bySite = new Map(sites.map((line) => [line.site, line]));
  const byPoint = new Map<string, SiteLine[]>();
  for (const line of sites)
    if (!line.revoked) for (const point of line.points ?? []) byPoint.set(point, [...(byPoint.get(point) ?? []), line]);
  return { sites, find: (site) => bySite.get(site), ownersOf: (point) => byPoint.get(point) ?? [] };
}

function problems(found: readonly FileProblem[]): RegistryRead {
  return { kind: 'problems', text: found.map(problemText).join('\n') };
}
