import type { LineSetting } from '../core/driver.ts';
import type { Millis, MonotonicMs } from '../core/time.ts';
import { sameSetting, wireMs } from '../machine/line.ts';
import { pause, type Timers } from '../machine/timers.ts';
import type { Random } from './random.ts';

/** How fast bytes go over a simulated wire. */
export interface Pace {
  readonly setting: LineSetting;
  /** No answer begins earlier after its request than this. Default 0. */
  readonly turnRoundMs?: Millis;
  /** What each meter is set to, by its place among the meters of the line; one of which nothing is said finds it out by itself. */
  readonly meterSettings?: readonly (LineSetting | undefined)[];
}

/** A wire on which every byte takes its time, one after the other; two senders at once spoil each other's bytes. */
export class PacedWire {
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #pace: Pace;
  #setting: LineSetting;
  /** When the last bit of what is being sent will have passed. */
  #busyUntil: MonotonicMs = Number.NEGATIVE_INFINITY;
  /** Sendings that began so far: one that is not the last any more was disturbed. */
  #sendings = 0;

  constructor(timers: Timers, pace: Pace, random: Random) {
    this.#timers = timers;
    this.#pace = pace;
    this.#random = random;
    this.#setting = pace.setting;
  }

  /** The master's end changes its speed; meters keep theirs. */
  set(setting: LineSetting): void {
    this.#setting = setting;
  }

  /** A meter set otherwise hears nothing that it understands. */
  hears(meter: number): boolean {
    const own = this.#pace.meterSettings?.[meter];
    return own === undefined || sameSetting(own, this.#setting);
  }

  /** The master sends: resolves when the last bit has left. */
  async send(bytes: number, signal?: AbortSignal): Promise<void> {
    const lastsMs = wireMs(this.#setting, bytes);
    this.#begin(lastsMs);
    await pause(this.#timers, lastsMs, signal);
  }

  /** A meter answers: `push` gets each byte when its last bit has come. */
  answer(bytes: Uint8Array, afterMs: Millis, push: (byte: Uint8Array) => void): void {
    const characterMs = wireMs(this.#setting, 1);
    this.#timers.after(Math.max(afterMs, this.#pace.turnRoundMs ?? 0), () => {
      const sending = this.#begin(characterMs * bytes.length);
      const next = (n: number) =>
        this.#timers.after(characterMs, () => {
          const isDisturbed = sending.isDisturbed || sending.number !== this.#sendings;
          push(Uint8Array.of(isDisturbed ? this.#random.below(256) : bytes[n]!));
          if (n + 1 < bytes.length) next(n + 1);
        });
      if (bytes.length > 0) next(0);
    });
  }

  #begin(lastsMs: Millis): { readonly number: number; readonly isDisturbed: boolean } {
    const now = this.#timers.monotonicMs();
    // A thousandth of a bit is the rounding of binary fractions, not a collision.
    const isDisturbed = now < this.#busyUntil - wireMs(this.#setting, 1) / 10_000;
    this.#busyUntil = Math.max(this.#busyUntil, now + lastsMs);
    this.#sendings += 1;
    return { number: this.#sendings, isDisturbed };
  }
}
