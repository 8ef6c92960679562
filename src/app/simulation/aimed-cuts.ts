import { HOUR_MS, type Millis } from '../../core/time.ts';
import type { StoreOp } from '../../machine/store.ts';
import type { Timers } from '../../machine/timers.ts';
import type { Random } from '../../sim/random.ts';

/** A power cut waits at most so long for the batch that it is meant for. */
const CUT_WITHIN_MS = 12 * HOUR_MS;
/** Batches that a power cut would like to meet: a message, its attempts, intervals; or any. */
const CUT_TARGETS: readonly (readonly string[])[] = [['m/'], ['e/'], ['i/'], ['r/'], ['']];

/** Power cuts that are meant for a write. */
export interface AimedCuts {
  /** The next write of the chosen kind is met; the power stays off for so long. @param choice 0 <= x < 1 */
  plan(offMs: Millis, choice: number): void;
  /** To be told of every batch that goes under way. */
  meetWrite(ops: readonly StoreOp[]): void;
}

export function aimCuts(
  timers: Timers,
  diskLatencyMs: Millis,
  random: Random,
  cut: (offMs: Millis) => void,
): AimedCuts {
  let aim: { readonly prefixes: readonly string[]; readonly offMs: Millis; isDone: boolean } | undefined;
  return {
    plan(offMs, choice) {
      const wanted = { prefixes: CUT_TARGETS[Math.floor(choice * CUT_TARGETS.length)]!, offMs, isDone: false };
      aim = wanted;
      timers.after(CUT_WITHIN_MS, () => {
        if (!wanted.isDone) cut(offMs);
        wanted.isDone = true;
      });
    },
    meetWrite(ops) {
      const wanted = aim;
      if (!wanted || wanted.isDone || !ops.some(({ key }) => wanted.prefixes.some((prefix) => key.startsWith(prefix))))
        return;
      wanted.isDone = true;
      timers.after(random.below(diskLatencyMs + 1), () => cut(wanted.offMs));
    },
  };
}
