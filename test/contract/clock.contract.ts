import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/machine/clock.ts';

export interface ClockSubject {
  readonly name: string;
  run(body: (clock: Clock) => Promise<void>): Promise<void>;
  /** Timers that the clock holds at this moment. */
  timers(): number;
}

/** Stays on the near side of a few milliseconds: on the real machine these are real. */
export function clockContract(subject: ClockSubject): void {
  const inClock = (body: (clock: Clock) => Promise<void>) => () => subject.run(body);

  describe(`clock: ${subject.name}`, () => {
    it(
      'sleeps no shorter than asked',
      inClock(async (clock) => {
        const sleepFor = async (ms: number) => {
          const before = clock.monotonicMs();
          await clock.sleep(ms);
          return clock.monotonicMs() - before - ms;
        };
        // Many, of all lengths: timers of the real machine are early by a fraction of a millisecond only now and then.
        const lengthsMs = Array.from({ length: 200 }, (_, n) => n / 10);
        for (const overMs of await Promise.all(lengthsMs.map(sleepFor))) expect(overMs).toBeGreaterThanOrEqual(-1e-6);
        for (let n = 0; n < 30; n++) expect(await sleepFor(1)).toBeGreaterThanOrEqual(-1e-6);
      }),
    );

    it(
      'the monotonic clock never goes back',
      inClock(async (clock) => {
        let last = clock.monotonicMs();
        for (let n = 0; n < 5; n++) {
          await clock.sleep(1);
          expect(clock.monotonicMs()).toBeGreaterThanOrEqual(last);
          last = clock.monotonicMs();
        }
      }),
    );

    it(
      'sleeps until the wall shows the time or later',
      inClock(async (clock) => {
        const at = clock.now() + 20;
        await clock.sleepUntil(at);
        expect(clock.now()).toBeGreaterThanOrEqual(at);
      }),
    );

    it(
      'does not sleep until a time that has passed',
      inClock(async (clock) => {
        const holds = subject.timers();
        const slept = clock.sleepUntil(clock.now() - 1);
        expect(subject.timers()).toBe(holds);
        await slept;
      }),
    );

    it(
      'the wall shows whole milliseconds',
      inClock(async (clock) => {
        await clock.sleep(1.3);
        expect(Number.isInteger(clock.now())).toBe(true);
      }),
    );

    it(
      'calls when the wall shows the time, later also where it shows it already, and not once it was called off',
      inClock(async (clock) => {
        const calls: string[] = [];
        const at = clock.now() + 20;
        const holds = subject.timers();
        const inTime = new Promise<boolean>((resolve) => clock.whenWall(at, () => resolve(clock.now() >= at)));
        const passed = new Promise<void>((resolve) => {
          clock.whenWall(at - 21, () => {
            calls.push('passed');
            resolve();
          });
        });
        clock.whenWall(at, () => calls.push('called off'))();
        expect(calls).toEqual([]);
        expect(subject.timers()).toBe(holds + 2);
        await passed;
        expect(await inTime).toBe(true);
        await clock.sleepUntil(at + 20);
        expect(calls).toEqual(['passed']);
      }),
    );

    for (const kind of ['sleep', 'sleepUntil'] as const) {
      const wait = (clock: Clock, signal: AbortSignal) =>
        kind === 'sleep' ? clock.sleep(3_600_000, signal) : clock.sleepUntil(clock.now() + 3_600_000, signal);

      it(
        `${kind} rejects with the signal's reason and leaves no timer`,
        inClock(async (clock) => {
          const controller = new AbortController();
          const holds = subject.timers();
          const outcome = wait(clock, controller.signal).catch((reason: unknown) => reason);
          expect(subject.timers()).toBe(holds + 1);
          const reason = new Error('enough');
          controller.abort(reason);
          expect(await outcome).toBe(reason);
          expect(subject.timers()).toBe(holds);
        }),
      );

      it(
        `${kind} does not begin under a signal that was aborted before`,
        inClock(async (clock) => {
          const holds = subject.timers();
          const reason = new Error('too late');
          await expect(wait(clock, AbortSignal.abort(reason))).rejects.toBe(reason);
          expect(subject.timers()).toBe(holds);
        }),
      );
    }
  });
}
