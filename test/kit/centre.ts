import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { loadRelayConfig } from '../../src/app/relay.ts';
import { runRelay } from '../../src/app/run-relay.ts';
import { shiftDay } from '../../src/core/calendar.ts';
import { eicCheckCharacter } from '../../src/core/identifier.ts';
import type { Message } from '../../src/core/message.ts';
import { mqttBroker } from '../../src/host/broker-mqtt.ts';
import { hostClock } from '../../src/host/clock.ts';
import { hostEntropy } from '../../src/host/entropy.ts';
import { hostCodec, hostSigner, newKeyPem } from '../../src/host/signer.ts';
import type { Broker } from '../../src/machine/broker.ts';
import type { Log } from '../../src/machine/log.ts';
import type { Signer } from '../../src/machine/signer.ts';
import type { SiteLine } from '../../src/relay/registry.ts';
import { type Entry, readJournal } from '../../src/sandbox/journal.ts';
import { intervalKey } from '../../src/sandbox/market.ts';
import { gasMessage, makeRehearsal, PACKS_FOLDER, type Rehearsal } from '../../src/sandbox/sandbox.testkit.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { createRelayWay } from '../../src/uplink/relay/way.ts';
import type { UplinkAlert } from '../../src/uplink/sender.ts';
import { memoryOutbox, quietLog } from '../../src/uplink/uplink.testkit.ts';

/** Who the messages of the test kit say they are from. */
export const SENDER = '27XG-CENTROPOL-P';
const RETRY = { firstMs: 200, factor: 2, mostMs: 2_000, jitter: 0.3 };
/** Looking may mean to read the whole journal of the operator's stand-in. */
const LOOK_EVERY_MS = 250;
const FIRST_DAY = '2026-03-02';

export const clock = hostClock();
export const entropy = hostEntropy();
export const codec = hostCodec();

/** A relay's surroundings: the operator's stand-in, keys, a registry, and the file that `odecet relay` reads. */
export interface Centre {
  readonly rehearsal: Rehearsal;
  readonly sandbox: Sandbox;
  readonly relayKey: string;
  readonly relaySigner: Signer;
  readonly signers: ReadonlyMap<string, Signer>;
  readonly registryFile: string;
  /** Writes relay.yaml for one of the relays. */
  relayFile(name: string, parts: object): Promise<string>;
  writeRegistry(change?: (lines: SiteLine[]) => SiteLine[]): Promise<void>;
  entries(): Promise<Entry[]>;
  restartSandbox(): Promise<void>;
  remove(): Promise<void>;
}

export interface CentrePlan {
  readonly sites: number;
  readonly brokerUrl: string;
}

export function siteName(n: number): string {
  return `site-${String(n).padStart(5, '0')}`;
}

export function pointOf(n: number): string {
  // Not every payload has a check character; the last place is skipped over those that have none.
  for (const last of 'ABCDEFGH') {
    const payload = `27ZG7${String(n).padStart(9, '0')}${last}`;
    const check = eicCheckCharacter(payload);
    if (check !== undefined) return payload + check;
  }
  throw new Error('no check character');
}

export async function layOutCentre({ sites, brokerUrl }: CentrePlan): Promise<Centre> {
  const rehearsal = await makeRehearsal();
  const { folder } = rehearsal;
  const points = Array.from({ length: sites }, (_, n) => ({
    code: pointOf(n),
    commodity: 'gas' as const,
    minutes: 60 as const,
  }));
  const sandboxConfig = { ...rehearsal.config, points };
  const openSandbox = (port: number) => startSandbox({ ...sandboxConfig, port }, { clock, entropy, log: quietLog });
  let sandbox = await openSandbox(0);
  const relayPem = newKeyPem();
  const file = async (name: string, text: string) => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  await file('relay.key', relayPem);
  await file('client.crt', rehearsal.client.certificatePem);
  await file('client.key', rehearsal.client.keyPem);
  await file('client-seal.crt', rehearsal.clientSeal.certificatePem);
  await file('client-seal.key', rehearsal.clientSeal.keyPem);
  const signers = new Map(Array.from({ length: sites }, (_, n) => [siteName(n), hostSigner(newKeyPem())]));
  const registryFile = join(folder, 'registry.yaml');
  const lines = (): SiteLine[] =>
    [...signers].map(([site, { publicKey }]) => ({ site, key: publicKey, senders: [SENDER], revoked: false }));
  const writeRegistry = async (change: (all: SiteLine[]) => SiteLine[] = (all) => all) => {
    await writeFile(registryFile, stringify({ sites: change(lines()) }));
  };
  await writeRegistry();
  const relaySigner = hostSigner(relayPem);
  return {
    rehearsal,
    get sandbox() {
      return sandbox;
    },
    relayKey: relaySigner.publicKey,
    relaySigner,
    signers,
    registryFile,
    async relayFile(name, parts) {
      await mkdir(join(folder, name), { recursive: true });
      const relay = {
        relay: name,
        key: 'relay.key',
        registry: 'registry.yaml',
        packs: [PACKS_FOLDER],
        broker: { url: brokerUrl },
        store: { kind: 'level', folder: `${name}/data` },
        senders: [
          {
            id: SENDER,
            environment: 'sandbox',
            url: sandbox.url,
            tls: { certificate: 'client.crt', key: 'client.key', trust: ['ca.crt'] },
            seal: { certificate: 'client-seal.crt', key: 'client-seal.key' },
            operatorCertificates: ['operator-seal.crt'],
            answerWithinMs: 10_000,
          },
        ],
        retry: RETRY,
        ...parts,
      };
      return file(`${name}.yaml`, stringify(relay));
    },
    writeRegistry,
    entries: () => readJournal(sandboxConfig.folder),
    async restartSandbox() {
      const { port } = sandbox;
      await sandbox.close();
      sandbox = await openSandbox(port);
    },
    async remove() {
      await sandbox.close();
      await rehearsal.remove();
    },
  };
}

/** `day` counts from the first; ids are such that no two sites have the same. */
export function messageOf(n: number, day: number): Message {
  const id = `2026${String(day).padStart(4, '0')}${String(n).padStart(6, '0')}`;
  return gasMessage(id, { day: shiftDay(FIRST_DAY, day), point: pointOf(n) });
}

export interface RunningSite {
  readonly name: string;
  readonly outbox: ReturnType<typeof memoryOutbox>;
  readonly alerts: UplinkAlert[];
  add(message: Message): void;
  stop(): Promise<void>;
}

export interface SiteShape {
  readonly brokerUrl: string;
  /** In place of what the following make of the address. */
  readonly broker?: Broker;
  readonly protocolVersion?: 4 | 5;
  readonly username?: string;
  readonly password?: string;
  readonly receiptWithinMs?: number;
  readonly log?: Log;
}

/** A gateway as the relay sees it: outbox, signature, MQTT. */
export function startSite(centre: Centre, n: number, messages: readonly Message[], shape: SiteShape): RunningSite {
  const name = siteName(n);
  const outbox = memoryOutbox(messages);
  const alerts: UplinkAlert[] = [];
  const stop = new AbortController();
  const { brokerUrl, protocolVersion = 5, username, password } = shape;
  const way = createRelayWay({
    site: name,
    outbox,
    broker:
      shape.broker ??
      mqttBroker({
        url: brokerUrl,
        protocolVersion,
        ...(username !== undefined && { username }),
        ...(password !== undefined && { password }),
      }),
    signer: centre.signers.get(name)!,
    codec,
    relayKeys: [centre.relayKey],
    receiptWithinMs: shape.receiptWithinMs ?? 1_000,
    statusEveryMs: 60_000,
    status: async () => ({ v: 1, site: name, at: new Date().toISOString() }),
    retry: RETRY,
    alert: (alert) => alerts.push(alert),
    clock,
    entropy,
    log: shape.log ?? quietLog,
  });
  const running = way.run(stop.signal);
  return {
    name,
    outbox,
    alerts,
    add(message) {
      outbox.add(message);
      way.wake();
    },
    async stop() {
      stop.abort();
      await running;
    },
  };
}

/** A relay in this process. */
export async function startRelay(
  file: string,
  log: Log = quietLog,
  embedded = false,
): Promise<{ stop(): Promise<void> }> {
  const stop = new AbortController();
  const running = runRelay(await loadRelayConfig(file), embedded, clock, log, stop.signal);
  running.catch(() => undefined);
  return {
    async stop() {
      stop.abort();
      await running;
    },
  };
}

export async function until(holds: () => boolean | Promise<boolean>, withinMs: number, what: string): Promise<void> {
  const last = clock.monotonicMs() + withinMs;
  while (!(await holds())) {
    if (clock.monotonicMs() > last) throw new Error(`not within ${withinMs} ms: ${what}`);
    await clock.sleep(LOOK_EVERY_MS);
  }
}

export async function allEmpty(sites: readonly RunningSite[]): Promise<boolean> {
  for (const { outbox } of sites) if ((await outbox.heads()).length > 0) return false;
  return true;
}

/** What the operator has: messages accepted, and intervals that stand in more than one of them. */
export function counted(entries: readonly Entry[]) {
  const accepted = entries.filter(({ problems }) => problems.length === 0);
  const keys = accepted.flatMap(({ rows }) => rows.map(intervalKey));
  return {
    accepted: accepted.length,
    doubled: keys.length - new Set(keys).size,
    rejected: entries.length - accepted.length,
  };
}
