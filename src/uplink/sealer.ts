import type { Entropy } from '../machine/entropy.ts';
import type { Seal, Sealer } from '../machine/sealer.ts';
import { verifyEnvelope } from './verify.ts';
import { sealEnvelope } from './ws-security.ts';

/** The work itself, done where it is called: what a thread of its own runs, and what tests and imagined sites use. */
export function plainSealer(seal: Seal, entropy: Entropy): Sealer {
  return {
    seal: async (document, stamped) => sealEnvelope(document, seal, entropy, stamped),
    verify: async (text, trust) => verifyEnvelope(text, trust),
    close: async () => undefined,
  };
}
