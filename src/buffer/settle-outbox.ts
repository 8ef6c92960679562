import type { MessageId } from '../core/message.ts';
import { givenOutAt } from '../core/message-id.ts';
import { HOUR_MS } from '../core/time.ts';
import type { Damage } from './api.ts';
import { decodeEvent, decodeLife } from './codec-delivery.ts';
import type { Draft } from './draft.ts';
import { isDamage, type Row } from './frame.ts';
import type { FoundHeads } from './heads.ts';
import type { Journal } from './journal.ts';
import { below, digits, eventsPrefix, HEADS_KEY, lastPart, waitingKey } from './keys.ts';
import { type Life, waitingState } from './life.ts';
import { foldLife } from './messages.ts';
import type { Rows } from './rows.ts';

/** Whether a message that is older was answered, only the store may know; the second copy has those that are younger. */
const KNOWN_MS = 60 * 24 * HOUR_MS;

/** Rounds wait for the one writer meanwhile. */
const IDS_AT_ONCE = 64;

/**
 * Looks at the outbox where an opening found damage, or not as many rows as the vital record says: a message could wait for ever, or
 * one that was answered go again.
 */
export async function mendOutbox(
  journal: Journal,
  rows: Rows,
  found: FoundHeads,
  listed: readonly string[],
): Promise<void> {
  const { waiting } = found.heads;
  const isShort = listed.length !== waiting;
  if (!isShort && found.damage.length === 0) return;
  // Where the vital record itself is damaged, that is told, and it says nothing of the outbox.
  const isKnown = !found.damage.some(({ key }) => key === HEADS_KEY);
  if (isShort && isKnown)
    rows.onDamage({ key: 'w/', detail: `the outbox has ${listed.length} rows, ${waiting} were written` });
  // What is gone is not marked yet: of an old message, what is there may not be all.
  await settleOutbox(journal, rows, () => false);
}

/**
 * Makes the outbox what the records of the messages say: its rows are written anew and removed, and a table that is lost brings
 * back what stood there before. A young message whose answer cannot be read is put into it, since the same id may go again.
 * @param mayAddOld of an old message's steps: whether it may go again; a step that cannot be read may have been the answer
 */
export async function settleOutbox(
  journal: Journal,
  rows: Pick<Rows, 'keys'>,
  mayAddOld: MayAddOld = (steps) => !steps.some(isDamage),
): Promise<void> {
  const keys = [...(await rows.keys(below('n/'))), ...(await rows.keys(below(waitingKey(''))))];
  const ids = [...new Set(keys.map(lastPart))].sort();
  const youngFrom = givenOutAt(digits(journal.heads().lastId, 14)) - KNOWN_MS;
  for (let next = 0; next < ids.length; next += IDS_AT_ONCE)
    await journal.write(async (draft) => {
      for (const id of ids.slice(next, next + IDS_AT_ONCE))
        await settle(draft, id, givenOutAt(id) >= youngFrom ? () => true : mayAddOld);
    });
}

type MayAddOld = (steps: readonly (Row | Damage)[]) => boolean;

async function settle(draft: Draft, id: MessageId, mayAdd: MayAddOld): Promise<void> {
  const key = waitingKey(id);
  const row = await draft.get(key);
  const events = await draft.list(below(eventsPrefix(id)));
  const life = foldLife(events.map((event) => (isDamage(event) ? event : decodeEvent(event))));
  if (!waitingState(life)) {
    if (!row) return;
    draft.remove(key);
    draft.countWaiting(-1);
    return;
  }
  if (row) {
    const listed = isDamage(row) ? row : decodeLife(row);
    // What was known of a step that is damaged, the outbox may still know.
    if (!isDamage(listed) && (isSame(listed, life) || events.some(isDamage))) return;
    draft.set(key, life);
    return;
  }
  if (!mayAdd(events)) return;
  draft.set(key, life);
  draft.countWaiting(1);
}

function isSame(one: Life, other: Life): boolean {
  return wordsOf(one) === wordsOf(other);
}

function wordsOf({ attempts, open, lastLeft, lastUnknown, accepted, rejected, superseded, lastEndedAt }: Life): string {
  return JSON.stringify([attempts, open, lastLeft, lastUnknown, accepted, rejected, superseded, lastEndedAt]);
}
