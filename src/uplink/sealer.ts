import { OdecetError } from '../core/failure.ts';
import type { Seal, Sealable, Sealer } from '../machine/sealer.ts';
import type { Codec } from '../machine/signer.ts';
import { unpacked } from './relay/frame.ts';
import { verifyEnvelope } from './verify.ts';
import { type SealMachine, sealEnvelope } from './ws-security.ts';

/** The work itself, done where it is called: what a thread of its own runs, and what tests and imagined sites use. */
export function plainSealer(seal: Seal, machine: SealMachine & { readonly codec: Codec }): Sealer {
  return {
    seal: async (document, stamped) =>
      new TextEncoder().encode(sealEnvelope(textOf(document, machine.codec), seal, machine, stamped)),
    verify: async (text, trust) => verifyEnvelope(text, trust, machine.crypto),
    close: async () => undefined,
  };
}

function textOf(document: Sealable, codec: Codec): string {
  const text = typeof document === 'string' ? document : unpacked(document, codec);
  if (text === undefined) throw new OdecetError('store-damaged', 'the record is not what was signed');
  return text;
}
