import { OdecetError } from '../core/failure.ts';
import type { MessageId } from '../core/message.ts';
import { decodeEvent, decodeLife } from './codec-delivery.ts';
import { isDamage } from './frame.ts';
import type { Draft } from './journal.ts';
import { below, eventsPrefix, waitingKey } from './keys.ts';
import { advance, type Life, type LifeEvent, waitingState } from './life.ts';
import { foldLife } from './messages.ts';

export interface FoundLife {
  readonly life: Life;
  /** The outbox has a row for it. */
  readonly listed: boolean;
}

export async function lifeInDraft(draft: Draft, id: MessageId): Promise<FoundLife> {
  const row = await draft.get(waitingKey(id));
  const known = row && (isDamage(row) ? row : decodeLife(row));
  if (known && !isDamage(known)) return { life: known, listed: true };
  return { life: await lifeFromEvents(draft, id), listed: Boolean(row) };
}

export async function lifeFromEvents(draft: Draft, id: MessageId): Promise<Life> {
  const events = await draft.list(below(eventsPrefix(id)));
  return foldLife(events.map((event) => (isDamage(event) ? event : decodeEvent(event))));
}

/** Puts the life after `events` into the outbox, or takes the message out of it when that was the end. */
export function keepLife(draft: Draft, id: MessageId, before: FoundLife, ...events: LifeEvent[]): void {
  const life = events.reduce(advance, before.life);
  if (waitingState(life)) {
    draft.set(waitingKey(id), life);
    if (!before.listed) draft.countWaiting(1);
  } else if (before.listed) {
    draft.remove(waitingKey(id));
    draft.countWaiting(-1);
  }
}

export function noSuchMessage(id: MessageId): OdecetError {
  return new OdecetError('unexpected', `there is no message ${id}`);
}
