import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import { type FileProblem, problemText } from '../core/problem.ts';
import type { Path } from '../core/source.ts';
import { readYaml, type YamlFile } from '../core/yaml.ts';
import { brokerSchema, metricsSchema, operatorSchema, retrySchema } from '../device/site.ts';
import { zoneProblem } from '../device/zone.ts';

/** relay.yaml: what a centre is told. File names are relative to it. */
const file = z.string().min(1);

const embeddedSchema = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: z.int().min(0).max(65535),
  /** Without it only loopback may be used: passwords would go over the wire as they are. */
  tls: z.strictObject({ certificate: file, key: file }).optional(),
  /** Holds the password of the user `staff`, who may look at every site's state, status and alerts. */
  staffPasswordFile: file.optional(),
});

const storeSchema = z.discriminatedUnion('kind', [
  /** One relay. */
  z.strictObject({ kind: z.literal('level'), folder: file }),
  /** Several relays at once; the file holds `postgres://user:password@host/database`. */
  z.strictObject({ kind: z.literal('postgres'), urlFile: file, connections: z.int().min(1).max(50).default(4) }),
]);

/** What the relay's store gives up, in days after the answer. What is not accepted or rejected is never given up. */
const retentionSchema = z
  .strictObject({
    acceptedDays: z.int().min(1).max(800).default(90),
    rejectedDays: z.int().min(1).max(800).default(400),
    /** More than this raises an alert. */
    sizeMaxMb: z.int().min(1).default(20_000),
  })
  .prefault({});

export const relaySchema = z.strictObject({
  /** Its name among the topics; each relay of a centre has another. */
  relay: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and hyphens, e.g. "centre-1"'),
  zone: z.string().default('Europe/Prague'),
  /** Ed25519 key that receipts are signed with, the same for all relays of a centre. */
  key: file,
  registry: file,
  /** Folders with format packs. */
  packs: z.array(file).min(1),
  broker: brokerSchema.optional(),
  /** Used with --embedded-broker. */
  embeddedBroker: embeddedSchema.optional(),
  store: storeSchema,
  /** Where commands to sites are taken from and logged: the folder of a LevelDB store where absent, nowhere with PostgreSQL. */
  commandFolder: file.optional(),
  /** One for each market participant in whose name messages go. */
  senders: z.array(operatorSchema.extend({ id: z.string().min(1) })).min(1),
  /** Where Prometheus asks; nowhere when absent. */
  metrics: metricsSchema.optional(),
  /** Of each sender. */
  inFlightMax: z.int().min(1).max(256).default(16),
  perSecondMax: z.int().min(1).max(10_000).default(100),
  /** Threads that seal and verify for each sender; when absent one for each core but one: another thread reads what comes up. */
  sealThreads: z.int().min(1).max(64).optional(),
  /** How far ahead a site's clock may be. */
  clockOffMsMax: z.int().min(1_000).default(600_000),
  /** A site that says nothing for so long raises an alert. */
  silentAfterMs: z.int().min(1_000).default(900_000),
  retention: retentionSchema,
  retry: retrySchema,
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
});

export type RelayConfig = z.output<typeof relaySchema>;

export interface LoadedRelay {
  readonly config: RelayConfig;
  /** Where relative names start. */
  readonly folder: string;
}

/** Throws OdecetError site-unreadable or site-invalid. */
export async function loadRelayConfig(path: string): Promise<LoadedRelay> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new OdecetError('site-unreadable', `${path} cannot be read; name the relay's configuration file`, { cause });
  });
  const read = readYaml(text, path, relaySchema);
  const problems = read.kind === 'problems' ? read.problems : problemsOf(read);
  if (read.kind === 'problems' || problems.length > 0)
    throw new OdecetError('site-invalid', problems.map(problemText).join('\n'));
  return { config: read.value, folder: dirname(resolve(path)) };
}

type Read = Extract<YamlFile<RelayConfig>, { kind: 'value' }>;

/** What no type tells; a zone is held against the same as that of a site file. */
function problemsOf({ value: { zone, senders }, problemAt }: Read): FileProblem[] {
  const problem = (path: Path, found: string, expected: string, advice = '') =>
    problemAt(path, `found ${found}, expected ${expected}${advice && `; ${advice}`}`);
  const ofZone = zoneProblem(zone);
  const seen = new Set<string>();
  const twice = senders.flatMap(({ id }, n) => {
    const isSecond = seen.has(id);
    seen.add(id);
    if (!isSecond) return [];
    return [problem(['senders', n, 'id'], `"${id}" a second time`, 'each sender once', 'change one of the two')];
  });
  return [...(ofZone ? [problem(['zone'], `"${zone}"`, ...ofZone)] : []), ...twice];
}
