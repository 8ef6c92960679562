import { setImmediate } from 'node:timers';
import type { MonotonicMs } from '../core/time.ts';
import type { Cancel, Timers } from '../machine/timers.ts';
import { type Task, TaskQueue } from './queue.ts';
import { type Random, seededRandom } from './random.ts';

/**
 * Node empties the microtasks after every immediate, and a turn of its event loop costs more than a simulated event, so
 * the steps of the world are handed over in bundles.
 */
const STEPS_PER_TURN = 64;

/** The timers of one machine of the world, from power on to power cut. */
export interface Life extends Timers {
  /** The power goes: none of its timers will ever fire, none can be set, nothing that waits on them goes on. */
  end(): void;
}

/**
 * Virtual time from a seed. Time moves only when everything that can be done at this instant was done, and jumps from task
 * to task. What runs in it may wait only for the world's own timers, never for real input or output.
 */
export interface World extends Timers {
  readonly random: Random;
  /** A machine of its own, which can lose its power without the rest of the world. */
  newLife(): Life;
  /**
   * Lets time pass until `main` has settled; gives what it gave. Rejects with a "deadlock" error when main still waits and no
   * task is left. Tasks that main left behind stay for the next run.
   */
  run<T>(main: () => Promise<T>): Promise<T>;
  /** Tasks that still wait. */
  waiting(): number;
  /** Tasks done since the beginning. */
  done(): number;
}

export function createWorld(seed: string | number): World {
  return new SimWorld(seed);
}

class SimWorld implements World {
  readonly random: Random;
  readonly #seed: string | number;
  readonly #queue = new TaskQueue();
  #nowMs: MonotonicMs = 0;
  #asked = 0;
  #done = 0;
  #isRunning = false;

  constructor(seed: string | number) {
    this.#seed = seed;
    this.random = seededRandom(seed);
  }

  monotonicMs(): MonotonicMs {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): Cancel {
    const task: Task = { at: this.#nowMs + Math.max(0, ms), order: this.#asked++, run };
    this.#queue.push(task);
    return () => {
      task.run = undefined;
    };
  }

  newLife(): Life {
    let isOver = false;
    return {
      monotonicMs: () => this.#nowMs,
      after: (ms, run) =>
        this.after(ms, () => {
          if (!isOver) run();
        }),
      end: () => {
        isOver = true;
      },
    };
  }

  async run<T>(main: () => Promise<T>): Promise<T> {
    if (this.#isRunning) throw new Error('the world runs already');
    this.#isRunning = true;
    let isSettled = false;
    try {
      const result = main().finally(() => {
        isSettled = true;
      });
      await Promise.race([result, this.#pass(() => isSettled)]);
      return await result;
    } finally {
      this.#isRunning = false;
    }
  }

  waiting(): number {
    return this.#queue.count();
  }

  done(): number {
    return this.#done;
  }

  /** Resolves when `isOver` says so, rejects when there is nothing more to do or a task threw. */
  #pass(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = 0;
      let isFinished = false;
      const bundle = () => {
        left = STEPS_PER_TURN;
        for (let n = 0; n < STEPS_PER_TURN; n++) setImmediate(step);
      };
      const finish = (how: () => void) => {
        isFinished = true;
        how();
      };
      const step = () => {
        left--;
        if (isFinished) return;
        try {
          if (isOver()) finish(resolve);
          else if (!this.#step()) finish(() => reject(this.#deadlock()));
          else if (left === 0) bundle();
        } catch (error) {
          finish(() => reject(error));
        }
      };
      bundle();
    });
  }

  #step(): boolean {
    const task = this.#queue.pop();
    if (!task) return false;
    this.#nowMs = task.at;
    this.#done++;
    task.run?.();
    return true;
  }

  #deadlock(): Error {
    return new Error(`deadlock in world ${this.#seed} at ${this.#nowMs} ms: main waits for what will never come`);
  }
}
