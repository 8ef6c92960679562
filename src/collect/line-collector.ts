import { backoffMs } from '../core/backoff.ts';
import type { ReadRequest } from '../core/driver.ts';
import { FAILURES, type Failure, type FailureCode, OdecetError } from '../core/failure.ts';
import { isoUtc, type Millis, type MonotonicMs, type Span, type UtcMs } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Line } from '../machine/line.ts';
import type { Log } from '../machine/log.ts';
import { type Choice, choose, type Work } from './agenda.ts';
import { type AskedWork, createAskedQueue } from './asked.ts';
import { createBus, type LineTraits } from './bus.ts';
import { type Conversation, type GoodConversation, joined } from './conversation.ts';
import {
  type Cost,
  createPlan,
  type DevicePlan,
  type Driven,
  failed,
  forgetFuture,
  served,
  statusOf,
  storedTried,
  succeeded,
} from './device-plan.ts';
import { failureOf, isAnswer, isLoss, runDialogue } from './dialogue.ts';
import { createIntake, type Intake } from './intake.ts';
import { roundOf, strangerOf } from './readings.ts';
import { restUntilNextPass, withGaps, withoutNewest } from './refill.ts';
import type { DeviceStatus, LineStatus, Round } from './round.ts';
import { dialogueRules } from './rules.ts';
import type { CollectSettings } from './settings.ts';
import { waitUntil } from './wait.ts';
import type { WallWatch } from './wall-watch.ts';

/** A line that is away is looked for at least so often, whatever the back-off of devices: a connect costs nothing. */
const REOPEN_MOST_MS: Millis = 30_000;
/** What a person asks for is not begun when work of the line's own comes so soon: a dialogue is over within this. */
const ASKED_ROOM_MS: Millis = 5_000;
/** The wait for the next work is looked at afresh after a sample period within these: the wall may have stepped back. */
const WAIT_LEAST_MS: Millis = 1_000;
/** Even the fastest slewing of a clock (chrony: 8 %) gains less in this than a step. */
const WAIT_MOST_MS: Millis = 10_000;

export interface LineCollectorParts {
  readonly id: string;
  readonly line: Line;
  readonly traits: LineTraits;
  readonly devices: readonly Driven[];
  readonly settings: CollectSettings;
  /** Length of the market intervals a device measures, in minutes; undefined for a device that only informs. */
  readonly boundaryMinutes: (device: BoundDevice) => 15 | 60 | undefined;
  /** What is missing of a device, as spans from boundary to boundary. */
  readonly gaps: (device: BoundDevice) => Promise<readonly Span[]>;
  readonly put: (round: Round, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly watch: WallWatch;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface LineCollector {
  /** Collects until aborted, then closes the line. Never rejects. To be called once. */
  run(signal: AbortSignal): Promise<void>;
  status(): { readonly line: LineStatus; readonly devices: readonly DeviceStatus[] };
  /** Does a person's work between two dialogues, but not before a boundary reading that is due. */
  ask<T>(work: AskedWork<T>): Promise<T>;
}

/** The owner of one physical line: one loop, one dialogue at a time. */
export function createLineCollector(parts: LineCollectorParts): LineCollector {
  const { id, settings, clock, watch, entropy, boundaryMinutes: minutesOf } = parts;
  const log = parts.log.child({ line: id });
  const count = { opens: 0, bytesSent: 0, bytesReceived: 0, strayBytes: 0, dialogues: 0, busyMs: 0 };
  const errors: Partial<Record<FailureCode, number>> = {};
  const line = createBus(parts.line, clock, parts.traits, count);
  const plans = parts.devices.map(({ device, serial }) => createPlan(device, minutesOf(device), clock.now(), serial));
  const drivers = new Map(parts.devices.map(({ device, driver }) => [device.config.id, driver]));
  const intakes = new Map<DevicePlan, Intake>();
  for (const plan of plans)
    intakes.set(plan, createIntake(log.child({ device: deviceId(plan) }), settings.clockOffMsMax));
  const asked = createAskedQueue();
  /** The line's own troubles since a device last answered. */
  let lineFailures = 0;
  let startedAt: MonotonicMs | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    startedAt = clock.monotonicMs();
    while (!signal.aborted) {
      try {
        await turn(signal);
      } catch (error) {
        if (signal.aborted) break;
        log.error('line-collector-fault', { detail: error instanceof Error ? (error.stack ?? error.message) : error });
        await clock.sleep(settings.backoff.firstMs, signal).catch(() => undefined);
      }
    }
    asked.refuse(`the line ${id} is no longer read: the gateway stops`);
    await line.close().catch(() => undefined);
  }

  async function turn(signal: AbortSignal): Promise<void> {
    if (!line.isOpen) return reopen(signal);
    watch.steps();
    const now = clock.now();
    for (const plan of plans) forgetFuture(plan, now);
    const choice = choose(plans, now, clock.monotonicMs(), settings);
    if (!asked.isEmpty && hasRoom(choice, now)) return asked.serve(line, signal);
    if (choice.kind === 'do') return perform(choice.work, signal);
    await waitUntil(
      clock,
      choice,
      settings.waitMostMs ?? Math.min(WAIT_MOST_MS, Math.max(WAIT_LEAST_MS, settings.everyMs)),
      asked.bell,
      signal,
    );
  }

  /** The first try after a loss is immediate, the next ones further and further apart. */
  async function reopen(signal: AbortSignal): Promise<void> {
    if (lineFailures > 1) {
      const rule = { ...settings.backoff, mostMs: Math.min(settings.backoff.mostMs, REOPEN_MOST_MS) };
      await clock.sleep(backoffMs(rule, lineFailures - 1, entropy.fraction()), signal);
    }
    try {
      await line.open(signal);
      if (lineFailures > 0) log.info('line-back', { failures: lineFailures });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof OdecetError)) throw error;
      countError(error.failure);
      lineFailed(error.failure);
      asked.refuse(error.failure.detail);
    }
  }

  function countError({ code }: Failure): void {
    errors[code] = (errors[code] ?? 0) + 1;
  }

  function lineFailed(what: Failure): void {
    lineFailures += 1;
    if (lineFailures === 1) log.warn('line-failing', { ...what });
  }

  async function perform(work: Work, signal: AbortSignal): Promise<void> {
    if (work.kind === 'refill') return refill(work.plan, signal);
    const { plan, boundary } = work;
    await readNow(work, signal);
    if (boundary === undefined) return;
    if (work.kind === 'after') plan.readAfter = boundary;
    if (work.kind === 'before') plan.readBefore = boundary;
    if (work.kind === 'stored') {
      const lost = storedTried(plan, boundary, clock.now(), settings.settleMs);
      if (lost !== undefined) log.warn('stored-value-missed', { device: deviceId(plan), boundary: isoUtc(lost) });
    }
  }

  /** A reading of the present state, with one more try at once where a device that was well until now stumbles. */
  async function readNow({ plan, kind }: Work, signal: AbortSignal): Promise<void> {
    const wasWell = plan.failuresInRow === 0;
    const request = (): ReadRequest => ({ want: 'current', now: clock.now(), unbroken: plan.spokenIn === hold() });
    let end = await converse(plan, request(), signal);
    // A time-out is dear: at a boundary it is worth a second one, for a sample it is not.
    const mayHelp = !end.ok && FAILURES[end.failure.code].next === 'retry' && (kind !== 'sample' || !end.timedOut);
    if (wasWell && mayHelp) {
      if (!line.isOpen) await reopen(signal);
      if (line.isOpen) end = joined(end, await converse(plan, request(), signal));
    }
    if (end.ok) await good(plan, end, signal);
    else bad(plan, end.failure, end.cost);
  }

  async function refill(plan: DevicePlan, signal: AbortSignal): Promise<void> {
    const minutes = plan.minutes ?? 60;
    const rest = () => restUntilNextPass(plan.refill, minutes, clock.now(), settings.settleMs);
    const chunk = plan.refill.chunks.at(-1);
    if (!chunk) {
      plan.refill = withGaps(plan.refill, await gapsOf(plan), minutes);
      if (plan.refill.chunks.length === 0) plan.refill = rest();
      return;
    }
    const request: ReadRequest = { want: 'archive', now: clock.now(), from: chunk.start, to: chunk.end };
    const end = await converse(plan, request, signal);
    const isWanted = (at: number) => at >= chunk.start && at <= chunk.end;
    const gained = end.ok && end.round.readings.some((reading) => isWanted(reading.at));
    plan.refill = withoutNewest(plan.refill, gained);
    if (plan.refill.chunks.length === 0 || !end.ok) plan.refill = rest();
    const fields = { device: deviceId(plan), from: isoUtc(chunk.start), to: isoUtc(chunk.end) };
    if (end.ok) {
      log.info('refilled', { ...fields, gained });
      await keep(plan, end, signal);
    } else {
      log.warn('refill-failed', { ...fields, ...end.failure });
      // An archive that refuses says nothing against the meter's present readings; one that is silent does.
      if (end.timedOut) bad(plan, end.failure, end.cost);
    }
  }

  async function gapsOf(plan: DevicePlan): Promise<readonly Span[]> {
    try {
      return await parts.gaps(plan.device);
    } catch (error) {
      log.warn('gaps-unknown', { device: deviceId(plan), detail: String(error) });
      return [];
    }
  }

  /** One dialogue and what the line learns from it. */
  async function converse(plan: DevicePlan, request: ReadRequest, signal: AbortSignal): Promise<Conversation> {
    const { device } = plan;
    const startedAt = clock.monotonicMs();
    const startedWall = clock.now();
    const stepsBefore = watch.steps();
    const end = await dialogue(device, request, signal);
    const steps = watch.steps();
    const endedAt = clock.monotonicMs();
    const endedWall = clock.now();
    const tookMs = endedAt - startedAt;
    const cost: Cost = { endedAt, tookMs, tookWallMs: endedWall - startedWall };
    served(plan, cost);
    count.dialogues += 1;
    count.busyMs += cost.tookMs;
    count.strayBytes += end.strayBytes;
    if (end.strayBytes > 0) log.warn('stray-bytes', { device: device.config.id, bytes: end.strayBytes });
    if (end.ok || isAnswer(end.failure)) lineFailures = 0;
    else if (isLoss(end.failure)) lineFailed(end.failure);
    // Where the wall was set meanwhile, the wire's clock tells how long ago by the new time the dialogue began.
    const sinceStep = { startedWall: endedWall - Math.ceil(tookMs * (clock.rate ?? 1)), endedWall };
    const time = end.ok && steps === stepsBefore ? end : sinceStep;
    const made = end.ok ? roundOf(device, end.result, time, settings.clockOffMsMax, plan.serial) : end;
    plan.spokenIn = made.ok ? hold() : undefined;
    if (made.ok) return { ...made, cost, steps };
    countError(made.failure);
    if (end.ok) await parts.put(strangerOf(device, end.result, time), signal);
    return { ok: false, failure: made.failure, timedOut: !end.ok && end.timedOut, cost };
  }

  /** The same as long as the line stays open and nobody else speaks on it. */
  function hold(): string {
    return `${count.opens}/${asked.served}`;
  }

  async function dialogue(device: BoundDevice, request: ReadRequest, signal: AbortSignal) {
    const driver = drivers.get(device.config.id);
    try {
      if (!driver) throw new RangeError(`no driver speaks ${device.model.protocol}`);
      await line.prepare(device, signal);
      return await runDialogue(line, clock, driver.session(device, request), dialogueRules(device, driver), signal);
    } catch (error) {
      signal.throwIfAborted();
      return { ok: false, failure: failureOf(error), timedOut: false, strayBytes: 0 } as const;
    }
  }

  async function good(plan: DevicePlan, end: GoodConversation, signal: AbortSignal): Promise<void> {
    if (plan.failuresInRow > 0) log.info('device-back', { device: deviceId(plan), failures: plan.failuresInRow });
    await keep(plan, { ...end, round: succeeded(plan, end.round) }, signal);
  }

  async function keep(plan: DevicePlan, { round, steps }: GoodConversation, signal: AbortSignal): Promise<void> {
    await parts.put(intakes.get(plan)?.take(round, steps) ?? round, signal);
  }

  function bad(plan: DevicePlan, what: Failure, cost: Cost): void {
    failed(plan, what, clock.now(), cost, settings.backoff, entropy.fraction());
    const fields = { device: deviceId(plan), ...what, failures: plan.failuresInRow };
    if (plan.failuresInRow > 1) log.debug('device-failing', fields);
    else if (FAILURES[what.code].next === 'person') log.error('device-failing', fields);
    else log.warn('device-failing', fields);
  }

  return {
    run,
    ask: asked.ask,
    status: () => ({
      line: {
        line: id,
        isOpen: line.isOpen,
        ...count,
        errors: { ...errors },
        runningMs: startedAt === undefined ? 0 : clock.monotonicMs() - startedAt,
      },
      devices: plans.map((plan) =>
        statusOf(plan, id, intakes.get(plan)?.lastUnusable, clock.now(), clock.monotonicMs()),
      ),
    }),
  };
}

/** Whether a person's work may come first: no boundary is due, nor will be while it lasts. */
function hasRoom(choice: Choice, now: UtcMs): boolean {
  if (choice.kind === 'do') return choice.work.boundary === undefined;
  return choice.wallAt - now > ASKED_ROOM_MS;
}

function deviceId(plan: DevicePlan): string {
  return plan.device.config.id;
}
