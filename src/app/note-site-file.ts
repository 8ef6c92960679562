import type { Buffer } from '../buffer/index.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';
import { chained } from './audit-chain.ts';
import { readAudit, type SiteFileText } from './audit-texts.ts';
import type { LoadedSite } from './site-files.ts';

/**
 * Tells the audit log with which site file a gateway runs, where it is not that of the last entry: a multiplier, a capacity, a heat
 * or a serial number that is changed by hand changes what is sent. Who did it is not known; which file counted from when is.
 */
export async function noteSiteFile(
  buffer: Pick<Buffer, 'auditLog' | 'keepAudited'>,
  { file, hash }: Pick<LoadedSite, 'file' | 'hash'>,
  now: UtcMs,
): Promise<void> {
  const said = (await buffer.auditLog()).map(({ text }) => readAudit(text));
  const before = said.findLast((one): one is SiteFileText => one?.what === 'site-file')?.hash;
  if (before === hash) return;
  const text: SiteFileText = {
    at: isoUtc(now),
    what: 'site-file',
    file,
    ...(before !== undefined && { before }),
    hash,
  };
  await buffer.keepAudited([], (last) => chained(last, JSON.stringify(text)));
}
