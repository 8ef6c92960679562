/**
 * Everything that can be found about an interval: a closed list, told to people in docs/validation.md (a test keeps the two
 * alike). An interval carries the codes; its raw readings stay as they came.
 *
 * level: `note`    nothing is wrong; said so that a reader is not surprised
 *        `doubt`   the value goes out, and somebody should look
 *        `refused` the value cannot be believed and is not given: the interval is missing
 *        `method`  how a value came about that is no plain difference of two indexes
 * scope: `edges`   follows from the readings at the interval's own edges
 *        `day`     follows from what stands around it; judged when the day is over
 */
export const FINDINGS = {
  // missing
  'no-reading': { level: 'refused', scope: 'edges', what: 'no index is known at one of its edges' },
  'counter-reset': { level: 'refused', scope: 'edges', what: 'the index went back and no rollover explains it' },
  'meter-exchanged': {
    level: 'refused',
    scope: 'edges',
    what: 'the meter was exchanged in it: the indexes at its edges are of two meters',
  },
  negative: {
    level: 'refused',
    scope: 'edges',
    what: 'the index went back a little: the consumption would be negative',
  },
  'after-negative': {
    level: 'refused',
    scope: 'edges',
    what: 'it starts from an index below one that was there before, so it may hold more than was used in it',
  },
  'capacity-exceeded': {
    level: 'refused',
    scope: 'edges',
    what: 'more than 120 % of what the connected capacity allows',
  },
  'no-conversion': {
    level: 'refused',
    scope: 'edges',
    what: 'pressure or temperature is not known or cannot be true, so the operating volume cannot be converted',
  },
  'multiplier-mixed': { level: 'refused', scope: 'edges', what: 'the multiplier changed inside it' },
  'multiplier-unknown': { level: 'refused', scope: 'edges', what: 'the site file states no multiplier for that time' },
  'decision-unknown': {
    level: 'refused',
    scope: 'edges',
    what: "its record is lost and may have been a person's value, which the audit log cannot tell any more",
  },
  'size-decided': {
    level: 'refused',
    scope: 'edges',
    what: 'a person entered a value over it for an interval of another length',
  },
  // why nothing is known
  'value-invalid': {
    level: 'doubt',
    scope: 'edges',
    what: 'the meter marked a value in it as not valid or not available',
  },
  'value-not-found': {
    level: 'doubt',
    scope: 'edges',
    what: 'the meter answered in it without a value that its device file names',
  },
  'stamp-not-credible': {
    level: 'doubt',
    scope: 'edges',
    what: 'a value that the meter froze in it was refused: its time stamp cannot be right',
  },
  // edges
  spike: { level: 'doubt', scope: 'edges', what: 'more than the stated share of the connected capacity' },
  'rolled-over': { level: 'note', scope: 'edges', what: 'the counter passed its last digit' },
  'multiplier-changed': {
    level: 'note',
    scope: 'edges',
    what: 'another multiplier holds from the start of this interval',
  },
  'clock-not-credible': {
    level: 'doubt',
    scope: 'edges',
    what: "a value the meter froze was passed over because the meter's clock was off",
  },
  'size-changed': { level: 'note', scope: 'edges', what: 'an earlier version of this interval had another length' },
  'meter-alarm': { level: 'doubt', scope: 'edges', what: 'the meter reported an error or a pending alarm' },
  'meter-disturbed': { level: 'doubt', scope: 'edges', what: 'the meter counted by substitute values' },
  'meter-power-failed': { level: 'doubt', scope: 'edges', what: 'the meter was without power' },
  'meter-clock-set': { level: 'doubt', scope: 'edges', what: "the meter's clock was set" },
  'meter-battery-low': { level: 'note', scope: 'edges', what: 'the meter asks for a new battery' },
  // the day
  contradicted: { level: 'doubt', scope: 'day', what: 'the meter told two different values of one instant' },
  'wall-stepped': {
    level: 'doubt',
    scope: 'day',
    what: "the gateway's clock was set in it, and its length is known from that clock only",
  },
  'archive-differs': {
    level: 'doubt',
    scope: 'day',
    what: 'the index the meter froze does not lie between the samples around it',
  },
  'zero-run': { level: 'doubt', scope: 'day', what: 'nothing was used for longer than stated' },
  stale: { level: 'doubt', scope: 'day', what: 'the index stood still while the meter showed flow or power' },
  'disturbed-growth': { level: 'doubt', scope: 'day', what: 'the counter of disturbed volume advanced' },
  'day-sum-differs': {
    level: 'doubt',
    scope: 'day',
    what: "the day's intervals do not add up to its index difference",
  },
  'month-sum-differs': {
    level: 'doubt',
    scope: 'day',
    what: "the month's intervals do not add up to its index difference",
  },
  'estimated-too-long': { level: 'doubt', scope: 'day', what: 'values have been estimated for longer than stated' },
  // methods
  'estimated-linear': { level: 'method', scope: 'edges', what: 'an equal share of the index difference over the gap' },
  'estimated-scaled': {
    level: 'method',
    scope: 'edges',
    what: 'a share of the index difference over the gap, shaped like the same weekday before',
  },
  'estimated-like-day': { level: 'method', scope: 'edges', what: 'the same hour of the same weekday before' },
  'substituted-by-person': {
    level: 'method',
    scope: 'edges',
    what: 'a person decided; the audit log says who and why',
  },
  'decision-restored': {
    level: 'doubt',
    scope: 'edges',
    what: "the record of a person's value was lost; the value was put back from the audit log",
  },
  'converted-fixed': {
    level: 'method',
    scope: 'edges',
    what: 'operating volume converted with the compressibility ratio of the site file',
  },
  'converted-sgerg-88': {
    level: 'method',
    scope: 'edges',
    what: 'operating volume converted with compressibility by SGERG-88',
  },
} as const satisfies Record<string, FindingEntry>;

export interface FindingEntry {
  readonly level: 'note' | 'doubt' | 'refused' | 'method';
  readonly scope: 'edges' | 'day';
  readonly what: string;
}

export type FindingCode = keyof typeof FINDINGS;

const ENTRIES: ReadonlyMap<string, FindingEntry> = new Map(Object.entries(FINDINGS));

/** A code of an earlier release is unknown to this one: it is kept, as one that its edges gave. */
export function entryOf(code: string): FindingEntry | undefined {
  return ENTRIES.get(code);
}

export function isDayFinding(code: string): boolean {
  return entryOf(code)?.scope === 'day';
}
