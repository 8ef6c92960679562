import { scryptSync, timingSafeEqual } from 'node:crypto';
import { resolve } from 'node:path';
import { OdecetError } from '../core/failure.ts';
import { type BrokerRights, type EmbeddedBroker, startEmbeddedBroker } from '../host/broker-embedded.ts';
import { loadCredential } from '../host/credentials.ts';
import type { Registry } from '../relay/registry.ts';
import { isOfProgram, mayHear, maySay, mayWatch, siteClientId } from '../uplink/relay/topics.ts';
import { readSecret } from './broker.ts';
import type { RelayConfig } from './relay.ts';

/** Who may look at everything and say nothing. */
const STAFF = 'staff';
const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];

/** The broker inside the relay, with the registry for its access list. Throws OdecetError usage, port-in-use and for files. */
export async function embeddedBroker(
  { embeddedBroker: config }: Pick<RelayConfig, 'embeddedBroker'>,
  folder: string,
  registry: () => Registry,
): Promise<EmbeddedBroker> {
  if (!config) throw new OdecetError('usage', '--embedded-broker needs "embeddedBroker:" with a port in relay.yaml');
  const { host, port, tls, staffPasswordFile } = config;
  if (!tls && !LOOPBACK.includes(host))
    throw new OdecetError('usage', `embeddedBroker on ${host} needs "tls:"; without it only 127.0.0.1 may be used`);
  const at = (file: string) => resolve(folder, file);
  const credential = tls && (await loadCredential({ certificate: at(tls.certificate), key: at(tls.key) }, Date.now()));
  const staffPassword = staffPasswordFile && (await readSecret(at(staffPasswordFile)));
  return startEmbeddedBroker({
    host,
    port,
    ...(credential && { tls: { certificatePem: credential.certificatePem, keyPem: credential.keyPem } }),
    rights: rightsOf(registry, staffPassword),
  });
}

/** A site that was revoked can neither connect nor, where it is connected, say anything more. */
function rightsOf(registry: () => Registry, staffPassword: string | undefined): BrokerRights {
  const enrolled = (user: string) => {
    const line = registry().find(user);
    return line && !line.revoked ? line : undefined;
  };
  return {
    isKnown(user, password, clientId) {
      if (user === STAFF)
        return !isOfProgram(clientId) && staffPassword !== undefined && isSame(password, staffPassword);
      return clientId === siteClientId(user) && fitsScrypt(password, enrolled(user)?.password);
    },
    maySay: (user, topic) => enrolled(user) !== undefined && maySay(user, topic),
    mayHear: (user, filter) =>
      user === STAFF ? mayWatch(filter) : enrolled(user) !== undefined && mayHear(user, filter),
  };
}

function isSame(given: string, kept: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(kept)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** `salt:hash` as odecet enroll writes it. The password is 24 bytes of chance: a costly hash would add nothing. */
export const SCRYPT_COST = { N: 1024 };

function fitsScrypt(password: string, kept: string | undefined): boolean {
  const [salt, hash] = (kept ?? '').split(':').map((part) => Buffer.from(part, 'hex'));
  if (!salt || !hash || hash.length === 0) return false;
  return timingSafeEqual(scryptSync(password, salt, hash.length, SCRYPT_COST), hash);
}
