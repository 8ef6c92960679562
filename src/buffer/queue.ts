import { OdecetError } from '../core/failure.ts';
import type { Carried, Message, MessageId } from '../core/message.ts';
import { isoUtc } from '../core/time.ts';
import { encodeMessage } from './codec-delivery.ts';
import type { Draft, Journal } from './journal.ts';
import {
  below,
  dayKey,
  type KeyRange,
  lastPart,
  linkKey,
  linkPrefix,
  messageKey,
  supersededKey,
  waitingKey,
} from './keys.ts';
import { NEW_LIFE, stateOf } from './life.ts';
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
      addMessage(draft, message, replaces);
    }
    for (const id of supersedes) await supersede(draft, id, ids);
    return messages;
  });
}

function addMessage(draft: Draft, message: Message, replaces: readonly MessageId[]): void {
  draft.add('delivery', messageKey(message.id), encodeMessage(message));
  draft.add('delivery', dayKey(message.commodity, message.day, message.id), null);
  for (const carried of message.carried) draft.add('delivery', linkKey(carried, message.id), { replaces });
  draft.set(waitingKey(message.id), NEW_LIFE);
  draft.countWaiting(1);
}

/** The last guard against sending an interval twice, whatever the stage before believes. */
async function refuseDoubles(
  draft: Draft,
  message: Message,
  replaces: readonly MessageId[],
  taken: Set<string>,
): Promise<void> {
  const links = new Set<string>();
  for (const range of linkRanges(message.carried)) for (const { key } of await draft.list(range)) links.add(key);
  const carriers = new Map<string, MessageId[]>();
  for (const key of links) {
    const id = lastPart(key);
    const interval = key.slice(0, -id.length);
    carriers.set(interval, [...(carriers.get(interval) ?? []), id]);
  }
  const free = new Map<MessageId, boolean>(replaces.map((id) => [id, true]));
  for (const carried of message.carried) {
    const interval = linkKey(carried, '');
    if (taken.has(interval)) throw alreadyQueued(carried, message.id);
    taken.add(interval);
    for (const id of carriers.get(interval) ?? []) {
      const isFree = free.get(id) ?? (await neverTaken(draft, id));
      free.set(id, isFree);
      if (!isFree) throw alreadyQueued(carried, id);
    }
  }
}

/** One range for each point and channel, so that a day of intervals is one read. */
function linkRanges(carried: readonly Carried[]): KeyRange[] {
  const groups = new Map<string, Carried[]>();
  for (const one of carried) {
    const name = `${one.point} ${one.channel}`;
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return [...groups.values()].map((group) => {
    const starts = group.map(({ start }) => start);
    const [{ point, channel }] = [group[0]!];
    return {
      gte: linkPrefix(
        point,
        channel,
        starts.reduce((a, b) => Math.min(a, b)),
      ),
      lt: below(
        linkPrefix(
          point,
          channel,
          starts.reduce((a, b) => Math.max(a, b)),
        ),
      ).lt,
    };
  });
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
