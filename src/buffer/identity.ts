import { z } from 'zod';
import type { Store } from '../machine/store.ts';
import { decoding } from './codec.ts';
import { isDamage } from './frame.ts';
import { IDENTITY_KEY } from './keys.ts';
import { decodeRow } from './rows.ts';

/** Whose memory it is: stands in the store and in the second copy, so that neither is ever taken for that of another. */
export const identitySchema = z.object({
  site: z.string(),
  /** Since when a gateway answers for the site, in UTC milliseconds. */
  installedAt: z.int(),
});

export type Identity = z.infer<typeof identitySchema>;

/** Undefined in a store of an earlier program, and where the row is damaged: it is written again then. */
export async function readIdentity(store: Store): Promise<Identity | undefined> {
  const bytes = await store.get(IDENTITY_KEY);
  const found =
    bytes && decodeRow(IDENTITY_KEY, bytes, (row) => decoding(row, () => identitySchema.parse(row.payload)));
  return found && !isDamage(found) ? found : undefined;
}

export function isSame(one: Identity, other: Identity): boolean {
  return one.site === other.site && one.installedAt === other.installedAt;
}
