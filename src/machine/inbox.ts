import { OdecetError } from '../core/failure.ts';
import type { Millis } from '../core/time.ts';
import { onAbort } from './abort.ts';
import { type Cancel, pause, type Timers } from './timers.ts';

interface Waiter {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (reason: unknown) => void;
  readonly release: () => void;
}

const NOTHING = new Uint8Array(0);

/**
 * Between two dialogues nobody reads, so a line that babbles would fill the memory. No answer of any protocol is nearly as long.
 */
export const INBOX_BYTES_MAX = 65_536;

/**
 * What came over a line and was not read yet: the rules of Line.read and Line.drain, the same for every kind of line. What is too
 * much is dropped and counted, and never passes unseen: drain counts it with the rest, read rejects.
 */
export class Inbox {
  readonly #timers: Timers;
  #chunks: Uint8Array[] = [];
  /** Bytes in the chunks, and bytes that found no place there. */
  #heldBytes = 0;
  #droppedBytes = 0;
  #waiter: Waiter | undefined;
  #ended: unknown;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const fitting = bytes.slice(0, INBOX_BYTES_MAX - this.#heldBytes);
    this.#droppedBytes += bytes.length - fitting.length;
    if (fitting.length === 0) return;
    this.#chunks.push(fitting);
    this.#heldBytes += fitting.length;
    this.#settle((waiter) => waiter.resolve(this.#take()));
  }

  /** Nothing more will come. What came before can still be read, then read rejects with `reason`. */
  end(reason: OdecetError): void {
    this.#ended ??= reason;
    this.#settle((waiter) => waiter.reject(reason));
  }

  /** Rejects with OdecetError `frame-trailing` when bytes had to be dropped; then the inbox is empty. */
  async read(withinMs: Millis, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    if (this.#droppedBytes > 0) {
      const bytes = this.#empty();
      throw new OdecetError('frame-trailing', `${bytes} bytes came while nobody read; what sends without being asked?`);
    }
    return this.#next(withinMs, signal);
  }

  #next(withinMs: Millis, signal?: AbortSignal): Promise<Uint8Array> {
    if (this.#waiter)
      throw new OdecetError('unexpected', 'two reads of one line at once; a line has one user at a time');
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.#chunks.length > 0) return resolve(this.#take());
      if (this.#ended) return reject(this.#ended);
      this.#waiter = { resolve, reject, release: this.#watch(withinMs, signal) };
    });
  }

  async drain(quietMs: Millis, atMostMs: Millis, signal?: AbortSignal): Promise<number> {
    const until = this.#timers.monotonicMs() + atMostMs;
    let count = this.#empty();
    for (;;) {
      const leftMs = until - this.#timers.monotonicMs();
      if (leftMs <= 0) return count;
      const bytes = await this.#next(Math.min(quietMs, leftMs), signal);
      if (bytes.length === 0) return count;
      count += bytes.length + this.#empty();
      // A stream of single bytes must not keep the program from anything else.
      await pause(this.#timers, 0, signal);
    }
  }

  #watch(withinMs: Millis, signal: AbortSignal | undefined): () => void {
    const cancel: Cancel = this.#timers.after(withinMs, () => this.#settle((waiter) => waiter.resolve(NOTHING)));
    if (!signal) return cancel;
    const abort = () => this.#settle((waiter) => waiter.reject(signal.reason));
    const forget = onAbort(signal, abort);
    return () => {
      cancel();
      forget();
    };
  }

  #settle(how: (waiter: Waiter) => void): void {
    const waiter = this.#waiter;
    if (!waiter) return;
    this.#waiter = undefined;
    waiter.release();
    how(waiter);
  }

  /** Forgets everything; says how many bytes that was. */
  #empty(): number {
    const bytes = this.#take().length + this.#droppedBytes;
    this.#droppedBytes = 0;
    return bytes;
  }

  #take(): Uint8Array {
    this.#heldBytes = 0;
    const chunks = this.#chunks;
    if (chunks.length === 1) {
      this.#chunks = [];
      return chunks[0] ?? NOTHING;
    }
    const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let offset = 0;
    for (const chunk of chunks) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    this.#chunks = [];
    return all;
  }
}
