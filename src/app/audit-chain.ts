import { createHash } from 'node:crypto';
import type { AuditEntry, Buffer, Scrubbed, ScrubPosition } from '../buffer/index.ts';

const ENTRIES_AT_ONCE = 1_000;

/** The hash of an entry covers its number, its text and the hash of the one before: none can be changed or taken out unseen. */
export function chained(last: AuditEntry | undefined, text: string): Pick<AuditEntry, 'text' | 'hash'> {
  return { text, hash: hashOf((last?.number ?? 0) + 1, last?.hash ?? '', text) };
}

export interface ChainFault {
  readonly number: number;
  readonly what: string;
}

/** Everything in the log that does not fit; empty when the chain is whole. */
export function chainFaults(entries: readonly AuditEntry[]): ChainFault[] {
  const faults: ChainFault[] = [];
  let before: AuditEntry | undefined;
  for (const entry of entries) {
    const expected = (before?.number ?? 0) + 1;
    if (entry.number !== expected)
      faults.push({ number: entry.number, what: `entries ${expected} to ${entry.number - 1} are not there` });
    if (entry.hash === '') faults.push({ number: entry.number, what: 'the entry cannot be read' });
    else if (entry.number === expected && entry.hash !== hashOf(entry.number, before?.hash ?? '', entry.text))
      faults.push({ number: entry.number, what: 'its hash fits neither its text nor the entry before' });
    before = entry;
  }
  return faults;
}

/** Whether an entry can be read and, where the one before it can be too, is chained to it. */
export function isBelieved({ number, text, hash }: AuditEntry, before: AuditEntry | undefined): boolean {
  if (hash === '') return false;
  const canTell = number === (before?.number ?? 0) + 1 && before?.hash !== '';
  return !canTell || hash === hashOf(number, before?.hash ?? '', text);
}

/**
 * What the store's journal says against the log: an entry that was cut off at its end, or put in the place of another, fits the
 * chain and not the journal.
 */
export async function journalFaults(buffer: Buffer): Promise<ChainFault[]> {
  const faults: ChainFault[] = [];
  let position: ScrubPosition | undefined = { stream: 'audit', after: 0 };
  while (position && 'stream' in position && position.stream === 'audit') {
    const step: Scrubbed = await buffer.scrub(position, ENTRIES_AT_ONCE);
    faults.push(...step.suspects.map(({ key, detail }) => ({ number: numberOf(key), what: detail })));
    position = step.next;
  }
  return faults;
}

function numberOf(key: string): number {
  return Number(key.slice(key.lastIndexOf('/') + 1));
}

function hashOf(number: number, before: string, text: string): string {
  return createHash('sha256').update(`${before}\n${number}\n${text}`).digest('hex');
}
