import type { MessageId } from '../core/message.ts';
import { givenOutAt } from '../core/message-id.ts';
import { HOUR_MS, parseUtc, type UtcMs } from '../core/time.ts';
import type { Store } from '../machine/store.ts';
import type { Stream, Trimmed, TrimRule } from './api.ts';
import { decodeEntry, type Entry } from './codec.ts';
import { decodeLink, decodeMessage } from './codec-delivery.ts';
import { isDamage } from './frame.ts';
import { type GoneInterval, goneIntervals, noteGivenUp } from './given-up.ts';
import type { Draft, Journal } from './journal.ts';
import {
  below,
  intervalKey,
  journalKey,
  journalPrefix,
  keyParts,
  lastPart,
  messageKey,
  quarantineKey,
  READINGS,
  REFUSALS,
  readingDay,
} from './keys.ts';
import { waitingState } from './life.ts';
import type { Rows } from './rows.ts';
import { lifeInDraft } from './waiting.ts';

const ENTRIES_AT_ONCE = 128;
const NOTHING: Trimmed = { entries: 0, records: 0 };
/** A record of a later time than this was stamped by a clock that was wrong: it does not hold up what lies behind it. */
const FUTURE_MS = 24 * HOUR_MS;

/**
 * Gives up the oldest entries of a journal and what they name. What is old and must stay is named again by a new entry, so
 * that every record is named by an entry and the numbers have no holes. Stops at the first entry that is young.
 */
export async function trim(
  journal: Journal,
  rows: Pick<Rows, 'onDamage'>,
  stream: Stream,
  rule: TrimRule,
): Promise<Trimmed> {
  const last = Math.min(
    journal.head(stream),
    rule.upTo ?? Number.POSITIVE_INFINITY,
    journal.low(stream) + rule.entriesMax,
  );
  let entries = 0;
  let records = 0;
  for (;;) {
    const step = await journal.write((draft) => trimSome(draft, journal, rows, stream, rule, last));
    entries += step.entries;
    records += step.records;
    if (step.entries < ENTRIES_AT_ONCE) break;
  }
  records += await journal.write((draft) => trimQuarantined(draft, journal, stream, rule));
  if (stream === 'readings') await journal.write((draft) => trimRefusals(draft, rule));
  return { entries, records };
}

/** What was moved aside goes at the age at which the record itself would have gone. Whoever wants it longer has the report. */
async function trimQuarantined(draft: Draft, journal: Journal, stream: Stream, rule: TrimRule): Promise<number> {
  let records = 0;
  for (const { key } of await draft.list(below(quarantineKey('')))) {
    const record = key.slice(quarantineKey('').length);
    if (!isOf(stream, record) || !isPast(journal, stream, record, rule)) continue;
    draft.remove(key);
    records++;
  }
  return records;
}

/** Whether a record is one that a stream's journal names, or an entry of it. */
function isOf(stream: Stream, key: string): boolean {
  const [kind = '', second, , source] = keyParts(key);
  if (kind === 'j') return second === stream;
  if (kind === 'r') return stream === (source === 'stored' ? 'readings' : 'samples');
  if (kind === 'u') return stream === 'readings';
  return kind === 'i' ? stream === 'intervals' : 'menl'.includes(kind) && stream === 'delivery';
}

function isPast(journal: Journal, stream: Stream, key: string, { olderThan }: TrimRule): boolean {
  if (key.startsWith('j/')) return Number(lastPart(key)) <= journal.low(stream);
  try {
    return agedAt(key) < olderThan;
  } catch {
    // A key that a flipped bit has made has no age: it was told when it was found.
    return true;
  }
}

/** Why there was no value is of use as long as the values themselves. */
async function trimRefusals(draft: Draft, { olderThan }: TrimRule): Promise<void> {
  const old = { gte: REFUSALS, lt: `${REFUSALS}${readingDay(olderThan)}/` };
  for (const { key } of await draft.list(old)) draft.remove(key);
}

async function trimSome(
  draft: Draft,
  journal: Journal,
  rows: Pick<Rows, 'onDamage'>,
  stream: Stream,
  rule: TrimRule,
  last: number,
): Promise<Trimmed> {
  const first = journal.low(stream) + 1;
  const count = Math.max(0, Math.min(ENTRIES_AT_ONCE, last - first + 1));
  // Most often nothing is old enough, which the first entry tells.
  if (count === 0 || (await entryAt(draft, stream, first)).some(([key]) => isYoung(key, rule))) return NOTHING;
  const numbers = Array.from({ length: count }, (_, n) => first + n);
  await draft.load(numbers.map((number) => journalKey(stream, number)));
  const old: Entry[] = [];
  for (const number of numbers) {
    const entry = await entryAt(draft, stream, number);
    if (entry.some(([key]) => isYoung(key, rule))) break;
    old.push(entry);
  }
  if (stream !== 'delivery') await draft.load(old.flatMap((entry) => entry.map(([key]) => key)));
  const mayGo = keeperOf(draft, stream);
  const gone: GoneInterval[] = [];
  let records = 0;
  for (const [n, entry] of old.entries()) {
    const number = first + n;
    for (const [key, checksum] of entry) {
      if (await isNamedLater(draft, stream, key, number)) continue;
      if (agedAt(key) <= rule.now + FUTURE_MS && (await mayGo(key))) {
        gone.push(...(await goneIntervals(draft, key)));
        draft.remove(key);
        records++;
      } else draft.nameAgain(stream, key, Number.parseInt(checksum, 16));
    }
    draft.remove(journalKey(stream, number));
  }
  await noteGivenUp(draft, rows, gone, rule.now);
  if (old.length > 0) draft.raiseLow(stream, first + old.length - 1);
  return { entries: old.length, records };
}

/** Readings that were named again after a repair go with their later entry. */
async function isNamedLater(draft: Draft, stream: Stream, key: string, number: number): Promise<boolean> {
  if (!isOfReadings(stream)) return false;
  return ((await draft.namedBy(key)) ?? 0) > number;
}

function isOfReadings(stream: Stream): boolean {
  return stream === 'readings' || stream === 'samples';
}

/** An entry that cannot be read names nothing any more. */
async function entryAt(draft: Draft, stream: Stream, number: number): Promise<Entry> {
  const row = await draft.get(journalKey(stream, number));
  const entry = row === undefined || isDamage(row) ? undefined : decodeEntry(row);
  return entry === undefined || isDamage(entry) ? [] : entry;
}

function isYoung(key: string, { olderThan, now }: TrimRule): boolean {
  const at = agedAt(key);
  return at >= olderThan && at <= now + FUTURE_MS;
}

/** The instant from which a record's age is counted. */
function agedAt(key: string): UtcMs {
  const parts = keyParts(key);
  switch (parts[0] ?? '') {
    case 'r':
      return parseUtc(`${parts[1]}T${parts[4]?.split('~')[0]}`);
    case 'u':
      return parseUtc(`${parts[1]}T23:59:59.999Z`);
    case 'i':
      return parseUtc(parts[3] ?? '');
    case 'm':
    case 'e':
      return givenOutAt(parts[1] ?? '');
    case 'n':
      return givenOutAt(parts[3] ?? '');
    case 'l':
      return givenOutAt(parts[5] ?? '');
    default:
      return Number.POSITIVE_INFINITY;
  }
}

/** Whether an old record may go: readings always, intervals when accepted, messages when final and without intervals. */
function keeperOf(draft: Draft, stream: Stream): (key: string) => Promise<boolean> {
  if (isOfReadings(stream)) return async () => true;
  const known = new Map<string, Promise<boolean>>();
  const once = (name: string, look: () => Promise<boolean>): Promise<boolean> => {
    const found = known.get(name) ?? look();
    known.set(name, found);
    return found;
  };
  if (stream === 'intervals')
    return (key) => {
      const interval = key.slice(0, -lastPart(key).length);
      return once(interval, () => isAccepted(draft, interval));
    };
  return (key) => {
    const parts = keyParts(key);
    const id = parts[0] === 'l' ? parts[5]! : parts[0] === 'n' ? parts[3]! : parts[1]!;
    return once(id, () => isDone(draft, id));
  };
}

async function isDone(draft: Draft, id: MessageId): Promise<boolean> {
  const { life } = await lifeInDraft(draft, id);
  if (waitingState(life)) return false;
  const row = await draft.get(messageKey(id));
  const message = row === undefined || isDamage(row) ? undefined : decodeMessage(row);
  if (message === undefined || isDamage(message)) return true;
  const keys = message.carried.map(intervalKey);
  await draft.load(keys);
  for (const key of keys) if (await draft.get(key)) return false;
  return true;
}

/** Whether the latest version of an interval is in an accepted message. @param interval its key up to the version */
async function isAccepted(draft: Draft, interval: string): Promise<boolean> {
  const versions = (await draft.list(below(interval))).map(({ key }) => lastPart(key)).sort();
  const latest = versions.at(-1);
  if (latest === undefined) return true;
  for (const row of await draft.list(below(`l${interval.slice(1)}${latest}/`))) {
    const link = isDamage(row) ? row : decodeLink(row);
    if (!isDamage(link) && (await lifeInDraft(draft, link.message)).life.accepted) return true;
  }
  return false;
}

/** LevelDB keeps what was removed until it compacts; readings stand by day, so whole files go. */
export async function giveBack(store: Store, journal: Journal, stream: Stream, olderThan: UtcMs): Promise<void> {
  if (!store.compact) return;
  await store.compact({ gte: journalPrefix(stream), lt: journalKey(stream, journal.low(stream)) });
  if (isOfReadings(stream)) await store.compact({ gte: READINGS.gte, lt: `r/${readingDay(olderThan)}/` });
}
