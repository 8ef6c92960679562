import { resolve } from 'node:path';
import { failure } from '../core/failure.ts';
import type { UtcMs } from '../core/time.ts';
import type { OperatorConfig } from '../device/site.ts';
import { type Credential, loadCertificates, loadCredential } from '../host/credentials.ts';
import { hostHttp } from '../host/http.ts';
import { threadSealer } from '../host/sealer.ts';
import type { Clock } from '../machine/clock.ts';
import { readAnswer } from '../message/answer.ts';
import { type FormatPack, packId } from '../message/pack.ts';
import { type Delivery, deliver, type Outgoing, type Turn } from '../uplink/direct.ts';
import { createEnvelopes } from '../uplink/envelopes.ts';
import { sealerPool } from '../uplink/sealer-pool.ts';
import { everyPack, type SitePacks } from './packs.ts';
import { threadProgram } from './thread-program.ts';

/** Of each thread: enough for the largest message, and those of a centre leave room for the rest. */
const SEAL_MEMORY_MB = 64;
/** Of what is made and forgotten at once. */
const YOUNG_MB = 4;

/** Everything the way to the operator needs from files, checked before anything starts. */
export interface UplinkCredentials {
  readonly tls: Pick<Credential, 'certificatePem' | 'keyPem' | 'validTo'>;
  readonly trustPem: readonly string[];
  readonly seal: Pick<Credential, 'certificatePem' | 'keyPem' | 'validTo'>;
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

/** Our own certificates, by what they are for. */
export function certificatesOf({ tls, seal }: UplinkCredentials): { readonly name: string; readonly validTo: UtcMs }[] {
  return [
    { name: 'operator tls', validTo: tls.validTo },
    { name: 'operator seal', validTo: seal.validTo },
  ];
}

export interface OperatorParts {
  readonly operator: OperatorConfig;
  readonly credentials: UplinkCredentials;
  /** The pack that reads the answer to a message; undefined when none is here. */
  readonly packOf: (message: Pick<Outgoing, 'pack' | 'commodity'>) => FormatPack | undefined;
  readonly clock: Clock;
  /** For a centre that sends much: so many threads, and connections that are kept for so long. */
  readonly much?: { readonly sealThreads: number; readonly keptMs: number };
}

export interface OperatorWay {
  /** One try to hand a message to the operator's service, under the given certificates. */
  readonly deliver: (message: Outgoing, signal: AbortSignal, turn?: Turn) => Promise<Delivery>;
  /** To be called when no try is under way. */
  close(): Promise<void>;
}

/** Nothing is opened before the first try. */
export function operatorWay({ operator, credentials, packOf, clock, much }: OperatorParts): OperatorWay {
  const { certificatePem, keyPem } = credentials.tls;
  const http = hostHttp({ trustPem: credentials.trustPem, certificatePem, keyPem }, much?.keptMs);
  const limits = { memoryMb: SEAL_MEMORY_MB, youngMb: YOUNG_MB };
  const oneSealer = () => threadSealer(threadProgram('seal-worker'), credentials.seal, limits);
  const sealer = much ? sealerPool(Array.from({ length: much.sealThreads }, oneSealer)) : oneSealer();
  const { operatorCertificates } = credentials;
  const { timestampWindowMs, answerWithinMs, url } = operator;
  const envelopes = createEnvelopes({ sealer, clock, operatorCertificates, timestampWindowMs });
  const deps = { http, clock, envelopes, url, soapAction: '', answerWithinMs };
  return {
    async deliver(message, signal, turn) {
      const pack = packOf(message);
      if (!pack) {
        const missing = failure('pack-invalid', `no pack "${message.pack}" is here to read the answer with`);
        return { outcome: 'not-sent', detail: missing.detail, failure: missing };
      }
      const read = (xml: string, sent: Outgoing, receivedAt: UtcMs) => readAnswer(pack, xml, sent.id, receivedAt);
      return deliver(message, { ...deps, readAnswer: read, ...(turn && { turn }) }, signal);
    },
    async close() {
      await Promise.all([sealer.close(), http.close()]);
    },
  };
}

/** A site's own packs: the answer to a message made with an earlier version of a pack is read by the one in use now. */
export function sitePackOf(site: SitePacks): OperatorParts['packOf'] {
  const byId = new Map(everyPack(site).map((pack) => [packId(pack), pack]));
  return ({ pack, commodity }) => byId.get(pack) ?? site.packs.get(commodity);
}
