import type { CommandKind } from '../../core/command-kind.ts';
import { type Failure, failure, OdecetError } from '../../core/failure.ts';
import type { MessageId } from '../../core/message.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, type Millis, type UtcMs } from '../../core/time.ts';
import { childAbort } from '../../machine/abort.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Log } from '../../machine/log.ts';
import type { Codec, Signer } from '../../machine/signer.ts';
import {
  type AnswerText,
  COMMAND_BYTES_MAX,
  COMMAND_REFUSALS,
  type Command,
  type CommandHead,
  type CommandRefusal,
  commandBody,
  forgedMarkOf,
  markOf,
  openCommand,
  packAnswer,
  VALID_MS_MAX,
} from './command.ts';
import { type Ordered, readOrder } from './command-bodies.ts';
import { isSignedBy } from './frame.ts';

/** So many commands wait their turn; what is dropped comes again. */
const WAITING_MAX = 16;
/** Whoever writes on the topic without the relay's key fills neither the log nor the line. */
const STRANGER_EVERY_MS: Millis = HOUR_MS;
/** How far ahead of the site's clock the relay's may be. */
export const COMMAND_CLOCK_OFF_MS_MAX: Millis = 10 * MINUTE_MS;
const NO_RESULT = 'null';

/** What became of a command that was taken. `later`: it goes on after a restart, and is concluded then. */
export type Performed =
  | {
      readonly outcome: 'done';
      readonly detail: string;
      readonly result?: unknown;
      /** Called when it was answered. */
      readonly after?: () => void;
    }
  | { readonly outcome: 'refused'; readonly reason: CommandRefusal; readonly detail: string }
  | { readonly outcome: 'failed'; readonly problem: Failure; readonly result?: unknown }
  | { readonly outcome: 'later' };

/** The site's durable memory of commands. What resolves is on the disk: an id is done once, whatever comes between. */
export interface CommandBook {
  /** The last word on a command; `taken` while there is no other. */
  find(id: string): Promise<AnswerText | undefined>;
  /** Taken and not concluded: begun before a restart. */
  open(): readonly string[];
  /** When the newest command that was taken was made, 0 when there was none: no clock may say that it is earlier. */
  newestMadeAt(): UtcMs;
  /** A command as it came, and the first word on it. */
  received(head: CommandHead, body: string, answer: AnswerText): Promise<void>;
  concluded(answer: AnswerText): Promise<void>;
  /** Somebody without the relay's key. */
  stranger(detail: string): Promise<void>;
}

/** What a command may use of the site's way to the relay. */
export interface CommandLine {
  isOnline(): boolean;
  /** Publishes an answer. Rejects while there is no broker. */
  say(answer: Uint8Array): Promise<void>;
  /** Messages that wait go now, by the same id. */
  sendAgain(messages: readonly MessageId[]): void;
  /** How far our clock can be from the relay's, as the relay signed it for a message of this run; undefined before it did. */
  clockOffMsAtMost(): Millis | undefined;
  /** Undefined takes the alert back. */
  alert(problem: Failure | undefined): void;
}

export interface CommandTakerDeps {
  readonly site: string;
  readonly signer: Signer;
  readonly codec: Codec;
  readonly relayKeys: readonly string[];
  readonly allowed: readonly CommandKind[];
  readonly book: CommandBook;
  /** Does it. A failure that it throws is the answer. */
  readonly perform: (id: string, ordered: Ordered, line: CommandLine, signal: AbortSignal) => Promise<Performed>;
  /** Runs beside, for what goes on after a restart. */
  readonly beside?: (taker: CommandTaker, line: CommandLine, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface CommandTaker {
  /** What came down; never throws, whatever it is. */
  received(payload: Uint8Array): void;
  /** There is a broker again: answers that could not be said are said. */
  online(): void;
  run(line: CommandLine, signal: AbortSignal): Promise<void>;
  /** The end of a command that was taken; once only. */
  conclude(id: string, performed: Exclude<Performed, { outcome: 'later' }>): Promise<void>;
}

/**
 * The site's end of commands: one at a time. Nothing is done twice: the book has the command before it is begun, and what comes
 * again gets the answer again. One that was begun when the power went is not begun again, but told as failed.
 */
export function createCommandTaker(deps: CommandTakerDeps): CommandTaker {
  const { site, signer, codec, book, clock, log } = deps;
  const waiting: Uint8Array[] = [];
  const unsaid = new Map<string, Uint8Array>();
  let bell = new AbortController();
  let strangerAt = Number.NEGATIVE_INFINITY;
  let line: CommandLine | undefined;

  async function say(text: AnswerText): Promise<void> {
    const payload = packAnswer(text, site, signer, codec);
    try {
      if (!line) throw new OdecetError('broker-unreachable', 'not yet');
      await line.say(payload);
      unsaid.delete(text.id);
    } catch {
      unsaid.set(text.id, payload);
    }
  }

  async function answerFirst(
    command: Command,
    first: Pick<AnswerText, 'outcome' | 'reason' | 'detail'>,
  ): Promise<void> {
    const { head } = command;
    const text = { id: head.id, of: markOf(command, codec), ...first, at: clock.now(), result: NO_RESULT };
    await book.received(head, commandBody(command, codec) ?? '', text);
    log.info('command', { id: head.id, kind: head.kind, by: head.by, outcome: first.outcome, reason: first.reason });
    await say(text);
  }

  async function take(payload: Uint8Array, signal: AbortSignal): Promise<void> {
    const command = openCommand(payload);
    if (!command) return stranger(payload.length > COMMAND_BYTES_MAX ? 'too-large' : 'not-a-command', undefined);
    if (!isSignedBy(command.frame, deps.relayKeys, codec)) return stranger('bad-signature', command);
    const { id } = command.head;
    const before = await book.find(id);
    if (before) return again(command, before);
    const judged = judge(command);
    line?.alert(undefined);
    if (!judged.ok) {
      const detail = `${COMMAND_REFUSALS[judged.reason]}${judged.why && `: ${judged.why}`}`;
      return answerFirst(command, { outcome: 'refused', reason: judged.reason, detail });
    }
    await answerFirst(command, { outcome: 'taken', reason: '', detail: '' });
    const performed = await deps.perform(id, judged.ordered, line!, signal).catch((error: unknown): Performed => {
      signal.throwIfAborted();
      return { outcome: 'failed', problem: problemOf(error) };
    });
    if (performed.outcome !== 'later') await conclude(id, performed);
  }

  /** Other words under an id that was used: whoever signed it made a mistake, and the first ones stand. */
  async function again(command: Command, before: AnswerText): Promise<void> {
    const of = markOf(command, codec);
    if (of === before.of) return say(before);
    const detail = COMMAND_REFUSALS['changed-content'];
    await say({ ...before, of, outcome: 'refused', reason: 'changed-content', detail, result: NO_RESULT });
  }

  type Judged =
    | { readonly ok: true; readonly ordered: Ordered }
    | { readonly ok: false; readonly reason: CommandRefusal; readonly why: string };

  function judge(command: Command): Judged {
    const { head } = command;
    const no = (reason: CommandRefusal, why = ''): Judged => ({ ok: false, reason, why });
    if (head.site !== site) return no('wrong-site', head.site);
    const now = timeNow();
    const times = `made ${isoUtc(head.madeAt)}, valid until ${isoUtc(head.expiresAt)}; the site has ${isoUtc(now)}`;
    if (head.madeAt > now + COMMAND_CLOCK_OFF_MS_MAX) return no('clock-off', times);
    if (head.expiresAt <= now || head.expiresAt > head.madeAt + VALID_MS_MAX) return no('expired', times);
    const body = commandBody(command, codec);
    if (body === undefined) return no('bad-body', 'it is not the body that was signed for');
    const read = readOrder(head.kind, body);
    if (!read.ok) return no(read.reason, read.why);
    if (!deps.allowed.includes(read.ordered.kind)) return no('not-allowed', read.ordered.kind);
    return { ok: true, ordered: read.ordered };
  }

  /**
   * A clock that was set back brings no old command back to life. But one that the relay's agrees with was set right: commands of
   * a time in which both were years ahead would have made every later one old, for years.
   */
  function timeNow(): UtcMs {
    const offMs = line?.clockOffMsAtMost();
    const isRight = offMs !== undefined && offMs <= COMMAND_CLOCK_OFF_MS_MAX;
    return isRight ? clock.now() : Math.max(clock.now(), book.newestMadeAt());
  }

  async function stranger(reason: CommandRefusal, command: Command | undefined): Promise<void> {
    log.warn('command-not-believed', { reason });
    line?.alert(failure('command-refused', `${reason}: ${COMMAND_REFUSALS[reason]}`));
    if (clock.monotonicMs() - strangerAt < STRANGER_EVERY_MS) return;
    strangerAt = clock.monotonicMs();
    await book.stranger(`${reason}: ${COMMAND_REFUSALS[reason]}`);
    if (!command) return;
    const of = forgedMarkOf(command, codec);
    const detail = COMMAND_REFUSALS[reason];
    await say({ id: command.head.id, of, outcome: 'refused', reason, detail, at: clock.now(), result: NO_RESULT });
  }

  async function conclude(id: string, performed: Exclude<Performed, { outcome: 'later' }>): Promise<void> {
    const before = await book.find(id);
    if (before?.outcome !== 'taken') return;
    const text = { ...before, ...wordsOf(performed), at: clock.now() };
    await book.concluded(text);
    log.info('command', { id, outcome: text.outcome, reason: text.reason, detail: text.detail });
    await say(text);
    if (performed.outcome === 'done') performed.after?.();
  }

  async function next(signal: AbortSignal): Promise<void> {
    bell = new AbortController();
    const payload = waiting.shift();
    if (payload) return take(payload, signal);
    await rest(bell.signal, signal);
  }

  /** Until rung; a look now and then costs nothing. */
  async function rest(rung: AbortSignal, signal: AbortSignal): Promise<void> {
    const either = childAbort(rung, signal);
    await clock.sleep(MINUTE_MS, either.signal).catch((reason: unknown) => {
      if (!either.signal.aborted) throw reason;
    });
    either.release();
  }

  async function serve(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await next(signal);
      } catch (error) {
        if (signal.aborted) return;
        // A disk that fails: the command comes again.
        log.error('command-stumbled', { ...problemOf(error) });
      }
    }
  }

  /** A disk that is full now must end neither this nor, with it, the readings: it is tried again. */
  async function accompany(given: CommandLine, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        return await deps.beside?.(taker, given, signal);
      } catch (error) {
        log.error('command-stumbled', { ...problemOf(error) });
        await clock.sleep(MINUTE_MS, signal).catch(() => undefined);
      }
    }
  }

  const taker: CommandTaker = {
    received(payload) {
      if (waiting.length < WAITING_MAX) waiting.push(payload);
      bell.abort();
    },
    online() {
      for (const [id, payload] of unsaid)
        line?.say(payload).then(
          () => unsaid.delete(id),
          () => undefined,
        );
    },
    async run(given, signal) {
      line = given;
      await Promise.all([serve(signal), accompany(given, signal)]);
    },
    conclude,
  };
  return taker;
}

function wordsOf(
  performed: Exclude<Performed, { outcome: 'later' }>,
): Pick<AnswerText, 'outcome' | 'reason' | 'detail' | 'result'> {
  const { outcome } = performed;
  if (outcome === 'refused')
    return {
      outcome,
      reason: performed.reason,
      detail: `${COMMAND_REFUSALS[performed.reason]}: ${performed.detail}`,
      result: NO_RESULT,
    };
  const result = JSON.stringify(performed.result ?? null);
  if (outcome === 'done') return { outcome, reason: '', detail: performed.detail, result };
  return { outcome, reason: performed.problem.code, detail: performed.problem.detail, result };
}

function problemOf(error: unknown): Failure {
  return error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
}
