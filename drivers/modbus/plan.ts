import { type Answer, bytesIn, endOf, hexText, type RegisterRange, rangeText, within } from './registers.ts';

/**
 * Which requests to send. The fewest that hold every value, each value whole, never across more unused registers than allowed.
 *
 * A frozen index and its stamp must belong together even when the hour rolls between two requests. So both come from ONE
 * request where they fit in one; else the stamp is read before and again after all values, and the value is used only when both
 * stamps are alike: the meter cannot have frozen a new index in between.
 */

export interface Limits {
  readonly registersMax: number;
  /** Unused registers that a request may read across. */
  readonly holeMax: number;
  readonly quirks?: readonly 'one-value-per-request'[];
}

/** A value, and the stamp it must not be parted from. */
export interface Wanted {
  readonly value: RegisterRange;
  readonly stamp?: RegisterRange;
}

/** The requests in the order in which they must be sent. Throws RangeError when a value alone is beyond registersMax. */
export function planRequests(wanted: readonly Wanted[], limits: Limits): RegisterRange[] {
  const pieces = wanted.flatMap(({ value, stamp }) => (stamp ? [value, stamp] : [value]));
  for (const piece of pieces) {
    if (piece.count > limits.registersMax) {
      throw new RangeError(`${rangeText(piece)} is more than the ${limits.registersMax} registers of a request`);
    }
  }
  if (limits.quirks?.includes('one-value-per-request')) return singly(wanted);
  const land = stretches(pieces, limits.holeMax);
  const together: RegisterRange[] = [];
  const stampsApart: RegisterRange[] = [];
  for (const { value, stamp } of wanted) {
    const both = stamp ? hull(value, stamp) : value;
    if (both && both.count <= limits.registersMax && stretchOf(both, land)) {
      together.push(both);
    } else {
      together.push(value);
      if (stamp) stampsApart.push(stamp);
    }
  }
  const around = cover(stampsApart, land, limits.registersMax);
  return [...around, ...cover(together, land, limits.registersMax), ...around];
}

/** Each value by itself, between two readings of all stamps. */
function singly(wanted: readonly Wanted[]): RegisterRange[] {
  const stamps = distinct(wanted.flatMap(({ stamp }) => stamp ?? []));
  return [...stamps, ...distinct(wanted.map(({ value }) => value)), ...stamps];
}

function distinct(ranges: readonly RegisterRange[]): RegisterRange[] {
  return [...new Map(ranges.map((range) => [rangeText(range), range])).values()];
}

/** What the answers say of a wanted value; `torn` when its stamp changed while it was read. */
export interface Picked {
  readonly value: Uint8Array;
  readonly stamp?: Uint8Array;
  readonly torn: boolean;
}

/** @param answers to all requests of the plan, in its order. Throws when they do not hold the value: a fault in this program. */
export function pick({ value, stamp }: Wanted, answers: readonly Answer[]): Picked {
  for (const [index, answer] of answers.entries()) {
    const bytes = bytesIn(answer, value);
    if (!bytes) continue;
    if (!stamp) return { value: bytes, torn: false };
    const beside = bytesIn(answer, stamp);
    if (beside) return { value: bytes, stamp: beside, torn: false };
    const before = firstBytes(stamp, answers.slice(0, index).reverse());
    const after = firstBytes(stamp, answers.slice(index + 1));
    if (before && after) return { value: bytes, stamp: after, torn: hexText(before) !== hexText(after) };
  }
  throw new Error(`no request was planned for ${rangeText(value)}`);
}

function firstBytes(range: RegisterRange, answers: readonly Answer[]): Uint8Array | undefined {
  for (const answer of answers) {
    const bytes = bytesIn(answer, range);
    if (bytes) return bytes;
  }
  return undefined;
}

/**
 * The fewest requests that hold every item whole. The leftmost item that is still open must begin some request, and beginning
 * there and reaching as far as allowed holds whatever any other choice could, so taking that request is never worse.
 * What the next request holds as well is then left to it.
 */
function cover(items: readonly RegisterRange[], land: readonly RegisterRange[], registersMax: number): RegisterRange[] {
  const requests: RegisterRange[] = [];
  let open = [...items].sort((a, b) => a.table.localeCompare(b.table) || a.address - b.address);
  for (let first = open[0]; first; first = open[0]) {
    const stretch = stretchOf(first, land) ?? first;
    const reach = { ...stretch, address: first.address, count: Math.min(registersMax, endOf(stretch) - first.address) };
    requests.push(
      hullOf(
        first,
        open.filter((item) => within(item, reach)),
      ),
    );
    open = open.filter((item) => !within(item, reach));
  }
  return requests.map((request, index) => {
    const next = requests[index + 1];
    const only = items.filter((item) => within(item, request) && !(next && within(item, next)));
    return hullOf({ ...request, count: 1 }, only);
  });
}

/** From the start of `first` to the end of the last item. */
function hullOf(first: RegisterRange, items: readonly RegisterRange[]): RegisterRange {
  const end = items.reduce((most, item) => Math.max(most, endOf(item)), endOf(first));
  return { ...first, count: end - first.address };
}

/** The land a request may lie in: used registers, with holes between them that are small enough to read across. */
function stretches(pieces: readonly RegisterRange[], holeMax: number): RegisterRange[] {
  const sorted = [...pieces].sort((a, b) => a.table.localeCompare(b.table) || a.address - b.address);
  const land: RegisterRange[] = [];
  for (const piece of sorted) {
    const last = land.at(-1);
    if (last && last.table === piece.table && piece.address - endOf(last) <= holeMax) {
      land[land.length - 1] = { ...last, count: Math.max(endOf(last), endOf(piece)) - last.address };
    } else {
      land.push(piece);
    }
  }
  return land;
}

function stretchOf(range: RegisterRange, land: readonly RegisterRange[]): RegisterRange | undefined {
  return land.find((stretch) => within(range, stretch));
}

function hull(a: RegisterRange, b: RegisterRange): RegisterRange | undefined {
  if (a.table !== b.table) return undefined;
  const address = Math.min(a.address, b.address);
  return { table: a.table, address, count: Math.max(endOf(a), endOf(b)) - address };
}
