import { OdecetError } from '../core/failure.ts';
import type { Carried, Message, MessageId } from '../core/message.ts';
import { isoUtc } from '../core/time.ts';
import { decodeLink, encodeMessage } from './codec-delivery.ts';
import { isDamage } from './frame.ts';
import type { Draft, Journal } from './journal.ts';
import { dayKey, intervalKey, lastPart, linkKey, messageKey, supersededKey, waitingKey } from './keys.ts';
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
  draft.set(waitingKey(message.id), NEW_LIFE);
  draft.countWaiting(1);
}

/**
 * The last guard against sending an interval twice, whatever the stage before believes. An earlier message may be repeated when
 * this one replaces it, or replaces another that replaced it: a second correction carries what the first and the original told.
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
    const interval = linkKey(carried, '');
    if (taken.has(interval)) throw alreadyQueued(carried, message.id);
    taken.add(interval);
    const earlier = carriers.get(interval) ?? [];
    const replaced = withAllReplaced(replaces, earlier);
    for (const { id } of earlier) {
      const isFree = replaced.has(id) || (known.get(id) ?? (await neverTaken(draft, id)));
      if (!replaced.has(id)) known.set(id, isFree);
      if (!isFree) throw alreadyQueued(carried, id);
    }
  }
}

/** A message that carries an interval, and what it replaced; nothing where the link is damaged. */
interface Carrier {
  readonly id: MessageId;
  readonly replaces: readonly MessageId[];
}

/** The earlier messages of each interval version, by the link's key without the message. */
async function carriersOf(draft: Draft, carried: readonly Carried[]): Promise<Map<string, Carrier[]>> {
  const carriers = new Map<string, Carrier[]>();
  for (const range of linkRanges(carried))
    for (const row of await draft.list(range)) {
      const id = lastPart(row.key);
      const interval = row.key.slice(0, -id.length);
      const link = isDamage(row) ? row : decodeLink(row);
      const carrier = { id, replaces: isDamage(link) ? [] : link.replaces };
      carriers.set(interval, [...(carriers.get(interval) ?? []), carrier]);
    }
  return carriers;
}

function withAllReplaced(replaces: readonly MessageId[], carriers: readonly Carrier[]): ReadonlySet<MessageId> {
  const all = new Set(replaces);
  // A set hands out what is added while it is walked.
  for (const id of all)
    for (const carrier of carriers) if (carrier.id === id) for (const one of carrier.replaces) all.add(one);
  return all;
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

function alreadyQueued({ point, channel, start, version }: Carried, id: MessageId): OdecetError {
  return new OdecetError(
    'already-queued',
    `${point} ${channel} ${isoUtc(start)} version ${version} is in message ${id}`,
  );
}
