import { type DialogueOutcome, type DialogueRules, runDialogue } from '../../collect/dialogue.ts';
import type { Session } from '../../core/driver.ts';
import { OdecetError } from '../../core/failure.ts';
import type { Millis } from '../../core/time.ts';
import type { LineConfig } from '../../device/site.ts';
import type { Scene } from './scan.ts';

/** One question of a scan, led by the collector's own rules: silence after a time-out, so that no answer is the next one's. */

/** The longest telegram at 300 baud takes 10 s; nothing that a scan asks is answered by more. */
const INQUIRY_LIMIT_MS: Millis = 30_000;

export interface Inquirer {
  /**
   * Asks, and asks once more with more patience when the answer came late; from then on everybody is given that time.
   * Throws OdecetError when the line is lost twice in a row, or the signal's reason.
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
  return {
    async ask(session) {
      let end = await once(session);
      if (isLost(end)) end = await once(session);
      if (isLate(end) && replyWithinMs < patientMs) {
        replyWithinMs = patientMs;
        end = await once(session);
      }
      if (!end.ok && isLost(end)) throw new OdecetError(end.failure.code, end.failure.detail);
      return end;
    },
  };
}

/** Whether nothing came in time, and then something did. */
export function isLate(end: DialogueOutcome): boolean {
  return !end.ok && end.failure.code === 'no-answer' && end.strayBytes > 0;
}

function isLost(end: DialogueOutcome): boolean {
  return !end.ok && (end.failure.code === 'line-lost' || end.failure.code === 'line-unreachable');
}
