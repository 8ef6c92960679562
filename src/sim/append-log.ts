import { OdecetError } from '../core/failure.ts';
import type { Millis } from '../core/time.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Timers } from '../machine/timers.ts';
import { flipBit, tear, WriteFaults } from './disk-faults.ts';
import type { Random } from './random.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export interface SimFileOptions {
  readonly random: Random;
  /** How long an append is under way; 0 (default) writes at once, so that a power cut never meets one. */
  readonly latencyMs?: Millis;
}

/** A file of lines on an imagined disk: what outlives the program. */
export interface SimFile {
  open(): AppendLog;
  /** The next appends fail; chance says how much of each the file has all the same. */
  failNext(times?: number): void;
  /** While it is full nothing more goes into it. */
  full(isFull: boolean): void;
  /** The power goes: of what is under way the file has the first part, as long as chance says; the calls never settle. */
  powerCut(): void;
  /** Turns one bit over; what is not UTF-8 then is read as U+FFFD. */
  flipBit(): void;
}

/** @param timers those of the machine the disk is in */
export function simFile(timers: Timers, options: SimFileOptions): SimFile {
  return new ImaginedFile(timers, options);
}

class ImaginedFile implements SimFile {
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #latencyMs: Millis;
  #text = '';
  readonly #faults = new WriteFaults();
  #isFull = false;
  #underWay: string | undefined;
  /** Counts the lives: whoever had the file open before a power cut has it no more. */
  #life = 0;

  constructor(timers: Timers, { random, latencyMs = 0 }: SimFileOptions) {
    this.#timers = timers;
    this.#random = random;
    this.#latencyMs = latencyMs;
  }

  open(): AppendLog {
    const life = this.#life;
    // The file may end in the middle of a line: before the first write, and after one that failed.
    let isTorn = true;
    const whileAlive = async <T>(work: () => T | Promise<T>): Promise<T> =>
      life === this.#life ? work() : new Promise<never>(() => undefined);
    return {
      lines: () => linesOf(this.#text),
      append: (line) =>
        whileAlive(async () => {
          const text = `${isTorn ? '\n' : ''}${line}\n`;
          isTorn = true;
          await this.#write(text);
          isTorn = false;
        }),
      rewrite: (lines) =>
        whileAlive(async () => {
          const from = this.#text.length;
          let text = '';
          for await (const line of lines) text += `${line}\n`;
          await whileAlive(() => {
            this.#refuse('');
            this.#text = text + this.#text.slice(from);
          });
        }),
      size: () => whileAlive(() => this.#text.length),
      close: async () => undefined,
    };
  }

  failNext(times = 1): void {
    this.#faults.failNext('store-io', times, 0);
  }

  full(isFull: boolean): void {
    this.#isFull = isFull;
  }

  powerCut(): void {
    this.#life++;
    if (this.#underWay !== undefined) this.#text += this.#part(this.#underWay);
    this.#underWay = undefined;
  }

  flipBit(): void {
    this.#text = decoder.decode(flipBit(encoder.encode(this.#text), this.#random));
  }

  /** Resolves when it is on the disk; never when the power goes before. */
  #write(text: string): Promise<void> {
    this.#refuse(text);
    if (this.#latencyMs === 0) {
      this.#text += text;
      return Promise.resolve();
    }
    this.#underWay = text;
    const life = this.#life;
    return new Promise((resolve) => {
      this.#timers.after(this.#latencyMs, () => {
        if (life !== this.#life) return;
        this.#text += text;
        this.#underWay = undefined;
        resolve();
      });
    });
  }

  #refuse(text: string): void {
    const failure = this.#faults.meet(() => !this.#isFull);
    if (failure === 'store-io') this.#text += this.#part(text);
    if (failure) throw new OdecetError(failure, 'simulated file');
  }

  #part(text: string): string {
    return decoder.decode(tear(encoder.encode(text), this.#random));
  }
}

async function* linesOf(text: string): AsyncGenerator<string> {
  for (const line of text.split('\n')) if (line !== '') yield line;
}
