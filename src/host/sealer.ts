import type { Seal, Sealable, Sealer, StampedFor, Trust, Verified } from '../machine/sealer.ts';
import { serveThread, type ThreadLimits, workThread } from './thread.ts';

/** Node uses what it is given before it collects. */
const LIMITS: ThreadLimits = { memoryMb: 192, youngMb: 4 };

/** What goes to the thread and what comes back. */
type Work =
  | { readonly what: 'seal'; readonly document: Sealable; readonly stamped: StampedFor }
  | { readonly what: 'verify'; readonly text: string; readonly trust: Trust };
type Result = Uint8Array | Verified;

/**
 * Seals and verifies in a thread.
 * @param module the program of the thread; calls serveSealer
 */
export function threadSealer(module: URL, seal: Seal, limits = LIMITS): Sealer {
  const thread = workThread<Work, Result>(module, seal, limits);
  return {
    async seal(document, stamped) {
      const result = await thread.ask({ what: 'seal', document, stamped });
      if (result instanceof Uint8Array) return result;
      throw new Error('the thread mistook sealing for verifying');
    },
    async verify(text, trust) {
      const result = await thread.ask({ what: 'verify', text, trust });
      if (!(result instanceof Uint8Array)) return result;
      throw new Error('the thread mistook verifying for sealing');
    },
    close: () => thread.close(),
  };
}

/** The other end, to be called in the thread. */
export function serveSealer(make: (seal: Seal) => Sealer): void {
  serveThread<Seal, Work, Result>((seal) => {
    const sealer = make(seal);
    return (work) =>
      work.what === 'seal' ? sealer.seal(work.document, work.stamped) : sealer.verify(work.text, work.trust);
  });
}
