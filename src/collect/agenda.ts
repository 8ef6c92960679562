import { lastBoundary, nextRun } from '../core/schedule.ts';
import { MINUTE_MS, type Millis, type MonotonicMs, type UtcMs } from '../core/time.ts';
import { type DevicePlan, holdsStored } from './device-plan.ts';

/**
 * What a line does next. Everything is computed anew from the two clocks and what was done, so a wall clock that steps can
 * neither stop the work nor pile it up: of each kind there is never more than one piece per device.
 *
 * after   the sampled index just after a boundary
 * before  and just before it: between the two the index at the boundary can be told tightly
 * stored  the value the meter froze at a boundary
 * sample  between the boundaries
 * refill  from the archive
 */
export type WorkKind = 'after' | 'before' | 'stored' | 'sample' | 'refill';

export interface Work {
  readonly kind: WorkKind;
  readonly plan: DevicePlan;
  /** The boundary it is for, where there is one. */
  readonly boundary?: UtcMs;
  /** Due when both clocks have come so far. */
  readonly wallAt: UtcMs;
  readonly monotonicAt: MonotonicMs;
}

export interface Times {
  readonly everyMs: Millis;
  readonly settleMs: Millis;
}

/** The readings just before a boundary take this much longer than the last ones did, to be surely over by then. */
const LEAD_MARGIN = 1.25;

const RANK: Record<WorkKind, number> = { after: 0, before: 1, stored: 2, sample: 4, refill: 5 };
/** Boundary work of a device that is backed off: one cheap try, but the healthy ones go first. */
const RANK_DOUBTFUL = 3;

export type Choice =
  | { readonly kind: 'do'; readonly work: Work }
  | { readonly kind: 'wait'; readonly wallAt: UtcMs; readonly monotonicAt: MonotonicMs };

/** The piece of work to do now, or until when to wait. */
export function choose(plans: readonly DevicePlan[], now: UtcMs, monotonic: MonotonicMs, times: Times): Choice {
  const leadMs = leadOf(plans);
  const agenda = plans.flatMap((plan) => agendaOf(plan, now, times, leadMs));
  let edge = Number.POSITIVE_INFINITY;
  for (const work of agenda) if (work.wallAt > now && isEdge(work)) edge = Math.min(edge, work.wallAt);
  let best: Work | undefined;
  let wallAt = Number.POSITIVE_INFINITY;
  let monotonicAt = Number.POSITIVE_INFINITY;
  for (const work of agenda) {
    if (work.wallAt > now) wallAt = Math.min(wallAt, work.wallAt);
    else if (work.monotonicAt > monotonic) monotonicAt = Math.min(monotonicAt, work.monotonicAt);
    // Work that would still hold the line when a boundary comes waits; `edge` is on the agenda, so the line wakes for it.
    else if (mayWait(work) && now + work.plan.expectedMs > edge) wallAt = Math.min(wallAt, edge);
    else if (!best || isBefore(work, best)) best = work;
  }
  return best ? { kind: 'do', work: best } : { kind: 'wait', wallAt, monotonicAt };
}

function isBefore(a: Work, b: Work): boolean {
  const byRank = rankOf(a) - rankOf(b);
  return byRank === 0 ? a.plan.lastServed < b.plan.lastServed : byRank < 0;
}

function rankOf({ kind, plan }: Work): number {
  const isBoundaryWork = RANK[kind] < RANK_DOUBTFUL;
  return isBoundaryWork && plan.failuresInRow > 0 ? RANK_DOUBTFUL : RANK[kind];
}

/** Work whose moment matters. */
function isEdge(work: Work): boolean {
  return rankOf(work) <= RANK.before;
}

function mayWait(work: Work): boolean {
  return work.kind !== 'after' || !isEdge(work);
}

/** How long before a boundary the line must begin to read everything that is sampled, by the wall. */
function leadOf(plans: readonly DevicePlan[]): Millis {
  const sampled = plans.filter((plan) => plan.minutes !== undefined && plan.needs.sampled && plan.failuresInRow === 0);
  return LEAD_MARGIN * sampled.reduce((sum, plan) => sum + plan.expectedMs, 0);
}

function agendaOf(plan: DevicePlan, now: UtcMs, times: Times, leadMs: Millis): Work[] {
  const boundaryFrom = Math.max(plan.restUntil, plan.budgetFrom);
  const from = Math.max(plan.restUntil, plan.failuresInRow > 0 ? plan.retryAt : Number.NEGATIVE_INFINITY);
  const sample: Work = { kind: 'sample', plan, wallAt: sampleAt(plan, now, times.everyMs), monotonicAt: from };
  if (plan.minutes === undefined) return [sample];
  const work = [sample];
  if (plan.needs.sampled) work.push(...edges(plan, plan.minutes, now, leadMs, boundaryFrom));
  if (plan.needs.stored) work.push(stored(plan, plan.minutes, now, times.settleMs, boundaryFrom));
  if (plan.needs.archive && plan.failuresInRow === 0) {
    work.push({ kind: 'refill', plan, wallAt: plan.refill.at, monotonicAt: from });
  }
  return work;
}

function sampleAt(plan: DevicePlan, now: UtcMs, everyMs: Millis): UtcMs {
  const last = plan.lastReadAt;
  return last === undefined || last > now ? now : nextRun(last, everyMs);
}

function edges(plan: DevicePlan, minutes: number, now: UtcMs, leadMs: Millis, from: MonotonicMs): Work[] {
  const last = lastBoundary(now, minutes);
  const next = last + minutes * MINUTE_MS;
  const boundary = plan.readAfter < last ? last : next;
  const work: Work[] = [{ kind: 'after', plan, boundary, wallAt: boundary, monotonicAt: from }];
  if (leadMs > 0 && plan.failuresInRow === 0 && plan.readBefore < next) {
    const wallAt = next - Math.min(Math.ceil(leadMs), (minutes * MINUTE_MS) / 4);
    work.push({ kind: 'before', plan, boundary: next, wallAt, monotonicAt: from });
  }
  return work;
}

function stored(plan: DevicePlan, minutes: number, now: UtcMs, settleMs: Millis, from: MonotonicMs): Work {
  const last = lastBoundary(now, minutes);
  const isDone = plan.storedFor >= last || holdsStored(plan, last);
  const boundary = isDone ? last + minutes * MINUTE_MS : last;
  const wallAt = plan.storedTriesFor === boundary ? plan.storedNextAt : boundary + settleMs;
  return { kind: 'stored', plan, boundary, wallAt, monotonicAt: from };
}
