import { resolve } from 'node:path';
import type { Outbox } from '../buffer/index.ts';
import type { Commodity } from '../core/interval.ts';
import { loadCertificates, loadCredential } from '../host/credentials.ts';
import { hostHttp } from '../host/http.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Log } from '../machine/log.ts';
import { readAnswer } from '../message/answer.ts';
import { type FormatPack, packId } from '../message/pack.ts';
import { deliver } from '../uplink/direct.ts';
import { heldByPack } from '../uplink/guard.ts';
import { createSender, type Sender, type UplinkAlert } from '../uplink/sender.ts';
import type { LoadedSite } from './site-files.ts';

export interface UplinkParts {
  readonly loaded: LoadedSite;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly alert: (alert: UplinkAlert) => void;
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

export function createUplink(parts: UplinkParts, credentials: UplinkCredentials): Sender {
  const { loaded, outbox, clock, entropy, log, alert } = parts;
  const { uplink } = loaded.site;
  const packs = new Map([...loaded.packs.values()].map((pack) => [packId(pack), pack]));
  // A message made with an earlier version of a pack is answered in the form of the one that is in use now.
  const packOf = (made: string, commodity: Commodity): FormatPack => packs.get(made) ?? loaded.packs.get(commodity)!;
  const { certificatePem, keyPem } = credentials.tls;
  const direct = {
    http: hostHttp({ trustPem: credentials.trustPem, certificatePem, keyPem }),
    clock,
    entropy,
    url: uplink.url,
    soapAction: '',
    seal: credentials.seal,
    operatorCertificates: credentials.operatorCertificates,
    answerWithinMs: uplink.answerWithinMs,
    timestampWindowMs: uplink.timestampWindowMs,
  };
  return createSender({
    outbox,
    clock,
    entropy,
    log,
    retry: uplink.retry,
    deliver: (message, signal) =>
      deliver(
        message,
        {
          ...direct,
          readAnswer: (xml, sent, receivedAt) =>
            readAnswer(packOf(sent.pack, sent.commodity), xml, sent.id, receivedAt),
        },
        signal,
      ),
    hold: (message) => {
      const pack = packOf(message.pack, message.commodity);
      return heldByPack(uplink.environment, { id: message.pack, status: pack.status });
    },
    alert,
  });
}
