import { OdecetError } from '../core/failure.ts';
import type { Commodity } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import { isoUtc, type MarketDay, type UtcMs } from '../core/time.ts';
import { chained } from './audit-chain.ts';
import type { DeliveredText } from './audit-texts.ts';
import type { State } from './state.ts';

/** What a person asked the operator: whether it has these held days already. */
export interface OrderByHand {
  readonly days: readonly MarketDay[];
  /** Both where absent. */
  readonly commodity?: Commodity | undefined;
  readonly reason: string;
  readonly by: string;
}

/**
 * Closes the messages of days that are held after a restore as accepted, without sending them: the audit entry first, then an
 * answer that says who decided it. Broken off in between it can be said again. Gives the ids.
 * Throws OdecetError usage where a day has no message that is held, or reason or name is missing; then nothing was written.
 */
export async function deliveredByHand(
  { buffer, held }: Pick<State, 'buffer' | 'held'>,
  { days, commodity, reason, by }: OrderByHand,
  now: UtcMs,
): Promise<readonly MessageId[]> {
  if (reason.trim() === '' || by.trim() === '') throw new OdecetError('usage', 'a reason and a name are needed');
  const heads = (await buffer.outbox.heads()).filter(
    ({ message }) =>
      held.hold(message) && days.includes(message.day) && (!commodity || message.commodity === commodity),
  );
  const without = days.filter((day) => !heads.some(({ message }) => message.day === day));
  if (without.length > 0)
    throw new OdecetError(
      'usage',
      `no message of ${[commodity, without.join(', ')].filter(Boolean).join(' ')} is held: it was not made yet, was closed, or was released; odecet status shows what waits`,
    );
  const messages = heads.map(({ message }) => message.id);
  const text: DeliveredText = { at: isoUtc(now), what: 'delivered', by, reason, days: [...days], messages };
  await buffer.keepAudited([], (last) => chained(last, JSON.stringify(text)));
  for (const { message } of heads) {
    // The answer belongs to no attempt from before the restore, which ended in its own way, or to an order that was broken off.
    const number = await buffer.outbox.beginAttempt(message.id, now);
    const detail = `delivered before the restore, as ${by} said: ${reason}`;
    await buffer.outbox.endAttempt(
      { message: message.id, number, startedAt: now, endedAt: now, outcome: 'answered', detail },
      {
        message: message.id,
        verdict: 'accepted',
        reasons: [{ code: 'BY-HAND', type: 'person', text: detail }],
        receivedAt: now,
        xml: '',
      },
    );
  }
  return messages;
}
