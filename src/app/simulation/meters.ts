import { decimal } from '../../core/decimal.ts';
import { MINUTE_MS, type Millis, type Span, type UtcMs } from '../../core/time.ts';
import type { SimMeter } from '../../sim/line.ts';
import { createLoad, type LoadCurve } from '../../sim/meter/load.ts';
import { type MeterWhims, parkMeter } from '../../sim/meter/park.ts';
import { type Exchange, exchangesOf, standing } from './exchange.ts';
import type { Episode, FaultKind } from './faults.ts';
import type { ImaginedMeter, ImaginedSite } from './imagined-site.ts';
import { shownState } from './operating.ts';
import { type OwnClock, ownClock } from './own-clock.ts';

/** A meter in its place: it counts by the true time and freezes by its own clock. */
export interface RunningMeter {
  readonly plan: ImaginedMeter;
  readonly clock: OwnClock;
  /** What it has really counted by a true instant, litres or watt-hours, as if it never rolled over. */
  readonly indexAt: (trueAt: UtcMs) => number;
  /** What the meter that stood there then showed, not rolled over either. */
  readonly shownAt: (trueAt: UtcMs) => number;
  /** Others that took its place, in order. */
  readonly exchanges: readonly Exchange[];
  /** The steepest use, litres or watt-hours in a millisecond. */
  readonly steepest: number;
  readonly deaths: readonly Span[];
  /** It says of itself that something is wrong. */
  readonly alarms: readonly Span[];
  /** What it freezes in one of them can be had at its end only. */
  readonly lateFreezes: readonly Span[];
  readonly hears: SimMeter;
}

/** Answers begin after this and come at 9600 baud, 11 bits a byte. */
const REPLY_AFTER_MS: Millis = 30;
const BYTE_MS = 11 / 9.6;

/** M-Bus status: permanent error. */
const ALARM = 0x08;

/** How often a drifting clock is a little more off. */
const DRIFT_STEP_MS = 30 * MINUTE_MS;

export function runMeter(
  site: ImaginedSite,
  plan: ImaginedMeter,
  episodes: readonly Episode[],
  trueNow: () => UtcMs,
): RunningMeter {
  const { park } = site;
  const load = createLoad({
    seed: park.seed,
    meter: plan.device.id,
    commodity: plan.commodity,
    zone: park.zone,
    start: park.start,
    startIndex: BigInt(plan.startIndex),
    fullPerHour: plan.fullPerHour,
  });
  const clock = ownClock(clockSteps(episodes));
  const deaths = episodes.filter(({ kind }) => kind === 'meter-dead');
  const alarms = episodes.filter(({ kind }) => kind === 'meter-alarm' || kind === 'meter-flag');
  const lateFreezes = episodes.filter(({ kind }) => kind === 'meter-freezes-late');
  const wrapped = (index: bigint) => (plan.rollsOverAt ? index % BigInt(plan.rollsOverAt) : index);
  const shownLoad: LoadCurve = {
    stepMost: load.stepMost,
    indexAt: (own) => {
      const now = trueNow();
      const at = own === clock.shows(now) ? now : (clock.whenShowed(own, now)[0] ?? now);
      return wrapped(BigInt(shownBy(standing(exchanges, now), at)));
    },
  };
  const counted = (at: UtcMs) => Number(load.indexAt(Math.max(at, park.start)));
  const exchanges = exchangesOf(plan, episodes, counted);
  const shownBy = (one: Exchange | undefined, at: UtcMs) =>
    one ? one.startIndex + Math.max(0, counted(at) - counted(one.swapAt)) : counted(at);
  const whims: MeterWhims = {
    status: () => (isIn(alarms, trueNow()) ? ALARM : 0),
    raised: () => (isIn(alarms, trueNow()) ? ['alarm'] : []),
    frozenUpTo: (own) => {
      const now = trueNow();
      const shut = lateFreezes.find(({ start, end }) => start <= now && now < end);
      return shut ? Math.min(own, clock.shows(shut.start)) : own;
    },
    shown: (quantity, own) => {
      if (!plan.isOperating) return undefined;
      if (quantity === plan.quantity) return { value: decimal(shownLoad.indexAt(own), -3), unit: 'm3' };
      return shownState(trueNow())(quantity, own);
    },
  };
  const answers = [plan, ...exchanges].map(({ serial }) =>
    parkMeter(park, { ...plan, serial }, plan.model, shownLoad, whims),
  );
  return {
    plan,
    clock,
    indexAt: counted,
    shownAt: (at) => shownBy(standing(exchanges, at), at),
    exchanges,
    steepest: load.stepMost / (5 * MINUTE_MS),
    deaths,
    alarms,
    lateFreezes,
    hears(request) {
      const now = trueNow();
      if (isIn(deaths, now) || isIn(exchanges, now)) return [];
      const answer = answers[exchanges.filter(({ swapAt }) => swapAt <= now).length];
      const reply = answer?.(request, clock.shows(now));
      return reply ? [{ reply, afterMs: Math.ceil(REPLY_AFTER_MS + reply.length * BYTE_MS) }] : [];
    },
  };
}

function isIn(spans: readonly Span[], at: UtcMs): boolean {
  return spans.some(({ start, end }) => start <= at && at < end);
}

const CLOCK_KINDS: ReadonlySet<FaultKind> = new Set(['meter-clock-drift', 'meter-clock-wrong', 'meter-clock-unseen']);

/** Drift grows to at most a minute and a half and is then put right; a wrong clock jumps, and jumps back. */
function clockSteps(episodes: readonly Episode[]): { from: UtcMs; offMs: Millis }[] {
  const steps: { from: UtcMs; offMs: Millis }[] = [];
  let free = Number.NEGATIVE_INFINITY;
  for (const episode of episodes) {
    const { kind, start, end, force, choice } = episode;
    if (!CLOCK_KINDS.has(kind) || start < free) continue;
    const sign = choice < 0.5 ? -1 : 1;
    if (kind !== 'meter-clock-drift') {
      steps.push({ from: start, offMs: sign * Math.round(2 * MINUTE_MS * 700 ** force) });
    } else {
      const most = sign * force * 1.5 * MINUTE_MS;
      for (let at = start; at < end; at += DRIFT_STEP_MS)
        steps.push({ from: at, offMs: Math.round((most * (at - start)) / (end - start)) });
    }
    steps.push({ from: end, offMs: 0 });
    free = end + 1;
  }
  return steps;
}
