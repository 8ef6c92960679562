import type { Store, StoreOp } from '../machine/store.ts';
import type { Damage } from './api.ts';
import { decodeCursor, decodeEntry, decodeReading1, encodeReadings, type StoredReading } from './codec.ts';
import { checksumOf, crcText, isDamage, openRow, sealRow } from './frame.ts';
import { encodeHeads, type Heads, headsPayload, loadHeads } from './heads.ts';
import { below, cursorKey, HEADS_KEY, journalKey, journalPrefix, quarantineKey, readingKey } from './keys.ts';
import { decodeRow, walk } from './rows.ts';

/**
 * From record format 1 to 2: the readings of an instant go into one row, and the samples into a journal of their own. Entries
 * keep their numbers in both journals, so that the stages that follow go on where they stood. Every batch leaves a store that
 * the next start goes on from: the vital record tells the format, and it is written last.
 */
const ENTRIES_AT_ONCE = 64;
/** Who followed the one journal of readings. */
const FOLLOWER = 'profiler';

/** Brings a store to the record format of this program; nothing is done to one that has it. */
export async function migrate(store: Store, onDamage: (damage: Damage) => void): Promise<void> {
  const heads = await headsOfFormat1(store, onDamage);
  if (!heads) return;
  for (let next = 1; next <= heads.readings; next += ENTRIES_AT_ONCE) {
    const last = Math.min(next + ENTRIES_AT_ONCE - 1, heads.readings);
    for (let sequence = next; sequence <= last; sequence++) {
      const ops = await migrateEntry(store, sequence, onDamage);
      if (ops.length > 0) await store.batch(ops);
    }
  }
  await store.batch([
    ...(await copyCursor(store)),
    { kind: 'put', key: HEADS_KEY, value: encodeHeads({ ...heads, samples: heads.readings }) },
  ]);
}

/** The vital record of a store of format 1, made from its journals where it is damaged or gone; undefined for any other store. */
async function headsOfFormat1(store: Store, onDamage: (damage: Damage) => void): Promise<Heads | undefined> {
  const bytes = await store.get(HEADS_KEY);
  const vital = bytes && openRow(HEADS_KEY, bytes);
  if (vital && !isDamage(vital)) return vital.version === 1 ? headsPayload.parse(vital.payload) : undefined;
  for await (const [key, entry] of walk(store, below(journalPrefix('readings')), true)) {
    const row = openRow(key, entry);
    if (isDamage(row)) continue;
    if (row.version !== 1) return undefined;
    const { heads, damage } = await loadHeads(store);
    for (const each of damage) onDamage(each);
    return heads;
  }
  return undefined;
}

async function migrateEntry(store: Store, sequence: number, onDamage: (damage: Damage) => void): Promise<StoreOp[]> {
  const key = journalKey('readings', sequence);
  const bytes = await store.get(key);
  const row = bytes ? openRow(key, bytes) : { key, detail: 'the journal entry is gone' };
  const entry = isDamage(row) ? row : decodeEntry(row);
  if (isDamage(entry) || isDamage(row)) {
    if (isDamage(entry)) onDamage(entry);
    return [];
  }
  if (row.version !== 1) return [];
  const ops: StoreOp[] = [];
  const groups = new Map<string, StoredReading[]>();
  for (const [rowKey] of entry) {
    const value = await store.get(rowKey);
    ops.push({ kind: 'delete', key: rowKey });
    const stored = value ? decodeRow(rowKey, value, decodeReading1) : { key: rowKey, detail: 'the record is gone' };
    if (isDamage(stored)) {
      onDamage(stored);
      if (value) ops.push(quarantined(rowKey, value, stored));
      continue;
    }
    const place = await freePlace(store, stored);
    groups.set(place, [...(groups.get(place) ?? []), stored]);
  }
  const named = { readings: [] as string[][], samples: [] as string[][] };
  for (const [place, stored] of groups) {
    const value = sealRow(place, sequence, encodeReadings(stored));
    ops.push({ kind: 'put', key: place, value });
    named[stored[0]!.reading.source === 'stored' ? 'readings' : 'samples'].push([place, crcText(checksumOf(value))]);
  }
  for (const stream of ['readings', 'samples'] as const) {
    const entryKey = journalKey(stream, sequence);
    ops.push({ kind: 'put', key: entryKey, value: sealRow(entryKey, sequence, named[stream]) });
  }
  return ops;
}

async function freePlace(store: Store, { reading: { device, at, source } }: StoredReading): Promise<string> {
  for (let copy = 1; ; copy++) {
    const key = readingKey(device, at, source, copy);
    if ((await store.get(key)) === undefined) return key;
  }
}

function quarantined(key: string, bytes: Uint8Array, { detail }: Damage): StoreOp {
  const place = quarantineKey(key);
  return { kind: 'put', key: place, value: sealRow(place, 0, { detail, bytes: hex(bytes) }) };
}

/** Bytes as they are kept in a quarantined record. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function copyCursor(store: Store): Promise<StoreOp[]> {
  const bytes = await store.get(cursorKey(FOLLOWER));
  const cursor = bytes && decodeRow(cursorKey(FOLLOWER), bytes, decodeCursor);
  if (!cursor || isDamage(cursor)) return [];
  const key = cursorKey(`${FOLLOWER}/samples`);
  return [{ kind: 'put', key, value: sealRow(key, 0, cursor) }];
}
