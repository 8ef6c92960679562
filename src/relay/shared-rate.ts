import { type Millis, type MonotonicMs, SECOND_MS } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Rate } from './rate.ts';

/**
 * A slot that was not used within this is given up, and so far the database may be away from us: slots are so much wider than
 * the limit asks for that no second has more of them whoever uses his late.
 */
const LATE_MS: Millis = 50;
/** At most a tenth of a second's slots at once, so that another relay waits no longer than that. */
const BLOCKS_A_SECOND = 10;
const BLOCK_MAX = 64;
/** A database that is away is asked again after this. */
const AGAIN_MS: Millis = 500;

export interface SharedRateDeps {
  readonly perSecondMax: number;
  /** Reserves slots that no other relay has, one every so many ms, and tells how long it is until the first. */
  readonly reserve: (count: number, everyMs: number) => Promise<Millis>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** The store cannot be asked; it is asked again. */
  readonly onTrouble: (error: unknown) => void;
}

interface Waiting {
  readonly go: () => void;
  readonly stop: (reason: unknown) => void;
}

/** The slots that were reserved last. */
interface Block {
  readonly next: MonotonicMs;
  readonly left: number;
  readonly taken: number;
}

/**
 * At most so many in any second through all relays that share one store. Slots are reserved for all who wait, and where
 * messages leave one by one for as many as came lately, so that one statement serves many. The rate is the limit less a tenth.
 */
export function createSharedRate({ perSecondMax, reserve, clock, onTrouble }: SharedRateDeps): Rate {
  const everyMs = (SECOND_MS + 2 * LATE_MS) / perSecondMax;
  const most = Math.max(1, Math.min(BLOCK_MAX, Math.floor(perSecondMax / BLOCKS_A_SECOND)));
  let waiting: Waiting[] = [];
  let block: Block = { next: 0, left: 0, taken: 0 };
  let isServing = false;

  /** Slots that passed while nobody wanted them. */
  function giveUpLate(now: MonotonicMs): void {
    const late = Math.max(0, Math.ceil((now - LATE_MS - block.next) / everyMs));
    const gone = Math.min(block.left, late);
    block = { ...block, next: block.next + gone * everyMs, left: block.left - gone };
  }

  async function more(signal: AbortSignal): Promise<void> {
    const isRecent = clock.monotonicMs() - block.next < SECOND_MS;
    const count = Math.min(most, Math.max(waiting.length, isRecent ? 2 * block.taken : 0));
    try {
      const inMs = await reserve(count, everyMs);
      block = { next: clock.monotonicMs() + inMs, left: count, taken: 0 };
    } catch (error) {
      onTrouble(error);
      await clock.sleep(AGAIN_MS, signal);
    }
  }

  async function step(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const now = clock.monotonicMs();
    giveUpLate(now);
    if (block.left === 0) return more(signal);
    if (block.next > now) return clock.sleep(block.next - now, signal);
    block = { next: block.next + everyMs, left: block.left - 1, taken: block.taken + 1 };
    waiting.shift()?.go();
  }

  async function serve(signal: AbortSignal): Promise<void> {
    isServing = true;
    try {
      while (waiting.length > 0) await step(signal);
    } catch (reason) {
      for (const { stop } of waiting) stop(reason);
      waiting = [];
    } finally {
      isServing = false;
    }
  }

  return {
    pass: (signal) =>
      new Promise((go, stop) => {
        waiting.push({ go, stop });
        if (!isServing) void serve(signal);
      }),
  };
}
