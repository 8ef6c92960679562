import { setMaxListeners } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { OdecetError } from '../core/failure.ts';
import type { Message } from '../core/message.ts';
import { SECOND_MS } from '../core/time.ts';
import { hostEntropy } from '../host/entropy.ts';
import { threadReader } from '../host/reader.ts';
import { hostCodec, loadSigner } from '../host/signer.ts';
import type { Broker } from '../machine/broker.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import { type FormatPack, loadPack, packId, packProblemText } from '../message/pack.ts';
import { rememberingReader } from '../relay/reader.ts';
import type { Registry } from '../relay/registry.ts';
import { createRelay } from '../relay/relay.ts';
import { heldByPack } from '../uplink/guard.ts';
import { loadBroker } from './broker.ts';
import { embeddedBroker } from './embedded-broker.ts';
import { type RelayMetrics, serveMetrics } from './metrics.ts';
import type { CertificateTime } from './metrics-server.ts';
import type { ReaderData } from './read-worker.ts';
import { openRegistry } from './registry-file.ts';
import type { LoadedRelay } from './relay.ts';
import { openRelayCommandLog, serveCommands } from './relay-commands.ts';
import { openRelayStore } from './relay-store.ts';
import { threadProgram } from './thread-program.ts';
import { certificatesOf, loadOperatorCredentials, type OperatorWay, operatorWay } from './uplink.ts';

/** Servers keep an idle connection for five seconds and more; one that they close while we send leaves an unknown outcome. */
const KEPT_MS = 2_000;

/** Of the thread that reads what comes up: the largest document takes a tenth of the memory, and a hundredth of the time. */
const READER_LIMITS = { memoryMb: 64, youngMb: 4, workMs: 20 * SECOND_MS };

/** After the longest possible try another relay may take over; one that waits for its turn waits no longer than a try takes. */
const LEASE_MARGIN_MS = 15_000;

/** The relay on the real machine; everything that can be wrong at the start is looked at before anything is opened. */
export async function runRelay(
  loaded: LoadedRelay,
  embedded: boolean,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const closers: (() => unknown)[] = [];
  try {
    await serve(loaded, embedded, clock, log, signal, closers);
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

/** Whatever it opens stands in `closers` from then on: a start that fails half way must leave nothing listening. */
async function serve(
  loaded: LoadedRelay,
  embedded: boolean,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
  closers: (() => unknown)[],
): Promise<void> {
  const { config, folder } = loaded;
  const at = (name: string) => resolve(folder, name);
  const entropy = hostEntropy();
  const codec = hostCodec();
  const signer = await loadSigner(at(config.key));
  const packs = await loadPackFolders(config.packs.map(at));
  const registry = await openRegistry(at(config.registry), clock, log);
  const ways = await operatorWays(loaded, packs, clock);
  closers.push(() => Promise.all([...ways.values()].map((way) => way.close())));
  const readerData: ReaderData = { packs: [...packs.values()], zone: config.zone };
  const reader = threadReader(threadProgram('read-worker'), readerData, READER_LIMITS);
  closers.push(() => reader.close());
  const store = await openRelayStore(config.store, at, clock);
  closers.push(() => store.close());
  const commands = await openRelayCommandLog(loaded, log);
  closers.push(() => commands?.close());
  const centre = await brokerOf(loaded, embedded, () => registry.current());
  closers.push(() => centre.close());
  let metrics: RelayMetrics | undefined;
  const relay = createRelay({
    ...config,
    name: config.relay,
    broker: centre.broker,
    store,
    registry: () => registry.current(),
    registryProblem: () => registry.problem(),
    signer,
    codec,
    packs,
    reader: rememberingReader(reader, codec),
    senders: new Set(ways.keys()),
    deliver(message, sender, abort, turn) {
      // One listener for each that is under way: Node would call more than ten a leak.
      setMaxListeners(0, abort);
      return ways.get(sender)!.deliver(message, abort, turn);
    },
    ...(commands && { commandLog: commands.log }),
    answered: (waitedMs) => metrics?.answered(waitedMs),
    leaseMs: 2 * Math.max(...config.senders.map(({ answerWithinMs }) => answerWithinMs)) + LEASE_MARGIN_MS,
    brokerRetry: { firstMs: 500, factor: 2, mostMs: 30_000, jitter: 0.5 },
    clock,
    entropy,
    log,
  });
  log.info('relay-ready', {
    pid: process.pid,
    relay: config.relay,
    // Not called a key: what a log line calls so is redacted.
    signedBy: signer.publicKey,
    sites: registry.current().sites.length,
  });
  const certificates = [...ways].flatMap(([id, way]) =>
    way.certificates.map(({ name, validTo }) => ({ name: `${id} ${name}`, validTo })),
  );
  metrics = config.metrics && (await serveMetrics(config.metrics, () => relay.status(), certificates));
  closers.push(() => metrics?.close());
  const takes = { packs, senders: new Set(ways.keys()) };
  const control =
    relay.commander && (await serveCommands(loaded, relay.commander, takes, () => registry.current(), log));
  closers.push(() => control?.close());
  await Promise.all([relay.run(signal), registry.run(signal)]);
}

interface Centre {
  readonly broker: Broker;
  close(): Promise<void>;
}

async function brokerOf({ config, folder }: LoadedRelay, embedded: boolean, registry: () => Registry): Promise<Centre> {
  if (embedded) return embeddedBroker(config, folder, registry);
  if (!config.broker)
    throw new OdecetError('usage', 'relay.yaml names no "broker:"; add it, or start with --embedded-broker');
  return { broker: (await loadBroker(config.broker, config.relay, folder)).broker, close: async () => undefined };
}

interface CertifiedWay extends OperatorWay {
  readonly certificates: readonly CertificateTime[];
}

async function operatorWays(
  { config, folder }: LoadedRelay,
  packs: ReadonlyMap<string, FormatPack>,
  clock: Clock,
): Promise<Map<string, CertifiedWay>> {
  const ways = new Map<string, CertifiedWay>();
  for (const operator of config.senders) {
    const credentials = await loadOperatorCredentials(operator, folder);
    const packOf = ({ pack }: Pick<Message, 'pack'>) => packs.get(pack);
    const much = { sealThreads: config.sealThreads ?? Math.max(1, availableParallelism() - 1), keptMs: KEPT_MS };
    const way = operatorWay({ operator, credentials, packOf, clock, much });
    const deliver: OperatorWay['deliver'] = async (message, signal, turn) => {
      const status = packs.get(message.pack)?.status ?? 'unverified';
      const held = heldByPack(operator.environment, { id: message.pack, status });
      if (held) return { outcome: 'not-sent', detail: held.detail, failure: held };
      return way.deliver(message, signal, turn);
    };
    ways.set(operator.id, { ...way, deliver, certificates: certificatesOf(credentials) });
  }
  return ways;
}

async function loadPackFolders(folders: readonly string[]): Promise<Map<string, FormatPack>> {
  const packs = new Map<string, FormatPack>();
  for (const folder of folders) {
    const names = await readdir(folder).catch((cause: unknown) => {
      throw new OdecetError('pack-invalid', `${folder} cannot be read; name folders with packs under "packs:"`, {
        cause,
      });
    });
    for (const name of names.filter((each) => each.endsWith('.yaml'))) {
      const path = join(folder, name);
      const loaded = loadPack(await readFile(path, 'utf8'), path);
      if (loaded.kind === 'problems') throw new OdecetError('pack-invalid', packProblemText(loaded.problems));
      packs.set(packId(loaded.pack), loaded.pack);
    }
  }
  return packs;
}
