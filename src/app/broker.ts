import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { OdecetError } from '../core/failure.ts';
import type { UtcMs } from '../core/time.ts';
import type { BrokerConfig } from '../device/site.ts';
import { mqttBroker } from '../host/broker-mqtt.ts';
import { loadCertificates, loadCredential } from '../host/credentials.ts';
import type { Broker } from '../machine/broker.ts';

export interface LoadedBroker {
  readonly broker: Broker;
  readonly certificates: readonly { readonly name: string; readonly validTo: UtcMs }[];
}

/** The way to the broker with what it needs from files. Throws OdecetError for keys, certificates and passwords. */
export async function loadBroker(config: BrokerConfig, name: string, folder: string): Promise<LoadedBroker> {
  const { url, mqtt, tls, passwordFile } = config;
  if (url.startsWith('mqtts:') !== (tls !== undefined))
    throw new OdecetError('site-invalid', `broker ${url}: "mqtts://" and "tls:" go together; give both or neither`);
  const at = (file: string) => resolve(folder, file);
  const now = Date.now();
  const trustPem = tls && (await loadCertificates(tls.trust.map(at), now));
  const pair = tls?.certificate && tls.key ? { certificate: at(tls.certificate), key: at(tls.key) } : undefined;
  const credential = pair && (await loadCredential(pair, now));
  const password = passwordFile && (await readSecret(at(passwordFile)));
  return {
    broker: mqttBroker({
      url,
      protocolVersion: mqtt === '5' ? 5 : 4,
      username: config.username ?? name,
      ...(password !== undefined && { password }),
      ...(trustPem && { trustPem }),
      ...(credential && { certificatePem: credential.certificatePem, keyPem: credential.keyPem }),
    }),
    certificates: credential ? [{ name: 'broker client', validTo: credential.validTo }] : [],
  };
}

/** One secret in a file. Throws OdecetError password-wrong when there is none. */
export async function readSecret(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new OdecetError(
      'password-wrong',
      `${file}: ${String(cause)}; it should hold a secret, readable by this program`,
      {
        cause,
      },
    );
  });
  // Editors end a file with a newline that is not part of the password.
  return text.replace(/\r?\n$/, '');
}
