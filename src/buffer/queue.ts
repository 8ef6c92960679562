import { OdecetError } from '../core/failure.ts';
import type { Carried, Message, MessageId } from '../core/message.ts';
import { isoUtc } from '../core/time.ts';
import { linkOfDamaged, withAllReplaced } from './carriers.ts';
import { decodeLink, decodeMessage, encodeMessage, type Link } from './codec-delivery.ts';
import { isDamage } from './frame.ts';
import type { Draft, Journal } from './journal.ts';
import { dayKey, intervalKey, linkKey, linkPrefix, messageKey, supersededKey, waitingKey } from './keys.ts';
import { NEW_LIFE, stateOf } from './life.ts';
import { linkRanges, toldOf } from './told.ts';
import { keepLife, lifeInDraft, noSuchMessage } from './waiting.ts';

export function queueMessages(
  journal: Journal,
  count: number,
  make: (ids: readonly MessageId[]) => readonly Message[],
  supersedes: readonly MessageId[],
): Promise<Message[]> {
  return journal.write(async (draft) => {
    const ids = Array.from({ length: count }, () => draft.takeId());
    const messages = [...make(ids)];
    if (messages.length !== count || messages.some(({ id }, n) => id !== ids[n]))
      throw new OdecetError('unexpected', `${count} messages with the ids ${ids.join(', ')} were asked for`);
    const taken = new Set<string>();
    for (const message of messages) {
      const replaces = [...supersedes, ...(message.corrects === undefined ? [] : [message.corrects])];
      await refuseDoubles(draft, message, replaces, taken);
      addMessage(draft, message, replaces, await toldOf(draft, message.carried));
    }
    for (const id of supersedes) await supersede(draft, id, ids);
    return messages;
  });
}

function addMessage(
  draft: Draft,
  message: Message,
  replaces: readonly MessageId[],
  toldOfInterval: ReadonlyMap<string, string>,
): void {
  draft.add('delivery', messageKey(message.id), encodeMessage(message));
  draft.add('delivery', dayKey(message.commodity, message.day, message.id), null);
  for (const carried of message.carried) {
    const told = toldOfInterval.get(intervalKey(carried));
    draft.add('delivery', linkKey(carried, message.id), { replaces, ...(told !== undefined && { told }) });
  }
  const { commodity, day, pack } = message;
  draft.set(waitingKey(message.id), { ...NEW_LIFE, about: { commodity, day, pack } });
  draft.countWaiting(1);
}

/**
 * The last guard against sending an interval twice, whatever the stage before believes. What an earlier message told of it, in
 * this version or another, may be told again only when this one replaces that message, or replaces another that replaced it: a
 * second correction carries what the first and the original told.
 */
async function refuseDoubles(
  draft: Draft,
  message: Message,
  replaces: readonly MessageId[],
  taken: Set<string>,
): Promise<void> {
  const carriers = await carriersOf(draft, message.carried);
  const known = new Map<MessageId, boolean>();
  for (const carried of message.carried) {
    const interval = placeOf(carried);
    if (taken.has(interval)) throw alreadyQueued(carried, carried.version, message.id);
    taken.add(interval);
    const earlier = carriers.get(interval) ?? [];
    const replaced = withAllReplaced(replaces, earlier);
    for (const { message: id, version } of earlier) {
      const isFree = replaced.has(id) || (known.get(id) ?? (await neverTaken(draft, id)));
      if (!replaced.has(id)) known.set(id, isFree);
      if (!isFree) throw alreadyQueued(carried, version, id);
    }
  }
}

/** Where the links of an interval stand, whatever their version. */
function placeOf({ point, channel, start }: Carried): string {
  return linkPrefix(point, channel, start);
}

/** What earlier messages carried of each interval, in whatever version. */
async function carriersOf(draft: Draft, carried: readonly Carried[]): Promise<Map<string, Link[]>> {
  const correctedBy = async (id: MessageId): Promise<MessageId | undefined> => {
    const row = await draft.get(messageKey(id));
    const message = row && (isDamage(row) ? row : decodeMessage(row));
    return message && !isDamage(message) ? message.corrects : undefined;
  };
  const carriers = new Map<string, Link[]>();
  for (const range of linkRanges(carried))
    for (const row of await draft.list(range)) {
      const found = isDamage(row) ? row : decodeLink(row);
      const link = isDamage(found) ? await linkOfDamaged(found, correctedBy) : found;
      if (link) carriers.set(placeOf(link), [...(carriers.get(placeOf(link)) ?? []), link]);
    }
  return carriers;
}

async function neverTaken(draft: Draft, id: MessageId): Promise<boolean> {
  const { life } = await lifeInDraft(draft, id);
  const state = stateOf(life);
  return state === 'rejected' || (state === 'superseded' && !life.accepted);
}

async function supersede(draft: Draft, id: MessageId, by: readonly MessageId[]): Promise<void> {
  const found = await lifeInDraft(draft, id);
  const state = stateOf(found.life);
  if (!(await draft.get(messageKey(id)))) throw noSuchMessage(id);
  if (state === 'superseded') throw new OdecetError('unexpected', `message ${id} is superseded already`);
  if (state === 'sent')
    throw new OdecetError(
      'already-queued',
      `message ${id} may have been taken; it cannot be superseded before its answer`,
    );
  draft.add('delivery', supersededKey(id), { by });
  keepLife(draft, id, found, { what: 'superseded' });
}

function alreadyQueued({ point, channel, start }: Carried, version: number, id: MessageId): OdecetError {
  return new OdecetError(
    'already-queued',
    `${point} ${channel} ${isoUtc(start)} version ${version} is in message ${id}`,
  );
}
