import { OdecetError } from '../core/failure.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';
import { chained } from './audit-chain.ts';
import type { ReleasedText } from './audit-texts.ts';
import type { OrderByHand } from './delivered-by-hand.ts';
import type { State } from './state.ts';

/**
 * Lets days go that are held after a restore, as the operator has nothing of them: the audit entry first, then the release. Gives all that was ever released.
 * Throws OdecetError usage where nothing is held, one is no day, or the name is missing; then nothing was written.
 */
export async function releasedByHand(
  { buffer, held }: Pick<State, 'buffer' | 'held'>,
  { days, commodity, reason, by }: OrderByHand,
  now: UtcMs,
): Promise<readonly string[]> {
  if (by.trim() === '') throw new OdecetError('usage', 'a name is needed');
  return held.release(days, commodity, (released) => {
    const text: ReleasedText = { at: isoUtc(now), what: 'released', by, reason, days: [...released] };
    return buffer.keepAudited([], (last) => chained(last, JSON.stringify(text)));
  });
}
