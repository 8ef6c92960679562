import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import { isoUtc } from '../core/time.ts';
import type { Store } from '../machine/store.ts';
import { decoding } from './codec.ts';
import { FRAME_VERSION, isDamage, newerFormat } from './frame.ts';
import { HEADS_KEY, IDENTITY_KEY } from './keys.ts';
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

/**
 * Throws OdecetError store-foreign for a store of a newer program, of which every record would be taken for damaged and moved
 * aside. Asked of the vital record, which every batch writes.
 */
export async function refuseNewer(store: Store): Promise<void> {
  const bytes = await store.get(HEADS_KEY);
  const format = bytes && newerFormat(HEADS_KEY, bytes);
  if (format === undefined) return;
  const detail = `the store has record format ${format}, this program knows up to ${FRAME_VERSION}: start the newer program that wrote it; nothing was changed`;
  throw new OdecetError('store-foreign', detail);
}

/**
 * Throws OdecetError store-foreign for a second copy that another gateway has written: its messages would be sent.
 * @param own as the store says
 */
export function refuseForeign(own: Identity | undefined, copied: readonly Identity[]): void {
  // By the time of the installation: a site may be given another name.
  const other = own && copied.find(({ installedAt }) => installedAt !== own.installedAt);
  if (!own || !other) return;
  const detail = `vital.log is of ${wordsOf(other)}, the store of ${wordsOf(own)}: put the right file in its place, or move it away, then it is made anew from the store`;
  throw new OdecetError('store-foreign', detail);
}

export function wordsOf({ site, installedAt }: Identity): string {
  return `site "${site}", installed ${isoUtc(installedAt)}`;
}

export function isSame(one: Identity, other: Identity): boolean {
  return one.site === other.site && one.installedAt === other.installedAt;
}
