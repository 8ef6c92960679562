import type { Store } from '../machine/store.ts';
import { type Damage, STREAMS, type Stream, type Suspect } from './api.ts';
import { damageOf, isDamage, sequenceOf } from './frame.ts';
import type { Draft, Journal } from './journal.ts';
import {
  below,
  intervalOfKey,
  journalKey,
  journalPrefix,
  keyParts,
  lastPart,
  quarantineKey,
  streamOf,
} from './keys.ts';
import { waitingState } from './life.ts';
import { hex } from './migrate.ts';
import { walk } from './rows.ts';
import { isAnother } from './scrub.ts';
import { toldBefore } from './told.ts';
import { noteFound } from './unmended.ts';
import { lifeFromEvents } from './waiting.ts';

const KEYS_AT_ONCE = 64;
/** What journals name, but for the audit log, of which nothing is ever given up and which is read whole. */
const NAMED = ['r/', 'i/', 'l/', 'm/', 'e/', 'n/'].map(below);

/**
 * Moves damaged records under `q/` and puts a mark in the place of each, and of those that are gone: reads pass over a mark
 * in silence, and nobody takes its place by mistake. Looks again before it does, so that a record that is whole, or that was
 * given up meanwhile, is left alone. Gives what was found.
 */
export async function quarantine(store: Store, journal: Journal, asked: readonly Suspect[]): Promise<Damage[]> {
  const found: Damage[] = [];
  // A record may be met by its name in the journal and by its key.
  const suspects = [...new Map(asked.map((suspect) => [suspect.key, suspect])).values()];
  // Before an entry is marked, or a power cut between the two would leave what it named without a name.
  await nameOrphans(store, journal, suspects);
  for (let next = 0; next < suspects.length; next += KEYS_AT_ONCE) {
    const some = suspects.slice(next, next + KEYS_AT_ONCE);
    found.push(...(await journal.write((draft) => quarantineSome(store, journal, draft, some))));
  }
  return found;
}

/**
 * Names again what a damaged or lost journal entry named and is whole itself: the stages follow the journal, so they would never
 * see it, and it would never be too old. Only the rows say which entry named them, so all of them are looked at.
 */
async function nameOrphans(store: Store, journal: Journal, suspects: readonly Suspect[]): Promise<void> {
  const lost = new Set(suspects.map(({ key }) => key).filter((key) => isInJournal(journal, key)));
  if (lost.size === 0) return;
  const orphans: [stream: Stream, key: string][] = [];
  for (const range of NAMED)
    for await (const [key, bytes] of walk(store, range)) {
      const stream = streamOf(key);
      if (!stream || damageOf(key, bytes) || !lost.has(journalKey(stream, sequenceOf(bytes)))) continue;
      orphans.push([stream, key]);
    }
  for (let next = 0; next < orphans.length; next += KEYS_AT_ONCE) {
    const some = orphans.slice(next, next + KEYS_AT_ONCE);
    await journal.write((draft) => nameSome(draft, some));
  }
}

async function nameSome(draft: Draft, orphans: readonly [stream: Stream, key: string][]): Promise<void> {
  await draft.load(orphans.map(([, key]) => key));
  for (const [stream, key] of orphans) {
    const entry = await draft.get(key);
    // Given up meanwhile.
    if (!entry || isDamage(entry)) continue;
    // Readings are written anew, so that they say which entry names them now: it may be lost too. Of intervals the ledger wants
    // to know by which entry they were made.
    if (key.startsWith('r/')) draft.add(stream, key, entry.payload);
    else draft.nameAgain(stream, key, entry.checksum);
  }
}

async function quarantineSome(
  store: Store,
  journal: Journal,
  draft: Draft,
  suspects: readonly Suspect[],
): Promise<Damage[]> {
  const found: Damage[] = [];
  for (const { key, detail, namedBy = key, namedAs } of suspects) {
    const row = await draft.get(key);
    const isWhole = row !== undefined && !isDamage(row);
    if (isWhole && (namedAs === undefined || !isAnother(row, namedBy, namedAs))) continue;
    if (row !== undefined && isDamage(row) && row.quarantined) continue;
    // Entries and their records are given up together: what is gone and no longer in the journal's range is no loss.
    if (row === undefined && !isInJournal(journal, namedBy)) continue;
    const bytes = row && (await store.get(key));
    if (bytes) draft.set(quarantineKey(key), { detail, bytes: hex(bytes) });
    await takePlace(journal, draft, key, detail);
    const told = await toldOfInterval(draft, key);
    found.push({ key, detail, ...(told && { told }) });
  }
  noteFound(draft, found);
  return found;
}

async function toldOfInterval(draft: Draft, key: string): Promise<string | undefined> {
  const interval = intervalOfKey(key);
  const told = interval && (await toldBefore(draft, [interval]));
  return told?.get(key);
}

/** What can be made again is made again; the rest is marked. */
async function takePlace(journal: Journal, draft: Draft, key: string, detail: string): Promise<void> {
  const [kind, second = ''] = keyParts(key);
  if (kind === 'w') {
    const life = await lifeFromEvents(draft, second);
    if (waitingState(life)) draft.set(key, life);
    else draft.remove(key);
  } else if (
    kind === 'c' ||
    kind === 'u' ||
    kind === 'v' ||
    kind === 'q' ||
    (kind === 'j' && !isInJournal(journal, key))
  )
    draft.remove(key);
  else draft.mark(key, detail);
}

/** A mark under a number that a flipped bit has made would be taken for the end of the journal. */
function isInJournal(journal: Journal, key: string): boolean {
  const stream = STREAMS.find((name) => key.startsWith(journalPrefix(name)));
  const number = Number(lastPart(key));
  return stream !== undefined && number > journal.low(stream) && number <= journal.head(stream);
}
