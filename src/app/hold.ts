import type { Failure } from '../core/failure.ts';
import type { Message } from '../core/message.ts';
import { packId } from '../message/pack.ts';
import { heldByPack } from '../uplink/guard.ts';
import { everyPack, type SitePacks } from './packs.ts';

/** Holds what was made with a pack that is not verified; a pack that is no longer here counts as such. */
export function holdOf(
  environment: 'production' | 'sandbox',
  packs: SitePacks,
): (message: Pick<Message, 'pack'>) => Failure | undefined {
  const statusOf = new Map(everyPack(packs).map((pack) => [packId(pack), pack.status]));
  return ({ pack }) => heldByPack(environment, { id: pack, status: statusOf.get(pack) ?? 'unverified' });
}
