import type { Buffer, Damage, Suspect } from '../buffer/index.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';
import type { Folder } from '../machine/folder.ts';
import type { Log } from '../machine/log.ts';
import { closeAgain, type Mended, type MendParts, mend } from './mend.ts';

/** How a store came to be looked through. */
export interface RepairCause {
  readonly cause: string;
  /** Where the files stand as they were found; absent where nothing was done to them. */
  readonly copy?: string;
}

export interface RepairReport extends RepairCause, Mended {
  readonly at: string;
  readonly records: number;
  /** Numbers that the second copy knew to be given out and the store had forgotten, by journal. */
  readonly behind: Readonly<Record<string, number>>;
  /** What the second copy should have known and did not: what stood there nobody can name. */
  readonly secondCopy?: string;
  /** Every record that is damaged or gone, by its key: what a meter told, what was made (and what was told of it), what was sent. */
  readonly missing: readonly Damage[];
}

const RECORDS_AT_ONCE = 1_000;
/** So many are told one by one as well: the log outlives the report where the machine is lost. A lost table has thousands. */
const TOLD_MAX = 200;

/** What a look through the store found. */
export interface LookedThrough {
  /** The name of the report. */
  readonly report: string;
  readonly missing: readonly Damage[];
}

/**
 * Looks through the whole store, moves aside what is damaged, marks what is gone, mends what can be mended, and writes down
 * exactly what is missing beside the store. Undefined when nothing was wrong.
 */
export async function lookThrough(
  parts: MendParts,
  folder: Folder,
  { cause, copy }: RepairCause,
  now: UtcMs,
  log: Log,
): Promise<LookedThrough | undefined> {
  const { buffer } = parts;
  const { behind, copyDoubt, unmended } = buffer;
  const { checked, missing: found } = await quarantineAll(buffer);
  const missing = [...unmended, ...found];
  if (copy === undefined && copyDoubt === undefined && missing.length === 0 && Object.keys(behind).length === 0)
    return undefined;
  const { mended, lost } = await mend(parts, missing, now);
  await closeAgain(buffer, lost);
  const report: RepairReport = {
    at: isoUtc(now),
    cause,
    ...(copy !== undefined && { copy }),
    ...mended,
    records: checked,
    behind,
    ...(copyDoubt !== undefined && { secondCopy: copyDoubt }),
    missing,
  };
  const name = `repair-report-${stamp(now)}.json`;
  await folder.write(name, `${JSON.stringify(report, null, 1)}\n`);
  for (const { key, detail, told } of missing.slice(0, TOLD_MAX))
    log.error('record-damaged', { record: key, detail, ...(told !== undefined && { told }) });
  log.error('store-repaired', { report: name, cause, missing: missing.length, behind, ...mended });
  return { report: name, missing };
}

async function quarantineAll(buffer: Buffer): Promise<{ checked: number; missing: readonly Damage[] }> {
  const suspects: Suspect[] = [];
  let checked = 0;
  let position: Parameters<Buffer['scrub']>[0];
  do {
    const step: Awaited<ReturnType<Buffer['scrub']>> = await buffer.scrub(position, RECORDS_AT_ONCE);
    suspects.push(...step.suspects);
    checked += step.checked;
    position = step.next;
  } while (position);
  return { checked, missing: suspects.length === 0 ? [] : await buffer.quarantine(suspects) };
}

/** A time as it may stand in a file name. */
export function stamp(at: UtcMs): string {
  return isoUtc(at).replaceAll(':', '-');
}
