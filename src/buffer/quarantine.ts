import type { Store } from '../machine/store.ts';
import { type Damage, STREAMS, type Suspect } from './api.ts';
import { isDamage } from './frame.ts';
import type { Draft, Journal } from './journal.ts';
import { journalPrefix, keyParts, lastPart, quarantineKey } from './keys.ts';
import { waitingState } from './life.ts';
import { hex } from './migrate.ts';
import { lifeFromEvents } from './waiting.ts';

const KEYS_AT_ONCE = 64;

/**
 * Moves damaged records under `q/` and puts a mark in the place of each, and of those that are gone: reads pass over a mark
 * in silence, and nobody takes its place by mistake. Looks again before it does, so that a record that is whole, or that was
 * given up meanwhile, is left alone. Gives what was found.
 */
export async function quarantine(store: Store, journal: Journal, asked: readonly Suspect[]): Promise<Damage[]> {
  const found: Damage[] = [];
  // A record may be met by its name in the journal and by its key.
  const suspects = [...new Map(asked.map((suspect) => [suspect.key, suspect])).values()];
  for (let next = 0; next < suspects.length; next += KEYS_AT_ONCE) {
    const some = suspects.slice(next, next + KEYS_AT_ONCE);
    found.push(...(await journal.write((draft) => quarantineSome(store, journal, draft, some))));
  }
  return found;
}

async function quarantineSome(
  store: Store,
  journal: Journal,
  draft: Draft,
  suspects: readonly Suspect[],
): Promise<Damage[]> {
  const found: Damage[] = [];
  for (const { key, detail, namedBy = key } of suspects) {
    const row = await draft.get(key);
    if (row !== undefined && (!isDamage(row) || row.quarantined)) continue;
    // Entries and their records are given up together: what is gone and no longer in the journal's range is no loss.
    if (row === undefined && !isInJournal(journal, namedBy)) continue;
    const bytes = row && (await store.get(key));
    if (bytes) draft.set(quarantineKey(key), { detail, bytes: hex(bytes) });
    await takePlace(journal, draft, key, detail);
    found.push({ key, detail });
  }
  return found;
}

/** What can be made again is made again; the rest is marked. */
async function takePlace(journal: Journal, draft: Draft, key: string, detail: string): Promise<void> {
  const [kind, second = ''] = keyParts(key);
  if (kind === 'w') {
    const life = await lifeFromEvents(draft, second);
    if (waitingState(life)) draft.set(key, life);
    else draft.remove(key);
  } else if (kind === 'c' || kind === 'v' || kind === 'q' || (kind === 'j' && !isInJournal(journal, key)))
    draft.remove(key);
  else draft.mark(key, detail);
}

/** A mark under a number that a flipped bit has made would be taken for the end of the journal. */
function isInJournal(journal: Journal, key: string): boolean {
  const stream = STREAMS.find((name) => key.startsWith(journalPrefix(name)));
  const number = Number(lastPart(key));
  return stream !== undefined && number > journal.low(stream) && number <= journal.head(stream);
}
