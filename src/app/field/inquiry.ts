import { type DialogueOutcome, type DialogueRules, runDialogue } from '../../collect/dialogue.ts';
import type { Session } from '../../core/driver.ts';
import { OdecetError } from '../../core/failure.ts';
import type { Millis } from '../../core/time.ts';
import type { LineConfig } from '../../device/site.ts';
import type { Scene } from './scan.ts';

/** One question of a scan, led by the collector's own rules: silence after a time-out, so that no answer is the next one's. */

/** The longest telegram at 300 baud takes 10 s; nothing that a scan asks is answered by more. */
const INQUIRY_LIMIT_MS: Millis = 30_000;

/** So many addresses in a row by which the line is lost are no fault of theirs. */
const LOST_MAX = 4;

export interface Inquirer {
  /**
   * Asks, and asks once more with more patience when the answer came late; from then on everybody is given that time. A line that
   * is lost is opened again, and the question asked once more: who is asked when it is lost may be the one who hangs up.
   * Throws OdecetError when it cannot be opened, or is lost by so many questions in a row; else the signal's reason.
   */
  ask(session: (replyWithinMs: Millis) => Session): Promise<DialogueOutcome>;
}

export function inquirer(framing: LineConfig['framing'], { line, clock, plan, signal }: Scene): Inquirer {
  const { gapMs, lateAnswerMs } = plan;
  let { replyWithinMs } = plan;
  const patientMs = replyWithinMs + lateAnswerMs;
  const rules = (): DialogueRules => ({
    gapTimeoutMs: gapMs,
    pauseMs: 0,
    dialogueLimitMs: INQUIRY_LIMIT_MS + 2 * patientMs,
    lateAnswerMs,
    // A scan meets silence hundreds of times; converters do not take as many connections. The silence does what is needed.
    reopenAfterTimeout: false,
  });
  const once = async (session: (replyWithinMs: Millis) => Session): Promise<DialogueOutcome> => {
    await line.open(signal);
    await line.prepare({ framing, config: {}, model: {} }, signal);
    return runDialogue(line, clock, session(replyWithinMs), rules(), signal);
  };
  let lost = 0;
  return {
    async ask(session) {
      let end = await once(session);
      if (isLost(end)) end = await once(session);
      if (isLate(end) && replyWithinMs < patientMs) {
        replyWithinMs = patientMs;
        end = await once(session);
      }
      lost = isLost(end) ? lost + 1 : 0;
      if (!end.ok && lost === LOST_MAX) throw new OdecetError(end.failure.code, end.failure.detail);
      return end;
    },
  };
}

/** Whether nothing came in time, and then something did. */
export function isLate(end: DialogueOutcome): boolean {
  return !end.ok && end.failure.code === 'no-answer' && end.strayBytes > 0;
}

/** Whether the line was lost by the question, twice. */
export function isLost(end: DialogueOutcome): boolean {
  return !end.ok && (end.failure.code === 'line-lost' || end.failure.code === 'line-unreachable');
}
