import type { Buffer } from '../buffer/index.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';
import type { Folder } from '../machine/folder.ts';
import { chained } from './audit-chain.ts';
import { type HeldText, readAudit } from './audit-texts.ts';
import { heldSince } from './held.ts';

/**
 * Tells the audit log that days are held because of damage, where it does not know it yet: an earlier start was cut off, or its disk
 * was full. The second copy brings the entry to a machine that is restored with it, which has nothing else to know by that this copy
 * does not name all that was sent.
 * @param doubt what this start has against the second copy
 */
export async function noteHeldDays(
  buffer: Pick<Buffer, 'auditLog' | 'keepAudited'>,
  folder: Folder,
  now: UtcMs,
  doubt: string | undefined,
): Promise<void> {
  const held = await heldSince(folder, now);
  if (held?.because !== 'damage') return;
  const at = isoUtc(held.at);
  const said = (await buffer.auditLog()).map(({ text }) => readAudit(text));
  if (said.some((one) => one?.what === 'held' && one.at === at)) return;
  const text: HeldText = { at, what: 'held', because: 'damage', ...(doubt !== undefined && { doubt }) };
  await buffer.keepAudited([], (last) => chained(last, JSON.stringify(text)));
}
