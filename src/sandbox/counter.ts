import { X509Certificate } from 'node:crypto';
import { hostSealCrypto } from '../host/seal-crypto.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Log } from '../machine/log.ts';
import type { Seal } from '../machine/sealer.ts';
import type { FormatPack } from '../message/pack.ts';
import { faultEnvelope } from '../uplink/soap.ts';
import { certificates, sealEnvelope } from '../uplink/ws-security.ts';
import { answerDocument } from './answer.ts';
import type { SandboxConfig } from './config.ts';
import type { Desk } from './desk.ts';
import type { FaultBox } from './faults.ts';
import type { Answered } from './journal.ts';
import { checkedDocument, type SignedDocument } from './seal-check.ts';

export interface SandboxMachine {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface CounterParts extends SandboxMachine {
  readonly config: Pick<SandboxConfig, 'zone' | 'timestampWindowMs'>;
  readonly desk: Desk;
  /** What documents are read by. */
  readonly packs: readonly FormatPack[];
  readonly faults: FaultBox;
  readonly seal: Seal;
  /** PEM texts */
  readonly trustedSeals: readonly string[];
}

/** What goes back over the wire; `cut` drops the connection without a word. */
export type Served =
  | { readonly kind: 'answer'; readonly status: number; readonly text: string }
  | { readonly kind: 'cut' };

/** The service behind HTTPS: an envelope in, an answer out. What it accepts is on the disk before it answers. */
export function openCounter(parts: CounterParts): (envelope: string) => Promise<Served> {
  const { config, clock, desk, faults, log, packs } = parts;
  const trusted = parts.trustedSeals
    .flatMap(certificates)
    .map((base64) => new X509Certificate(Buffer.from(base64, 'base64')));

  const machine = { entropy: parts.entropy, crypto: hostSealCrypto() };

  async function answer(entry: Answered): Promise<Served> {
    const { id, problems } = entry;
    log.info('sandbox-received', { id, accepted: problems.length === 0, problems });
    const slow = faults.take('slow');
    if (slow) await clock.sleep(slow.ms);
    if (faults.take('lost-answer')) return { kind: 'cut' };
    const document = answerDocument(entry, config.zone, faults.take('unknown-code') !== undefined);
    const stamped = { now: clock.now(), validMs: config.timestampWindowMs };
    const text = sealEnvelope(document, parts.seal, machine, stamped);
    return { kind: 'answer', status: 200, text: faults.take('bad-signature') ? spoilt(text) : text };
  }

  return async (envelope) => {
    if (faults.take('soap-fault')) return fault(500, 'Server', 'Služba je dočasně nedostupná');
    let document: SignedDocument;
    try {
      document = checkedDocument(envelope, { trusted, now: clock.now(), windowMs: config.timestampWindowMs }, packs);
    } catch (error) {
      log.warn('sandbox-refused', { why: String(error) });
      return fault(500, 'Client', `Zprávu nelze ověřit: ${String(error)}`);
    }
    // No await: until the disk has it this would hold on to the whole document.
    return desk.receive(document, faults.take('reject') !== undefined).then(answer);
  };
}

function fault(status: number, code: 'Client' | 'Server', text: string): Served {
  return { kind: 'answer', status, text: faultEnvelope(code, text) };
}

/** One space more in the Body than was signed. */
function spoilt(envelope: string): string {
  return envelope.replace('</soap:Body>', ' </soap:Body>');
}
