import type { Seal, Sealer } from '../machine/sealer.ts';
import { verifyEnvelope } from './verify.ts';
import { type SealMachine, sealEnvelope } from './ws-security.ts';

/** The work itself, done where it is called: what a thread of its own runs, and what tests and imagined sites use. */
export function plainSealer(seal: Seal, machine: SealMachine): Sealer {
  return {
    seal: async (document, stamped) => sealEnvelope(document, seal, machine, stamped),
    verify: async (text, trust) => verifyEnvelope(text, trust, machine.crypto),
    close: async () => undefined,
  };
}
