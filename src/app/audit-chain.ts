import { createHash } from 'node:crypto';
import type { AuditEntry } from '../buffer/index.ts';

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

function hashOf(number: number, before: string, text: string): string {
  return createHash('sha256').update(`${before}\n${number}\n${text}`).digest('hex');
}
