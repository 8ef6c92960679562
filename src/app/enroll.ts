import { createPrivateKey, generateKeyPairSync, pbkdf2Sync, randomBytes, scryptSync, webcrypto } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { stringify } from 'yaml';
import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import { isEan18, isEic } from '../core/identifier.ts';
import { problemText } from '../core/problem.ts';
import { isoUtc } from '../core/time.ts';
import { readYaml } from '../core/yaml.ts';
import { makeFolder } from '../host/make-folder.ts';
import { aloneAt, replaceFile } from '../host/shared-file.ts';
import { hostSigner, newKeyPem } from '../host/signer.ts';
import { SITE_NAME, SITE_NAME_SAID, type SiteLine } from '../relay/registry.ts';
import { SCRYPT_COST } from './embedded-broker.ts';
import { openRegistryText, type RegistryText } from './registry-text.ts';

/** What a site needs to be let in and believed. */
export interface AccessOrder {
  readonly site: string;
  readonly registry: string;
  /** Where the site's files go; they hold secrets. */
  readonly out: string;
  /** A certificate request instead of a password. */
  readonly csr: boolean;
  /** Mosquitto's password file, to which the site is added. */
  readonly mosquittoPasswords?: string;
  /** Public key of the relay, for the site file. */
  readonly relayKey?: string;
  readonly brokerUrl?: string;
}

export interface EnrollOrder extends AccessOrder {
  readonly senders: readonly string[];
  /** Those it may speak for, EIC or EAN-18; any that is no other site's where absent. */
  readonly points?: readonly string[];
}

export interface Enrolled {
  readonly files: readonly string[];
  readonly line: Omit<SiteLine, 'revoked'>;
  /** The `number:` and `uplink:` of the site file. */
  readonly uplink: string;
}

/** Users of the broker that are no sites: their passwords and topics are not a site's to have. */
const RESERVED = ['relay', 'staff'];

/**
 * Everything a new site needs: its key, a password or certificate request for the broker, and its line in the registry. Topic
 * rights come from its name (systemd/mosquitto/odecet.acl). Throws OdecetError usage or site-invalid; then nothing was written.
 */
export async function enroll(order: EnrollOrder): Promise<Enrolled> {
  const { site, senders, points } = order;
  checkName(site, await relaysBeside(order.registry));
  const access = await makeAccess(order);
  const line = await changing(order.registry, async (registered) => {
    checkPoints(registered, points ?? [], { site, senders });
    const entered = {
      site,
      number: registered.nextNumber(),
      ...access.line,
      senders: [...senders],
      ...(points && { points: [...points] }),
    };
    const text = registered.with(entered);
    await access.write();
    return { text, result: entered };
  });
  return { files: access.files, line, uplink: await uplinkText(order, line.number) };
}

/**
 * A new key and a new access for a site that is enrolled, also one that was revoked: it has its number, senders and points as
 * before, and what was signed with the old key is refused from now on. Throws OdecetError usage; then nothing was written.
 */
export async function renew(order: AccessOrder): Promise<Enrolled> {
  const access = await makeAccess(order);
  const line = await changing(order.registry, async (registered) => {
    const { site, number = registered.nextNumber(), senders, points } = registered.lineOf(order.site);
    const changed = { number, password: undefined, ...access.line, revoked: undefined };
    const text = registered.change(site, changed);
    await access.write();
    return { text, result: { site, number, senders, ...(points && { points }), ...access.line } };
  });
  return { files: access.files, line, uplink: await uplinkText(order, line.number) };
}

interface Access {
  readonly files: readonly string[];
  /** Its part of the line in the registry. */
  readonly line: Pick<SiteLine, 'key' | 'password' | 'enrolled'>;
  /** The site's files, and the password in Mosquitto's. */
  write(): Promise<void>;
}

async function makeAccess({ site, out, csr, mosquittoPasswords }: AccessOrder): Promise<Access> {
  if (existsSync(join(out, 'site.key')))
    throw new OdecetError('usage', `${out} holds a site's key already; name another folder with --out`);
  const keyPem = newKeyPem();
  const password = csr ? undefined : randomBytes(24).toString('base64url');
  const files: [string, string][] = [['site.key', keyPem]];
  if (password === undefined) files.push(...(await certificateRequest(site)));
  else files.push(['broker.password', `${password}\n`]);
  return {
    files: files.map(([name]) => join(out, name)),
    line: {
      key: hostSigner(keyPem).publicKey,
      enrolled: isoUtc(Date.now()),
      ...(password !== undefined && { password: scryptText(password) }),
    },
    async write() {
      await makeFolder(out, 0o700);
      for (const [name, content] of files) await writeFile(join(out, name), content, { mode: 0o600, flag: 'wx' });
      if (password !== undefined && mosquittoPasswords) await addPassword(mosquittoPasswords, site, password);
    },
  };
}

function checkName(site: string, relays: readonly string[]): void {
  if (!SITE_NAME.test(site))
    throw new OdecetError('usage', `"${site}" is no name of a site: ${SITE_NAME_SAID}, 40 characters at most`);
  if (RESERVED.includes(site) || relays.includes(site))
    throw new OdecetError('usage', `a site cannot be called "${site}": it is the name of a relay or of the staff`);
}

/** The relays whose files lie beside the registry: a relay has its own name among the topics, so no site may have it. */
async function relaysBeside(registry: string): Promise<string[]> {
  return (await textsBeside(registry)).flatMap((text) => text.match(/^relay: *["']?([a-z0-9-]+)/m)?.[1] ?? []);
}

async function textsBeside(registry: string): Promise<string[]> {
  const folder = dirname(registry);
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.yaml'));
  return Promise.all(names.map((name) => readFile(join(folder, name), 'utf8').catch(() => '')));
}

/** Marks a site as revoked: the relays refuse it within a second, the embedded broker too. */
export function revoke(registry: string, site: string): Promise<void> {
  return changing(registry, async (registered) => ({
    text: registered.change(site, { revoked: true }),
    result: undefined,
  }));
}

/** Gives a number to a site that was enrolled before there were numbers; gives the one it has when it has one. */
export function giveNumber(registry: string, site: string): Promise<number> {
  return changing(registry, async (registered) => {
    const number = registered.lineOf(site).number ?? registered.nextNumber();
    return { text: registered.change(site, { number }), result: number };
  });
}

/** Says for which points an enrolled site speaks, in the place of what was said before. Throws OdecetError usage. */
export function givePoints(registry: string, site: string, points: readonly string[]): Promise<void> {
  return changing(registry, async (registered) => {
    checkPoints(registered, points, registered.lineOf(site));
    return { text: registered.change(site, { points: [...points] }), result: undefined };
  });
}

/** What a site file says, as far as it is asked here. */
const sitePoints = z.looseObject({ points: z.array(z.looseObject({ code: z.string() })).min(1) });

/** Those of a site file. Throws OdecetError site-unreadable or site-invalid. */
export async function pointsOfSiteFile(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new OdecetError('site-unreadable', `${file} cannot be read; name the site file whose points it is`, {
      cause,
    });
  });
  const read = readYaml(text, file, sitePoints);
  if (read.kind === 'problems') throw new OdecetError('site-invalid', read.problems.map(problemText).join('\n'));
  return [...new Set(read.value.points.map(({ code }) => code))];
}

function checkPoints(
  registered: RegistryText,
  points: readonly string[],
  { site, senders }: Pick<EnrollOrder, 'site' | 'senders'>,
): void {
  for (const point of points) {
    if (!isEic(point) && !isEan18(point))
      throw new OdecetError('usage', `"${point}" is no point: an EIC of 16 characters or an EAN of 18 digits`);
    const [owner] = registered.ownersOf(point, site, senders);
    if (owner !== undefined)
      throw new OdecetError('usage', `point ${point} is ${owner}'s; revoke ${owner}, or give it its points anew first`);
  }
}

/** Reads the registry, changes it and writes it, as the only one who does at that time. */
function changing<T>(
  file: string,
  change: (registered: RegistryText) => Promise<{ readonly text: string; readonly result: T }>,
): Promise<T> {
  return aloneAt(file, async () => {
    const { text, result } = await change(await openRegistryText(file));
    await replaceFile(file, text);
    return result;
  });
}

const SCRYPT_BYTES = 32;

function scryptText(password: string): string {
  const salt = randomBytes(16);
  return `${salt.toString('hex')}:${scryptSync(password, salt, SCRYPT_BYTES, SCRYPT_COST).toString('hex')}`;
}

/** Mosquitto 2 keeps PBKDF2-SHA512 as `$7$rounds$salt$hash`; what mosquitto_passwd writes. */
async function addPassword(file: string, site: string, password: string): Promise<void> {
  const rounds = 101;
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, rounds, 64, 'sha512');
  const own = `${site}:$7$${rounds}$${salt.toString('base64')}$${hash.toString('base64')}`;
  // Registries of several centres may share one broker.
  await aloneAt(file, async () => {
    const before = existsSync(file) ? await readFile(file, 'utf8') : '';
    const others = before.split('\n').filter((line) => line !== '' && !line.startsWith(`${site}:`));
    await replaceFile(file, `${[...others, own].join('\n')}\n`, 0o600);
  });
}

/** The broker takes the certificate's common name as the user name (use_identity_as_username). */
async function certificateRequest(site: string): Promise<[string, string][]> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const der = (key: Buffer) => new Uint8Array(key);
  const { subtle } = webcrypto;
  const keys = {
    privateKey: await subtle.importKey(
      'pkcs8',
      der(createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' })),
      algorithm,
      false,
      ['sign'],
    ),
    publicKey: await subtle.importKey('spki', der(publicKey.export({ type: 'spki', format: 'der' })), algorithm, true, [
      'verify',
    ]),
  };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [site] }],
    keys,
    signingAlgorithm: algorithm,
  });
  return [
    ['broker.key', pem],
    ['broker.csr', `${request.toString('pem')}\n`],
  ];
}

async function uplinkText({ registry, csr, relayKey, brokerUrl }: AccessOrder, number: number): Promise<string> {
  const url = brokerUrl ?? 'mqtts://BROKER:8883';
  const tls = { trust: ['broker-ca.crt'], ...(csr && { certificate: 'broker.crt', key: 'broker.key' }) };
  // The broker inside a relay speaks nothing else; Mosquitto speaks both.
  const isEmbedded = (await textsBeside(registry)).some((text) => /^embeddedBroker:/m.test(text));
  const broker = {
    url,
    ...(isEmbedded && { mqtt: '3.1.1' }),
    ...(!csr && { passwordFile: 'broker.password' }),
    ...(url.startsWith('mqtts:') && { tls }),
  };
  const uplink = {
    kind: 'relay',
    environment: 'sandbox',
    broker,
    key: 'site.key',
    relayKeys: [relayKey ?? 'RELAY-KEY'],
  };
  return stringify({ number, uplink });
}
