import { failure } from '../core/failure.ts';
import { MINUTE_MS, type Millis } from '../core/time.ts';
import { childAbort } from '../machine/abort.ts';
import type { Clock } from '../machine/clock.ts';

/** All until the signal aborts; one that fails stops the others. */
export async function together(
  runs: readonly ((signal: AbortSignal) => Promise<void>)[],
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const running = runs.map(async (run) => {
    // A signal for each: Node warns of a leak where many wait for one.
    const own = childAbort(signal, failed.signal);
    try {
      await run(own.signal);
    } catch (error) {
      failed.abort(failure('unexpected', String(error)));
      throw error;
    } finally {
      own.release();
    }
  });
  await Promise.allSettled(running);
  await Promise.all(running);
}

/** Works on all of them in order, on so many at once; rejects with the first that fails. */
export async function eachOf<T>(
  items: readonly T[],
  atOnceMax: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items.values();
  const hand = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: atOnceMax }, hand));
}

/** Undefined where it fails or takes longer. */
export async function withinTime<T>(asked: Promise<T>, withinMs: Millis, clock: Clock): Promise<T | undefined> {
  const over = new AbortController();
  const late = clock.sleep(withinMs, over.signal).then(
    () => undefined,
    () => undefined,
  );
  const told = await Promise.race([asked.catch(() => undefined), late]);
  over.abort();
  return told;
}

/** Sweeps once a minute. */
export function sweeper(parts: readonly { sweep(): void }[], clock: Clock) {
  return {
    async run(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        for (const part of parts) part.sweep();
        await clock.sleep(MINUTE_MS, signal).catch((reason: unknown) => {
          if (!signal.aborted) throw reason;
        });
      }
    },
  };
}
