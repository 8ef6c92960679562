import type { ReadResult, Session, Step } from '../core/driver.ts';
import { type Failure, type FailureCode, failure, OdecetError } from '../core/failure.ts';
import type { Millis, MonotonicMs, UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Line } from '../machine/line.ts';

/** All in milliseconds of monotonic time: the wire does not know what the wall clock shows. */
export interface DialogueRules {
  /** Quiet for this long means that whatever was being sent has ended. */
  readonly gapTimeoutMs: Millis;
  /** Rest between two requests to the device. */
  readonly pauseMs: Millis;
  /** The whole dialogue may hold the line no longer than this, whatever the device keeps sending. */
  readonly dialogueLimitMs: Millis;
  /** The longest time after a time-out in which the answer may still come. */
  readonly lateAnswerMs: Millis;
  /** Close the line after a time-out or a broken frame: its framing cannot tell a late answer from a timely one. */
  readonly reopenAfterTimeout: boolean;
}

/** `strayBytes`: bytes that nobody had asked for, thrown away. */
export type DialogueOutcome =
  | {
      readonly ok: true;
      readonly result: ReadResult;
      /** Wall time of the first request and of the last byte of the last answer; every value was taken in between. */
      readonly startedWall: UtcMs;
      readonly endedWall: UtcMs;
      readonly strayBytes: number;
    }
  | { readonly ok: false; readonly failure: Failure; readonly timedOut: boolean; readonly strayBytes: number };

/** After these the device has said all it had to say, in a whole and right frame: the line is clean. */
const ANSWERED: ReadonlySet<FailureCode> = new Set([
  'device-exception',
  'device-busy',
  'frame-unsupported',
  'telegram-encrypted',
  'telegram-key-wrong',
  'telegram-plain',
  'value-missing',
  'value-invalid',
  'value-ambiguous',
  'clock-not-credible',
]);

/** True when the line itself went. */
export function isLoss({ code }: Failure): boolean {
  return code === 'line-lost' || code === 'line-unreachable';
}

/** True when the device did answer, though not as wished. */
export function isAnswer(what: Failure): boolean {
  return ANSWERED.has(what.code);
}

/** A drain gives up after so many late-answer times; a line that still babbles then is emptied before the next dialogue. */
const DRAIN_MOST = 3;

/** What has happened in the dialogue so far. */
interface Talk {
  readonly line: Line;
  readonly clock: Clock;
  readonly rules: DialogueRules;
  readonly signal: AbortSignal;
  readonly deadline: MonotonicMs;
  startedWall: UtcMs | undefined;
  endedWall: UtcMs | undefined;
  /** A request has left. */
  isAsked: boolean;
  /** Since the last request; a resend must not meet the late answer to it. */
  timedOut: boolean;
  strayBytes: number;
}

/**
 * Plays one session on an open line. Afterwards the line is quiet and open, or closed: a late or broken answer can never
 * be taken for the answer to the next request.
 *
 * The line's own errors and faults of the session come back as failures. Rejects only with the signal's reason.
 */
export async function runDialogue(
  line: Line,
  clock: Clock,
  session: Session,
  rules: DialogueRules,
  signal: AbortSignal,
): Promise<DialogueOutcome> {
  const talk: Talk = {
    line,
    clock,
    rules,
    signal,
    deadline: clock.monotonicMs() + rules.dialogueLimitMs,
    startedWall: undefined,
    endedWall: undefined,
    isAsked: false,
    timedOut: false,
    strayBytes: 0,
  };
  try {
    talk.strayBytes += await emptied(talk);
    const end = await play(talk, session);
    if (end.kind === 'read' || isAnswer(end.failure)) return outcome(talk, end);
    const before = talk.strayBytes;
    await silence(talk);
    return outcome(talk, talk.timedOut ? withLateBytes(end.failure, talk.strayBytes - before) : end);
  } catch (error) {
    signal.throwIfAborted();
    await line.close();
    // Behind a converter the bus outlives the connection, and the answer may still be on its way.
    if (talk.isAsked) await clock.sleep(rules.lateAnswerMs, signal);
    return { ok: false, failure: failureOf(error), timedOut: talk.timedOut, strayBytes: talk.strayBytes };
  }
}

type End = Extract<Step, { kind: 'read' | 'missed' }>;

async function play(talk: Talk, session: Session): Promise<End> {
  let step = session.start();
  while (step.kind !== 'read' && step.kind !== 'missed') {
    if (leftMs(talk) <= 0) return tooLong(talk);
    switch (step.kind) {
      case 'send':
        step = await request(talk, session, step);
        break;
      case 'wait':
        step = await answer(talk, session, step.atMostMs);
        break;
      case 'line':
        await talk.line.set(step.setting, talk.signal);
        await talk.clock.sleep(step.thenMs, talk.signal);
        step = session.received(new Uint8Array(0));
        break;
    }
  }
  return step;
}

async function request(talk: Talk, session: Session, asked: Extract<Step, { kind: 'send' }>): Promise<Step> {
  if (talk.startedWall !== undefined) {
    const clash = await beforeNextRequest(talk, Math.max(talk.rules.pauseMs, asked.restMs ?? 0));
    if (clash) return clash;
  }
  talk.startedWall ??= talk.clock.now();
  talk.timedOut = false;
  await talk.line.write(asked.bytes, talk.signal);
  talk.isAsked = true;
  return answer(talk, session, asked.replyWithinMs, asked.isOptional);
}

/** Within a dialogue, bytes after an answer mean that it is not known which of them was the answer: nothing is believed. */
async function beforeNextRequest(talk: Talk, pauseMs: Millis): Promise<End | undefined> {
  if (talk.timedOut) {
    await silence(talk);
    await talk.line.open(talk.signal);
  } else if (pauseMs > 0) {
    await talk.clock.sleep(pauseMs, talk.signal);
  }
  const stray = await emptied(talk);
  talk.strayBytes += stray;
  if (stray === 0 || talk.timedOut) return undefined;
  return missed(failure('frame-trailing', `${stray} more bytes came after an answer that was complete`));
}

async function answer(talk: Talk, session: Session, withinMs: Millis, isOptional = false): Promise<Step> {
  const waitMs = Math.min(withinMs, leftMs(talk));
  const bytes = await talk.line.read(Math.max(0, waitMs), talk.signal);
  if (bytes.length > 0) {
    talk.endedWall = talk.clock.now();
    return session.received(bytes);
  }
  if (waitMs < withinMs) return tooLong(talk);
  talk.timedOut = !isOptional;
  return session.silent();
}

/** Takes from the line what nobody asked for. Costs no time when nothing is there. */
async function emptied({ line, rules, signal }: Talk): Promise<number> {
  const found = await line.drain(0, 0, signal);
  if (found === 0) return 0;
  return found + (await line.drain(rules.gapTimeoutMs, rules.lateAnswerMs, signal));
}

/**
 * Nobody speaks until the answer that did not come can no longer come. Needed even where the line is reopened: behind a
 * converter the bus still carries the late answer, and a request sent into it would be lost with it.
 */
async function silence(talk: Talk): Promise<void> {
  const { line, rules, signal } = talk;
  talk.strayBytes += await line.drain(rules.lateAnswerMs, DRAIN_MOST * rules.lateAnswerMs, signal);
  if (rules.reopenAfterTimeout) await line.close();
}

function outcome(talk: Talk, end: End): DialogueOutcome {
  const { strayBytes, timedOut } = talk;
  if (end.kind === 'missed') return { ok: false, failure: end.failure, timedOut, strayBytes };
  const now = talk.clock.now();
  return {
    ok: true,
    result: end.result,
    startedWall: talk.startedWall ?? now,
    endedWall: talk.endedWall ?? now,
    strayBytes,
  };
}

/** An answer that comes late again and again is no dead meter; whoever reads the failure can mend that. */
function withLateBytes({ code, detail }: Failure, bytes: number): End {
  const late = bytes > 0 ? `; ${bytes} bytes came after that: if it stays so, make replyTimeoutMs longer` : '';
  return missed(failure(code, `${detail}${late}`));
}

function leftMs(talk: Talk): Millis {
  return talk.deadline - talk.clock.monotonicMs();
}

function missed(what: Failure): End {
  return { kind: 'missed', failure: what };
}

function tooLong(talk: Talk): End {
  talk.timedOut = true;
  return missed(
    failure('dialogue-too-long', `not over after ${talk.rules.dialogueLimitMs} ms; the line is taken back`),
  );
}

/** The line's own errors are named; anything else is a fault of a session or of this program. */
export function failureOf(error: unknown): Failure {
  if (error instanceof OdecetError) return error.failure;
  return failure('unexpected', `the driver's session threw: ${error instanceof Error ? error.message : String(error)}`);
}
