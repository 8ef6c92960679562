import type { Sealer } from '../machine/sealer.ts';

/** Several sealers as one: each piece of work goes to the one with the least under way, the first of equals. */
export function sealerPool(sealers: readonly Sealer[]): Sealer {
  const hands = sealers.map((sealer) => ({ sealer, underWay: 0 }));
  const give = async <T>(work: (sealer: Sealer) => Promise<T>): Promise<T> => {
    const hand = hands.reduce((least, each) => (each.underWay < least.underWay ? each : least));
    hand.underWay += 1;
    try {
      return await work(hand.sealer);
    } finally {
      hand.underWay -= 1;
    }
  };
  return {
    seal: (document, stamped) => give((sealer) => sealer.seal(document, stamped)),
    verify: (text, trust) => give((sealer) => sealer.verify(text, trust)),
    close: async () => void (await Promise.all(sealers.map((sealer) => sealer.close()))),
  };
}
