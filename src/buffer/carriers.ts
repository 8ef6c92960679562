import type { MessageId } from '../core/message.ts';
import type { Damage } from './api.ts';
import { type Link, linkOfKey } from './codec-delivery.ts';

/**
 * The messages that these replace, and those that the replaced ones had replaced: a second correction stands for the first and
 * for the original.
 */
export function withAllReplaced(
  replaces: Iterable<MessageId>,
  carriers: readonly Pick<Link, 'message' | 'replaces'>[],
): ReadonlySet<MessageId> {
  const all = new Set(replaces);
  // A set hands out what is added while it is walked.
  for (const id of all)
    for (const { message, replaces: earlier } of carriers) if (message === id) for (const one of earlier) all.add(one);
  return all;
}

/**
 * Of a damaged link the key still names interval, version and message; what the message replaced, it says itself. Undefined
 * where not even the key is that of a link.
 */
export async function linkOfDamaged(
  { key }: Damage,
  correctedBy: (id: MessageId) => Promise<MessageId | undefined>,
): Promise<Link | undefined> {
  const named = linkOfKey(key);
  if (!named) return undefined;
  const corrects = await correctedBy(named.message);
  return { ...named, replaces: corrects === undefined ? [] : [corrects] };
}
