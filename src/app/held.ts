import { z } from 'zod';
import { crcOfText, crcText } from '../buffer/frame.ts';
import { marketDaySpan } from '../core/calendar.ts';
import { type Failure, failure, OdecetError } from '../core/failure.ts';
import type { Commodity } from '../core/interval.ts';
import type { MessageHead, MessageId } from '../core/message.ts';
import { isoUtc, type MarketDay, parseUtc, type UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Folder } from '../machine/folder.ts';

/**
 * Days that a restored gateway does not send by itself. What the old machine sent after the backup was taken, the backup cannot
 * know; sent again under a new id it would be a double. So new messages of days that were over at the restore wait until a person
 * who has asked the operator releases their day. Messages of the backup itself go again under their own ids.
 */
const HELD_FILE = 'held-after-restore.json';

const heldSchema = z.strictObject({
  /**
   * Absent: a restore. `damage`: the store was lost in part or whole, and the second copy was damaged. `unreadable`: this file was
   * there and could not be read.
   */
  because: z.enum(['restore', 'damage', 'unreadable']).optional(),
  /** When that was: days that were over by then are held. */
  restoredAt: z.int(),
  /** The newest time that backup and records know: a clock that stands before it says nothing of which days were over. */
  knownAt: z.int().optional(),
  /** When a gateway was first started on it: until then the old machine may have gone on, so days over by then are held too. */
  startedAt: z.int().optional(),
  /** The highest message id that the backup can know. */
  lastId: z.string(),
  /** Days, or `gas/2026-03-28` where only one commodity was released. */
  released: z.array(z.string()),
});

/** As it is written: a bit that falls over would release another day, or take a later message for one of the backup. */
const writtenSchema = heldSchema.extend({
  /** CRC32C of the rest; absent in a file of an earlier program. */
  check: z.string().optional(),
});

function checkOf(held: Held): string {
  return crcText(crcOfText(JSON.stringify(heldSchema.parse(held))));
}

export interface HeldDays {
  /** What holds a message back; undefined when nothing does. */
  readonly hold: (message: Pick<MessageHead, 'id' | 'commodity' | 'day'>) => Failure | undefined;
  /**
   * Both commodities where none is given. Gives all that was ever released. Throws OdecetError usage where nothing is held, or one is no day.
   * @param witness is told what will be released before it is; where it rejects nothing is
   */
  release(
    days: readonly MarketDay[],
    commodity: Commodity | undefined,
    witness: (released: readonly string[]) => Promise<unknown>,
  ): Promise<readonly string[]>;
}

type Held = z.infer<typeof heldSchema>;

const CAUSES: Readonly<Record<NonNullable<Held['because']>, string>> = {
  restore: 'restored from a backup',
  damage: 'store and second copy were found damaged',
  unreadable: `${HELD_FILE} was found damaged`,
};

export interface HoldOrder {
  readonly because: NonNullable<Held['because']>;
  readonly at: UtcMs;
  /** The newest time that is known, where that is not `at`. */
  readonly knownAt?: UtcMs | undefined;
  /** The highest message id that is known. */
  readonly lastId: MessageId;
}

/**
 * To be called where it is not known what was sent: by a restore, and where store and second copy are damaged. Where days were
 * held before, what waited for a person still does: that a message is known does not mean that it was never a double.
 */
export async function holdDays(state: Folder, { because, at, knownAt = at, lastId }: HoldOrder): Promise<void> {
  const before = await readHeld(state, at);
  const known = before && before.lastId < lastId ? before.lastId : lastId;
  await writeHeld(state, { because, restoredAt: at, knownAt, lastId: known, released: [] });
}

/** Why days are held, and since when; undefined where none are. @param now stands for a file that cannot be read */
export async function heldSince(state: Folder, now: UtcMs): Promise<Pick<HoldOrder, 'because' | 'at'> | undefined> {
  const held = await readHeld(state, now);
  return held && { because: held.because ?? 'restore', at: held.restoredAt };
}

/**
 * To be called by every start of a gateway; the first one after a restore counts whose clock is not behind what is known. A file
 * that cannot be read is put aside, and another written that holds all that it can have held: gives why, to be told.
 * @param knownAt the newest time that the records know
 */
export async function noteStart(state: Folder, now: UtcMs, knownAt: UtcMs = now): Promise<string | undefined> {
  const held = await readHeld(state, now);
  const text = (await state.readText(HELD_FILE)) ?? '';
  if (held && !parsed(text)) {
    await state.write(`${HELD_FILE}.unreadable`, text);
    await writeHeld(state, { ...held, knownAt: Math.max(now, knownAt), ...(now >= knownAt && { startedAt: now }) });
    return `${HELD_FILE} could not be read; every message of a day that is over waits for a person`;
  }
  if (held && held.startedAt === undefined && now >= knownBy(held)) await writeHeld(state, { ...held, startedAt: now });
  return undefined;
}

/** A day that is in the calendar. */
function isDay(day: string): boolean {
  try {
    return day.length === '2026-03-28'.length && parseUtc(`${day}T00:00Z`) > 0;
  } catch {
    return false;
  }
}

function knownBy({ restoredAt, knownAt = restoredAt }: Held): UtcMs {
  return Math.max(restoredAt, knownAt);
}

/** Of one that cannot be read: nothing is known of what was sent before now. */
async function readHeld(state: Folder, now: UtcMs): Promise<Held | undefined> {
  const text = await state.readText(HELD_FILE);
  if (text === undefined) return undefined;
  return parsed(text) ?? { because: 'unreadable', restoredAt: now, lastId: '', released: [] };
}

function parsed(text: string): Held | undefined {
  try {
    const { check, ...held } = writtenSchema.parse(JSON.parse(text));
    return check === undefined || check === checkOf(held) ? held : undefined;
  } catch {
    return undefined;
  }
}

function writeHeld(state: Folder, held: Held): Promise<void> {
  return state.write(HELD_FILE, JSON.stringify({ ...held, check: checkOf(held) }));
}

export async function readHeldDays(state: Folder, zone: string, clock: Pick<Clock, 'now'>): Promise<HeldDays> {
  const found = await readHeld(state, clock.now());
  if (!found)
    return {
      hold: () => undefined,
      release: async () => {
        throw new OdecetError('usage', 'no day of this gateway was ever held: it was not restored from a backup');
      },
    };
  let held = found;
  const { because, restoredAt, lastId, released } = found;
  const cause = CAUSES[because ?? 'restore'];
  const known = knownBy(found);
  /** Undefined while the clock stands before what is known: which days were over it cannot say. */
  const heldUntil = (): UtcMs | undefined => {
    if (held.startedAt === undefined && clock.now() >= known) {
      held = { ...held, startedAt: clock.now() };
      // Where it cannot be written down the next start counts, and more is held.
      writeHeld(state, held).catch(() => undefined);
    }
    return held.startedAt === undefined ? undefined : Math.max(known, held.startedAt);
  };
  const free = new Set(released);
  return {
    hold({ id, commodity, day }) {
      const isFree = free.has(day) || free.has(`${commodity}/${day}`);
      if (id <= lastId || isFree) return undefined;
      const until = heldUntil();
      if (until !== undefined && marketDaySpan(commodity, day, zone).end > until) return undefined;
      const late = until === undefined ? ` (the clock stands before ${isoUtc(known)}: set it)` : '';
      const detail = `${commodity} day ${day}, message ${id}: ${cause} on ${isoUtc(restoredAt)}${late}, so whether this day was sent before is not known; ask the operator; where it has nothing of it: odecet release ${day} --commodity ${commodity}; where it has it: the same with --delivered --reason TEXT --by NAME`;
      return failure('day-held', detail);
    },
    async release(days, commodity, witness) {
      const wrong = days.find((day) => !isDay(day));
      if (wrong !== undefined) throw new OdecetError('usage', `"${wrong}" is no day; expected one like 2026-03-28`);
      const wanted = days.map((day) => (commodity ? `${commodity}/${day}` : day));
      await witness(wanted);
      const all = [...new Set([...free, ...wanted])].sort();
      // Nothing goes out on the word of a release that a restart would not remember.
      await writeHeld(state, { ...held, released: all });
      held = { ...held, released: all };
      for (const each of wanted) free.add(each);
      return all;
    },
  };
}
