import { resolve } from 'node:path';
import type { Message } from '../core/message.ts';
import type { UtcMs } from '../core/time.ts';
import { loadCertificates, loadCredential } from '../host/credentials.ts';
import { hostHttp } from '../host/http.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import { readAnswer } from '../message/answer.ts';
import { type FormatPack, packId } from '../message/pack.ts';
import { type Delivery, deliver } from '../uplink/direct.ts';
import type { LoadedSite } from './site-files.ts';

export interface UplinkParts {
  readonly loaded: LoadedSite;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** Everything the direct uplink needs from files, checked before anything starts. */
export interface UplinkCredentials {
  readonly tls: { readonly certificatePem: string; readonly keyPem: string };
  readonly trustPem: readonly string[];
  readonly seal: { readonly certificatePem: string; readonly keyPem: string };
  readonly operatorCertificates: readonly string[];
}

/** Throws OdecetError certificate-unreadable, certificate-invalid, key-unreadable, key-mismatch or password-wrong. */
export async function loadUplinkCredentials({ site, folder }: LoadedSite): Promise<UplinkCredentials> {
  const { tls, seal, operatorCertificates } = site.uplink;
  const at = (file: string) => resolve(folder, file);
  const pair = ({
    certificate,
    key,
    passwordFile,
  }: {
    certificate: string;
    key: string;
    passwordFile?: string | undefined;
  }) => ({
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

/** One try to hand a message to the operator's service, under the site's certificates. */
export function directDelivery(
  { loaded, clock, entropy }: UplinkParts,
  credentials: UplinkCredentials,
): (message: Message, signal: AbortSignal) => Promise<Delivery> {
  const { uplink } = loaded.site;
  const packs = new Map([...loaded.packs.values()].map((pack) => [packId(pack), pack]));
  // The answer to a message made with an earlier version of a pack is read by the one that is in use now.
  const packOf = ({ pack, commodity }: Message): FormatPack => packs.get(pack) ?? loaded.packs.get(commodity)!;
  const { certificatePem, keyPem } = credentials.tls;
  const deps = {
    http: hostHttp({ trustPem: credentials.trustPem, certificatePem, keyPem }),
    clock,
    entropy,
    url: uplink.url,
    soapAction: '',
    seal: credentials.seal,
    operatorCertificates: credentials.operatorCertificates,
    answerWithinMs: uplink.answerWithinMs,
    timestampWindowMs: uplink.timestampWindowMs,
    readAnswer: (xml: string, sent: Message, receivedAt: UtcMs) => readAnswer(packOf(sent), xml, sent.id, receivedAt),
  };
  return (message, signal) => deliver(message, deps, signal);
}
