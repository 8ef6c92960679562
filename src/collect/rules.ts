import type { FieldDriver } from '../core/driver.ts';
import type { Millis } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import type { DialogueRules } from './dialogue.ts';

/** A dialogue may hold its line so long, or three reply time-outs where that is more. */
const DIALOGUE_LIMIT_MS: Millis = 30_000;

/** How a dialogue with this device is led: its device file's times, the site's where it gives others. */
export function dialogueRules(device: BoundDevice, driver: FieldDriver<BoundDevice>): DialogueRules {
  const { gapTimeoutMs, pauseMs } = device.model;
  const replyTimeoutMs = device.config.replyTimeoutMs ?? device.model.replyTimeoutMs;
  return {
    gapTimeoutMs,
    pauseMs,
    dialogueLimitMs: Math.max(DIALOGUE_LIMIT_MS, 3 * replyTimeoutMs),
    lateAnswerMs: device.config.lateAnswerMs ?? device.model.lateAnswerMs ?? replyTimeoutMs,
    reopenAfterTimeout: driver.reopenAfterTimeout(device),
  };
}
