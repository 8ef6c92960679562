import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { PROJECT_FOLDER } from '../../../src/app/project.ts';
import { hostSigner, newKeyPem } from '../../../src/host/signer.ts';
import type { Signer } from '../../../src/machine/signer.ts';
import { makeKeys } from '../../rehearsal/keys.ts';
import { type Mosquitto, startMosquitto } from '../../rehearsal/mosquitto.ts';
import { type Postgres, startPostgres } from '../../rehearsal/postgres.ts';
import { freePorts, type Heard, type Supervised, supervise } from '../../rehearsal/processes.ts';
import { pointsOf, SENDER } from './messages.ts';

export interface Load {
  readonly sites: number;
  readonly pointsEach: number;
  readonly relays: number;
  readonly store: 'level' | 'postgres';
}

/** Everything that a centre consists of, each a process of its own, and a key for every site. */
export interface Place {
  readonly mosquitto: Mosquitto;
  readonly signers: readonly Signer[];
  readonly relayKey: string;
  readonly relayPids: () => readonly number[];
  stop(): Promise<void>;
}

export function siteName(n: number): string {
  return `site-${String(n).padStart(5, '0')}`;
}

export async function openPlace(load: Load): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-bench-'));
  await mkdir(join(folder, 'logs'));
  const mosquitto = await startMosquitto();
  const database = load.store === 'postgres' ? await startPostgres() : undefined;
  const [sandboxPort = 0] = await freePorts(1);
  await makeKeys(join(folder, 'keys'));
  const relayPem = newKeyPem();
  const signers = Array.from({ length: load.sites }, () => hostSigner(newKeyPem()));
  const file = (name: string, text: string) => writeFile(join(folder, name), text, { mode: 0o600 });
  await file('relay.key', relayPem);
  await file('registry.yaml', stringify({ sites: signers.map(lineOf) }));
  await file('sandbox.yaml', stringify(sandboxOf(load, sandboxPort)));
  if (database) await file('database.url', database.url);
  const pids = new Map<string, number>();
  const run = async (name: string, command: string, ready: string): Promise<Supervised> => {
    const up = waitFor(ready, (pid) => pids.set(name, pid));
    const started = supervise(name, [command, '--config', join(folder, `${name}.yaml`)], join(folder, 'logs'), up.hear);
    await Promise.race([up.heard, started.gaveUp]);
    return started;
  };
  const running = [await run('sandbox', 'sandbox', 'sandbox-ready')];
  for (let n = 1; n <= load.relays; n++) {
    const name = `centre-${n}`;
    await file(`${name}.yaml`, stringify(relayOf(name, load, mosquitto, sandboxPort)));
    running.push(await run(name, 'relay', 'broker-connected'));
  }
  return {
    mosquitto,
    signers,
    relayKey: hostSigner(relayPem).publicKey,
    relayPids: () => [...pids].filter(([name]) => name !== 'sandbox').map(([, pid]) => pid),
    async stop() {
      for (const one of running.reverse()) await one.stop();
      await (database as Postgres | undefined)?.stop();
      await mosquitto.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function lineOf({ publicKey }: Signer, n: number): object {
  return { site: siteName(n), key: publicKey, senders: [SENDER] };
}

function sandboxOf({ sites, pointsEach }: Load, port: number): object {
  const points = Array.from({ length: sites }, (_, n) => pointsOf(n, pointsEach)).flat();
  return {
    port,
    folder: 'sandbox',
    tls: {
      certificate: 'keys/operator-tls.crt',
      key: 'keys/operator-tls.key',
      clientAuthorities: ['keys/authority.crt'],
    },
    seal: { certificate: 'keys/operator-seal.crt', key: 'keys/operator-seal.key' },
    trustedSeals: ['keys/gateway-seal.crt'],
    packs: join(PROJECT_FOLDER, 'format-packs', 'ote'),
    checkSchema: false,
    points: points.map((code) => ({ code, commodity: 'gas', minutes: 60 })),
  };
}

function relayOf(name: string, { store }: Load, mosquitto: Mosquitto, sandboxPort: number): object {
  return {
    relay: name,
    key: 'relay.key',
    registry: 'registry.yaml',
    packs: [join(PROJECT_FOLDER, 'format-packs', 'ote')],
    broker: { url: mosquitto.url },
    store: store === 'level' ? { kind: 'level', folder: name } : { kind: 'postgres', urlFile: 'database.url' },
    perSecondMax: 10_000,
    inFlightMax: 16,
    silentAfterMs: 86_400_000,
    senders: [
      {
        id: SENDER,
        environment: 'sandbox',
        url: `https://127.0.0.1:${sandboxPort}/`,
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
