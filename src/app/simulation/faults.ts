import { OdecetError } from '../../core/failure.ts';
import { HOUR_MS, MINUTE_MS, type Millis, SECOND_MS, type Span, type UtcMs } from '../../core/time.ts';
import type { Random } from '../../sim/random.ts';

/** Everything that the weather of a simulated run can do, by the part of the site that it does it to. */
export const FAULT_GROUPS = {
  line: ['silence', 'late', 'truncated', 'noise', 'foreign', 'collision', 'disconnect', 'line-down'],
  meter: [
    'meter-dead',
    'meter-clock-drift',
    'meter-clock-wrong',
    'meter-clock-unseen',
    'meter-freezes-late',
    'meter-alarm',
    'meter-exchanged',
    'meter-flag',
  ],
  power: ['power-cut', 'restart', 'machine-replaced'],
  store: ['store-full', 'store-io', 'bit-flip'],
  wall: ['wall-jump'],
  heat: ['heat-late', 'heat-changed'],
  person: ['person-substitutes'],
  operator: [
    'operator-slow',
    'operator-down',
    'operator-fault',
    'operator-reject',
    'operator-unknown',
    'operator-lost-request',
    'operator-lost-answer',
    'operator-twice',
  ],
} as const;

export type FaultKind = (typeof FAULT_GROUPS)[keyof typeof FAULT_GROUPS][number];
export const FAULT_KINDS: readonly FaultKind[] = Object.values(FAULT_GROUPS).flat();

/** One stretch of bad weather. What the numbers mean depends on the kind. */
export interface Episode extends Span {
  readonly kind: FaultKind;
  /** 0 <= x < 1: which line or meter it meets. */
  readonly where: number;
  /** 0 <= x < 1: how bad it is. */
  readonly force: number;
  /** 0 <= x < 1: a second choice, where one is needed. */
  readonly choice: number;
}

interface Habit {
  /** How often in a week, on average; so that eight weeks hardly ever pass without it. */
  readonly perWeek: number;
  readonly shortestMs: Millis;
  readonly longestMs: Millis;
}

/** Exchanges are many, so a stretch of them meets a line often; what concerns whole days is rarer. */
const STORM: Habit = { perWeek: 1.2, shortestMs: 5 * MINUTE_MS, longestMs: 4 * HOUR_MS };
const ONCE: Habit = { perWeek: 1, shortestMs: SECOND_MS, longestMs: SECOND_MS };

const HABITS: Record<FaultKind, Habit> = {
  silence: STORM,
  late: { ...STORM, perWeek: 3 },
  truncated: STORM,
  noise: STORM,
  foreign: STORM,
  collision: STORM,
  disconnect: STORM,
  'line-down': { perWeek: 0.8, shortestMs: MINUTE_MS, longestMs: 10 * HOUR_MS },
  'meter-dead': { perWeek: 1, shortestMs: 10 * MINUTE_MS, longestMs: 72 * HOUR_MS },
  'meter-clock-drift': { perWeek: 0.8, shortestMs: 6 * HOUR_MS, longestMs: 60 * HOUR_MS },
  'meter-clock-wrong': { perWeek: 0.8, shortestMs: 20 * MINUTE_MS, longestMs: 12 * HOUR_MS },
  'meter-clock-unseen': { perWeek: 0.8, shortestMs: HOUR_MS, longestMs: 12 * HOUR_MS },
  'meter-freezes-late': { perWeek: 2, shortestMs: 2 * HOUR_MS, longestMs: 40 * HOUR_MS },
  'meter-alarm': { perWeek: 2, shortestMs: HOUR_MS, longestMs: 10 * HOUR_MS },
  'meter-exchanged': { perWeek: 0.8, shortestMs: 10 * MINUTE_MS, longestMs: 20 * HOUR_MS },
  'meter-flag': { perWeek: 2, shortestMs: HOUR_MS, longestMs: 10 * HOUR_MS },
  'power-cut': { perWeek: 2, shortestMs: MINUTE_MS, longestMs: 5 * HOUR_MS },
  restart: { perWeek: 1.2, shortestMs: SECOND_MS, longestMs: 10 * MINUTE_MS },
  'machine-replaced': { perWeek: 0.8, shortestMs: HOUR_MS, longestMs: 30 * HOUR_MS },
  'store-full': { perWeek: 0.8, shortestMs: 2 * MINUTE_MS, longestMs: 8 * HOUR_MS },
  'store-io': ONCE,
  'bit-flip': ONCE,
  'wall-jump': { perWeek: 0.8, shortestMs: MINUTE_MS, longestMs: 3 * HOUR_MS },
  'heat-late': { ...ONCE, perWeek: 1.5 },
  'heat-changed': { ...ONCE, perWeek: 1.5 },
  'person-substitutes': { ...ONCE, perWeek: 1.5 },
  'operator-slow': ONCE,
  'operator-down': { perWeek: 1, shortestMs: 5 * MINUTE_MS, longestMs: 14 * HOUR_MS },
  'operator-fault': ONCE,
  'operator-reject': { ...ONCE, perWeek: 0.3 },
  'operator-unknown': ONCE,
  'operator-lost-request': ONCE,
  'operator-lost-answer': { ...ONCE, perWeek: 1.5 },
  'operator-twice': ONCE,
};

/** A short run has each kind less often, but what is chosen does happen. */
export function planEpisodes(kinds: readonly FaultKind[], within: Span, random: Random): Episode[] {
  const weeks = (within.end - within.start) / (7 * 24 * HOUR_MS);
  return kinds
    .flatMap((kind) => {
      const chance = random.fork(kind);
      const count = Math.floor(HABITS[kind].perWeek * weeks + chance.fraction());
      return Array.from({ length: count }, () => episode(kind, within, chance));
    })
    .sort((a, b) => a.start - b.start || FAULT_KINDS.indexOf(a.kind) - FAULT_KINDS.indexOf(b.kind));
}

function episode(kind: FaultKind, within: Span, random: Random): Episode {
  const { shortestMs, longestMs } = HABITS[kind];
  const lengthMs = Math.round(shortestMs * (longestMs / shortestMs) ** random.fraction());
  const start: UtcMs = within.start + random.below(Math.max(1, within.end - within.start - lengthMs));
  const end = Math.min(within.end, start + lengthMs);
  return { kind, start, end, where: random.fraction(), force: random.fraction(), choice: random.fraction() };
}

/** When the gateway is not there while a clock is put right unseen: it was off for long enough before to be seen. */
export function awayFrom({ start, end }: Episode): Span {
  return { start: Math.round(end - (end - start) / 4), end: end + 5 * MINUTE_MS };
}

/** `all`, `none`, or kinds and groups with commas between. Throws OdecetError usage. */
export function parseFaults(text: string): FaultKind[] {
  if (text === 'none') return [];
  const groups: Readonly<Record<string, readonly FaultKind[]>> = { ...FAULT_GROUPS, all: FAULT_KINDS };
  const chosen = new Set(
    text.split(',').flatMap((name) => {
      const kinds = Object.hasOwn(groups, name) ? groups[name] : FAULT_KINDS.filter((kind) => kind === name);
      if (kinds && kinds.length > 0) return kinds;
      const known = ['all', 'none', ...Object.keys(FAULT_GROUPS), ...FAULT_KINDS].join(', ');
      throw new OdecetError('usage', `--faults "${name}" is not known; choose from ${known}`);
    }),
  );
  return FAULT_KINDS.filter((kind) => chosen.has(kind));
}
