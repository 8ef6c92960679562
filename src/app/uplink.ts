import { resolve } from 'node:path';
import { failure } from '../core/failure.ts';
import type { Message } from '../core/message.ts';
import type { UtcMs } from '../core/time.ts';
import type { OperatorConfig } from '../device/site.ts';
import { loadCertificates, loadCredential } from '../host/credentials.ts';
import { hostHttp } from '../host/http.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import { readAnswer } from '../message/answer.ts';
import { type FormatPack, packId } from '../message/pack.ts';
import { type Delivery, deliver } from '../uplink/direct.ts';
import type { LoadedSite } from './site-files.ts';

/** Everything the way to the operator needs from files, checked before anything starts. */
export interface UplinkCredentials {
  readonly tls: { readonly certificatePem: string; readonly keyPem: string };
  readonly trustPem: readonly string[];
  readonly seal: { readonly certificatePem: string; readonly keyPem: string };
  readonly operatorCertificates: readonly string[];
}

/**
 * @param folder where relative file names start
 * Throws OdecetError certificate-unreadable, certificate-invalid, key-unreadable, key-mismatch or password-wrong.
 */
export async function loadOperatorCredentials(
  { tls, seal, operatorCertificates }: OperatorConfig,
  folder: string,
): Promise<UplinkCredentials> {
  const at = (file: string) => resolve(folder, file);
  const pair = ({ certificate, key, passwordFile }: OperatorConfig['seal']) => ({
    certificate: at(certificate),
    key: at(key),
    ...(passwordFile === undefined ? {} : { passwordFile: at(passwordFile) }),
  });
  // Certificates are checked against the machine's own time also in a rehearsal, as the TLS library does.
  const now = Date.now();
  return {
    tls: await loadCredential(pair(tls), now),
    trustPem: await loadCertificates(tls.trust.map(at), now),
    seal: await loadCredential(pair(seal), now),
    operatorCertificates: await loadCertificates(operatorCertificates.map(at), now),
  };
}

export interface OperatorParts {
  readonly operator: OperatorConfig;
  readonly credentials: UplinkCredentials;
  /** The pack that reads the answer to a message; undefined when none is here. */
  readonly packOf: (message: Message) => FormatPack | undefined;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** One try to hand a message to the operator's service, under the given certificates. */
export function operatorDelivery({
  operator,
  credentials,
  packOf,
  clock,
  entropy,
}: OperatorParts): (message: Message, signal: AbortSignal) => Promise<Delivery> {
  const { certificatePem, keyPem } = credentials.tls;
  const deps = {
    http: hostHttp({ trustPem: credentials.trustPem, certificatePem, keyPem }),
    clock,
    entropy,
    url: operator.url,
    soapAction: '',
    seal: credentials.seal,
    operatorCertificates: credentials.operatorCertificates,
    answerWithinMs: operator.answerWithinMs,
    timestampWindowMs: operator.timestampWindowMs,
  };
  return async (message, signal) => {
    const pack = packOf(message);
    if (!pack) {
      const missing = failure('pack-invalid', `no pack "${message.pack}" is here to read the answer with`);
      return { outcome: 'not-sent', detail: missing.detail, failure: missing };
    }
    const read = (xml: string, sent: Message, receivedAt: UtcMs) => readAnswer(pack, xml, sent.id, receivedAt);
    return deliver(message, { ...deps, readAnswer: read }, signal);
  };
}

/** A site's own packs: the answer to a message made with an earlier version of a pack is read by the one in use now. */
export function sitePackOf(packs: LoadedSite['packs']): (message: Message) => FormatPack | undefined {
  const byId = new Map([...packs.values()].map((pack) => [packId(pack), pack]));
  return ({ pack, commodity }) => byId.get(pack) ?? packs.get(commodity);
}
