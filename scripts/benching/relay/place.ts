import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { PROJECT_FOLDER } from '../../../src/app/project.ts';
import { hostSigner, newKeyPem } from '../../../src/host/signer.ts';
import type { Signer } from '../../../src/machine/signer.ts';
import { makeKeys } from '../../rehearsal/keys.ts';
import { type Mosquitto, startMosquitto } from '../../rehearsal/mosquitto.ts';
import { startPostgres } from '../../rehearsal/postgres.ts';
import { freePorts, type Heard, type NodeStart, type Supervised, supervise } from '../../rehearsal/processes.ts';
import { SENDER } from './messages.ts';

export interface Load {
  readonly sites: number;
  readonly pointsEach: number;
  readonly relays: number;
  readonly store: 'level' | 'postgres';
  readonly sealThreads?: number;
}

/** Everything that a centre consists of, each a process of its own, and a key for every site. */
export interface Place {
  readonly mosquitto: Mosquitto;
  readonly signers: readonly Signer[];
  /** Their private keys. */
  readonly pems: readonly string[];
  readonly relayKey: string;
  /** CPU seconds of the relays and of the operator's stand-in since their start. */
  cpuSeconds(): { readonly relays: number; readonly operator: number };
  /** The most memory that any relay ever had. */
  relayPeakMb(): number;
  stop(): Promise<void>;
}

/** As in systemd/odecet-relay.service. */
const RELAY_NODE: NodeStart = {
  options: ['--max-semi-space-size=4', '--max-old-space-size=192', '--initial-old-space-size=32'],
  env: { MALLOC_ARENA_MAX: '1' },
};

export function siteName(n: number): string {
  return `site-${String(n).padStart(5, '0')}`;
}

export async function openPlace(load: Load): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-bench-'));
  await mkdir(join(folder, 'logs'));
  const mosquitto = await startMosquitto();
  const database = load.store === 'postgres' ? await startPostgres() : undefined;
  const [operatorPort = 0] = await freePorts(1);
  await makeKeys(join(folder, 'keys'));
  const relayPem = newKeyPem();
  const pems = Array.from({ length: load.sites }, () => newKeyPem());
  const signers = pems.map((pem) => hostSigner(pem));
  const file = (name: string, text: string) => writeFile(join(folder, name), text, { mode: 0o600 });
  await file('relay.key', relayPem);
  await file('registry.json', JSON.stringify({ sites: signers.map(lineOf) }));
  if (database) await file('database.url', database.url);
  const operator = await startOperator(folder, operatorPort, load);
  const pids: number[] = [];
  const running: Supervised[] = [];
  for (let n = 1; n <= load.relays; n++) {
    const name = `centre-${n}`;
    await file(`${name}.yaml`, stringify(relayOf(name, load, mosquitto, operatorPort)));
    const up = waitFor('broker-connected', (pid) => pids.push(pid));
    const args = ['relay', '--config', join(folder, `${name}.yaml`)];
    const relay = supervise(name, args, join(folder, 'logs'), up.hear, RELAY_NODE);
    await Promise.race([up.heard, relay.gaveUp]);
    running.push(relay);
  }
  return {
    mosquitto,
    signers,
    pems,
    relayKey: hostSigner(relayPem).publicKey,
    cpuSeconds: () => ({ relays: pids.reduce((sum, pid) => sum + cpuOf(pid), 0), operator: cpuOf(operator.pid) }),
    relayPeakMb: () => Math.max(...pids.map(peakMbOf)),
    async stop() {
      for (const one of running.reverse()) await one.stop();
      operator.kill();
      await database?.stop();
      await mosquitto.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startOperator(folder: string, port: number, { sites, pointsEach }: Load): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('./operator.js', import.meta.url));
  const args = [program, folder, String(port), String(sites), String(pointsEach)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error("the operator's stand-in did not start");
    }),
  ]);
  child.stdout.resume();
  return child;
}

function lineOf({ publicKey }: Signer, n: number): object {
  return { site: siteName(n), key: publicKey, senders: [SENDER] };
}

function relayOf(name: string, { store, sealThreads }: Load, mosquitto: Mosquitto, operatorPort: number): object {
  return {
    relay: name,
    key: 'relay.key',
    registry: 'registry.json',
    packs: [join(PROJECT_FOLDER, 'format-packs', 'ote')],
    broker: { url: mosquitto.url },
    store: store === 'level' ? { kind: 'level', folder: name } : { kind: 'postgres', urlFile: 'database.url' },
    perSecondMax: 10_000,
    ...(sealThreads !== undefined && { sealThreads }),
    silentAfterMs: 86_400_000,
    senders: [
      {
        id: SENDER,
        environment: 'sandbox',
        url: `https://127.0.0.1:${operatorPort}/`,
        tls: { certificate: 'keys/gateway-tls.crt', key: 'keys/gateway-tls.key', trust: ['keys/authority.crt'] },
        seal: { certificate: 'keys/gateway-seal.crt', key: 'keys/gateway-seal.key' },
        operatorCertificates: ['keys/operator-seal.crt'],
      },
    ],
  };
}

function waitFor(event: string, pid: (pid: number) => void): { readonly hear: Heard; readonly heard: Promise<void> } {
  let resolve: () => void;
  const heard = new Promise<void>((done) => {
    resolve = done;
  });
  return {
    heard,
    hear(line) {
      if (typeof line.pid === 'number') pid(line.pid);
      if (line.event === event) resolve();
    },
  };
}

const TICKS_PER_SECOND = 100;

/** User and system time of a process, all its threads; 0 where the system does not tell. */
function cpuOf(pid: number | undefined): number {
  // The name, in parentheses, may hold anything; the times are the 14th and 15th field of proc(5).
  const fields = readProc(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

function peakMbOf(pid: number): number {
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readProc(pid, 'status'))?.[1] ?? 0) / 1_024);
}

function readProc(pid: number | undefined, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
