import { OdecetError } from '../core/failure.ts';
import { type Bell, createBell } from './bell.ts';
import type { Bus } from './bus.ts';

/** What a person asks of a line, done on the open line between two of its own dialogues. */
export type AskedWork<T> = (line: Bus, signal: AbortSignal) => Promise<T>;

/** Work that waits for its turn on one line, in the order in which it was asked for. */
export interface AskedQueue {
  /** Rings when work has come. */
  readonly bell: Bell;
  readonly isEmpty: boolean;
  /** How often somebody else has spoken on the line. */
  readonly served: number;
  /** Rejects with what the work throws, or with line-unreachable when the line cannot be had. */
  ask<T>(work: AskedWork<T>): Promise<T>;
  /** Does the first of it. Never rejects: who asked is told. */
  serve(line: Bus, signal: AbortSignal): Promise<void>;
  /** Nobody waits for a line that is away. */
  refuse(why: string): void;
}

interface Waiting {
  readonly serve: (line: Bus, signal: AbortSignal) => Promise<void>;
  readonly refuse: (reason: OdecetError) => void;
}

export function createAskedQueue(): AskedQueue {
  const bell = createBell();
  const waiting: Waiting[] = [];
  let served = 0;
  return {
    bell,
    get isEmpty() {
      return waiting.length === 0;
    },
    get served() {
      return served;
    },
    ask(work) {
      return new Promise((resolve, reject) => {
        waiting.push({ serve: (line, signal) => work(line, signal).then(resolve, reject), refuse: reject });
        bell.ring();
      });
    },
    async serve(line, signal) {
      served += 1;
      await waiting.shift()?.serve(line, signal);
    },
    refuse(why) {
      for (const { refuse } of waiting.splice(0)) refuse(new OdecetError('line-unreachable', why));
    },
  };
}
