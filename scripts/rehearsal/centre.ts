import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { stringify } from 'yaml';
import { enroll } from '../../src/app/enroll.ts';
import { PROJECT_FOLDER } from '../../src/app/project.ts';
import { HOUR_MS } from '../../src/core/time.ts';
import { hostSigner, newKeyPem } from '../../src/host/signer.ts';
import { makeKeys } from './keys.ts';
import { type Mosquitto, mosquittoIsThere, startMosquitto } from './mosquitto.ts';
import type { DemoOptions } from './options.ts';
import { type DemoSite, operatorConfig, RETRY, SENDERS, sandboxFile, ZONE } from './site.ts';

/** The files of the centre: the operator's stand-in, the registry, the relay, and passwords, all made on the spot. */
export interface Centre {
  readonly relayKey: string;
  readonly staffPassword: string;
  /** Where everybody finds the broker. */
  readonly brokerPort: number;
  /** 5, or 3.1.1 of the broker inside the relay. */
  readonly mqtt: '5' | '3.1.1';
  readonly isEmbedded: boolean;
  stop(): Promise<void>;
}

/** Enrols every site into `<out>/<site>/`, with its key and password. */
export async function layOutCentre(
  out: string,
  options: DemoOptions,
  sites: readonly DemoSite[],
  [sandboxPort = 0, embeddedPort = 0]: readonly number[],
): Promise<Centre> {
  await makeKeys(join(out, 'keys'));
  const packs = join(PROJECT_FOLDER, 'format-packs', 'ote');
  await writeFile(join(out, 'sandbox.yaml'), stringify(sandboxFile(sites, sandboxPort, relative(out, packs))));
  const relayPem = newKeyPem();
  await secret(out, 'relay.key', relayPem);
  const relayKey = hostSigner(relayPem).publicKey;
  for (const { name: site } of sites)
    await enroll({
      site,
      registry: join(out, 'registry.yaml'),
      senders: Object.values(SENDERS),
      out: join(out, site),
      csr: false,
      mosquittoPasswords: join(out, 'broker.passwords'),
      relayKey,
    });
  const isEmbedded = options.broker === 'embedded' || (options.broker === undefined && !mosquittoIsThere());
  const [relayPassword, staffPassword] = [password(), password()];
  await secret(out, 'relay.password', relayPassword);
  await secret(out, 'staff.password', staffPassword);
  const mosquitto = isEmbedded ? undefined : await ownMosquitto(out, { relay: relayPassword, staff: staffPassword });
  const brokerPort = mosquitto?.port ?? embeddedPort;
  const broker = mosquitto
    ? { broker: { url: mosquitto.url, username: 'relay', passwordFile: 'relay.password' } }
    : { embeddedBroker: { port: embeddedPort, staffPasswordFile: 'staff.password' } };
  await writeFile(join(out, 'relay.yaml'), stringify({ ...relayFile(relative(out, packs), sandboxPort), ...broker }));
  return {
    relayKey,
    staffPassword,
    brokerPort,
    mqtt: isEmbedded ? '3.1.1' : '5',
    isEmbedded,
    stop: async () => mosquitto?.stop(),
  };
}

function relayFile(packs: string, sandboxPort: number): object {
  return {
    relay: 'centre',
    zone: ZONE,
    key: 'relay.key',
    registry: 'registry.yaml',
    packs: [packs],
    store: { kind: 'level', folder: 'relay' },
    senders: Object.values(SENDERS).map((id) => ({ id, ...operatorConfig(sandboxPort) })),
    retry: RETRY,
    sealThreads: 1,
    // The wall runs a thousand times faster here, so a blink of the machine looks like minutes.
    clockOffMsMax: 2 * HOUR_MS,
    silentAfterMs: 2 * HOUR_MS,
  };
}

/** With the access list that ships: a site can use its own topics only. */
async function ownMosquitto(out: string, users: Readonly<Record<string, string>>): Promise<Mosquitto> {
  const passwords = join(out, 'broker.passwords');
  for (const [user, word] of Object.entries(users)) {
    const { status, stderr } = spawnSync('mosquitto_passwd', ['-b', passwords, user, word], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`mosquitto_passwd: ${stderr}`);
  }
  const acl = await readFile(join(PROJECT_FOLDER, 'systemd', 'mosquitto', 'odecet.acl'), 'utf8');
  return startMosquitto({
    anonymous: false,
    files: { passwords: await readFile(passwords, 'utf8'), acl },
    more: ['allow_anonymous false', 'password_file FOLDER/passwords', 'acl_file FOLDER/acl'],
  });
}

async function secret(out: string, name: string, text: string): Promise<void> {
  await writeFile(join(out, name), text, { mode: 0o600 });
}

function password(): string {
  return randomBytes(24).toString('base64url');
}
