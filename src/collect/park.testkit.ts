import type { ReadRequest } from '../core/driver.ts';
import type { Reading } from '../core/reading.ts';
import { lastBoundary } from '../core/schedule.ts';
import { MINUTE_MS, type Millis, parseUtc, type Span, type UtcMs } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import { type SimClock, simClock } from '../sim/clock.ts';
import { simEntropy } from '../sim/entropy.ts';
import { type SimLine, type SimLineOptions, type SimMeter, simLine } from '../sim/line.ts';
import { type SimLog, simLog } from '../sim/log.ts';
import { createWorld, type World } from '../sim/world.ts';
import {
  createToyDriver,
  type ToyAnswer,
  type ToyDevice,
  toyAnswerBytes,
  toyDevice,
  toyRequestOf,
} from './collect.testkit.ts';
import { type Collector, createCollector } from './collector.ts';
import type { Round, Sink } from './round.ts';
import type { CollectSettings } from './settings.ts';

/** A site of toy meters in virtual time. Every meter's index counts the milliseconds since START by its own, true clock. */
export const START: UtcMs = parseUtc('2026-03-28T04:52:00Z');

export interface ToyMeter extends ToyDevice {
  /** From the request to the answer. */
  readonly replyMs?: Millis;
  /** How long after a boundary it has frozen its index. */
  readonly freezesAfterMs?: Millis;
  /** The meter's clock minus the truth. */
  readonly clockOffMs?: Millis;
  /** What it tells besides; a test may change it. */
  readonly told?: Pick<ToyAnswer, 'serial' | 'unusable'>;
}

export interface ParkOptions {
  /** The meters of each line. */
  readonly lines: readonly (readonly ToyMeter[])[];
  readonly settings?: Partial<CollectSettings>;
  readonly weather?: SimLineOptions['weather'];
  readonly sink?: Sink;
  readonly gaps?: (device: BoundDevice) => Promise<readonly Span[]>;
  readonly roundsMax?: number;
  /** What the device told when the program ran before. */
  readonly serialBefore?: (device: string) => string | undefined;
  /** The meters measure no market interval: nothing is read for a boundary's sake. */
  readonly informsOnly?: boolean;
  /** The wall runs so many times as fast as the wire. */
  readonly wallFaster?: number;
}

export interface Park {
  readonly world: World;
  readonly clock: SimClock;
  readonly log: SimLog;
  readonly lines: readonly SimLine[];
  readonly collector: Collector;
  /** What the sink has kept. */
  readonly rounds: Round[];
  /** What was told of meters that are not the ones meant. */
  readonly strangers: Round[];
  /** Meters that do not answer now, by address. */
  readonly dead: Set<number>;
  /** The wire's time of each request, with the meter's address. */
  readonly asked: { readonly at: Millis; readonly address: number }[];
  /** Of each session: the device, and whether it was told that the link is unbroken. */
  readonly sessions: string[];
  /** Dialogues that overlapped another on their line: there may be none. */
  readonly overlaps: () => number;
}

const SETTINGS: CollectSettings = {
  everyMs: MINUTE_MS,
  settleMs: 5_000,
  backoff: { firstMs: 5_000, factor: 2, mostMs: 900_000, jitter: 0.3 },
  clockOffMsMax: 60_000,
};

/** Lets a park collect while `story` goes on, then stops it. */
export async function inPark<T>(options: ParkOptions, story: (park: Park) => Promise<T>): Promise<T> {
  const world = createWorld(7);
  const clock = simClock(world, START, options.wallFaster);
  const trueNow = () => START + Math.floor(world.monotonicMs() * (options.wallFaster ?? 1));
  const park = {
    world,
    clock,
    log: simLog(clock),
    rounds: [] as Round[],
    strangers: [] as Round[],
    dead: new Set<number>(),
    asked: [] as { at: Millis; address: number }[],
    sessions: [] as string[],
  };
  const keep = async (round: Round) => {
    await options.sink?.keep(round);
    (round.isStranger ? park.strangers : park.rounds).push(round);
  };
  let overlaps = 0;
  const lines = options.lines.map((meters) => {
    let answered = Number.NEGATIVE_INFINITY;
    const sims = meters.map(
      (meter): SimMeter =>
        (request) => {
          const { address, archive } = toyRequestOf(request);
          if (address !== meter.address) return [];
          const at = world.monotonicMs();
          if (at < answered) overlaps += 1;
          park.asked.push({ at, address });
          if (park.dead.has(address)) return [];
          const afterMs = meter.replyMs ?? 20;
          answered = at + afterMs;
          return [{ reply: toyAnswerBytes(address, answerOf(meter, trueNow(), archive)), afterMs }];
        },
    );
    const weather = options.weather ? { weather: options.weather } : {};
    return simLine(world, { meters: sims, random: world.random, lateAfterReopen: true, ...weather });
  });
  const onSession = ({ config }: BoundDevice, request: ReadRequest) => {
    const isUnbroken = request.want === 'current' && request.unbroken === true;
    park.sessions.push(`${config.id} ${isUnbroken ? 'unbroken' : 'anew'}`);
  };
  const collector = createCollector({
    lines: lines.map((line, n) => ({ id: `bus-${n}`, line, devices: options.lines[n]!.map(toyDevice) })),
    drivers: new Map([['modbus', createToyDriver({ onSession })]]),
    settings: { ...SETTINGS, ...options.settings },
    boundaryMinutes: () => (options.informsOnly ? undefined : 15),
    gaps: options.gaps ?? (async () => []),
    sink: { keep },
    clock,
    entropy: simEntropy(world.random),
    log: park.log,
    ...(options.roundsMax === undefined ? {} : { roundsMax: options.roundsMax }),
    ...(options.serialBefore && { serialBefore: options.serialBefore }),
  });
  return world.run(async () => {
    const stop = new AbortController();
    const collecting = collector.run(stop.signal);
    try {
      return await story({ ...park, lines, collector, overlaps: () => overlaps });
    } finally {
      stop.abort();
      await collecting;
    }
  });
}

function answerOf(
  meter: ToyMeter,
  now: UtcMs,
  archive: { readonly from: UtcMs; readonly to: UtcMs } | undefined,
): ToyAnswer {
  const ownNow = now + (meter.clockOffMs ?? 0);
  const frozen = lastBoundary(ownNow - (meter.freezesAfterMs ?? 0), 15);
  const stored = archive ? boundariesIn(archive.from, Math.min(archive.to, frozen)) : meter.stored ? [frozen] : [];
  return {
    ...(archive ? {} : { index: String(now - START) }),
    // The meter freezes when its own clock shows the boundary.
    stored: stored.map((at) => ({ at, index: String(at - (meter.clockOffMs ?? 0) - START) })),
    ...(meter.told ?? {}),
    ...(meter.clockOffMs === undefined ? {} : { clock: ownNow }),
  };
}

function boundariesIn(from: UtcMs, to: UtcMs): UtcMs[] {
  const all: UtcMs[] = [];
  for (let at = from; at <= to; at += 15 * MINUTE_MS) all.push(at);
  return all;
}

export function readingsOf(rounds: readonly Round[], device?: string): Reading[] {
  return rounds.filter((round) => device === undefined || round.device === device).flatMap((round) => round.readings);
}

/** Readings whose value is not what the meter's index was at their time, within their uncertainty. */
export function wrongOnes(rounds: readonly Round[]): Reading[] {
  return readingsOf(rounds).filter(({ value, at, uncertaintyMs }) => {
    const index = Number(value.coefficient) * 10 ** value.exponent;
    return Math.abs(index - (at - START)) > uncertaintyMs;
  });
}
