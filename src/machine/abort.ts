import type { Cancel } from './timers.ts';

/** What waits for each signal that was ever waited on. */
const tasksOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `task` once when the signal aborts; not where it has aborted before. The function that comes back calls it off.
 *
 * A signal lives as long as its gateway, and every exchange waits under it. So it gets one listener for good: a listener for
 * each wait costs as much as the rest of the wait, and its removal a walk past all the others.
 */
export function onAbort(signal: AbortSignal, task: () => void): Cancel {
  const tasks = tasksOf.get(signal) ?? listenedTo(signal);
  tasks.add(task);
  return () => tasks.delete(task);
}

function listenedTo(signal: AbortSignal): Set<() => void> {
  const tasks = new Set<() => void>();
  tasksOf.set(signal, tasks);
  const runAll = () => {
    for (const task of tasks) task();
    tasks.clear();
  };
  signal.addEventListener('abort', runAll, { once: true });
  return tasks;
}

/** An abort signal that follows its parents and can be let go. */
export interface ChildAbort {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
  /** Ends the tie to the parents. Must be called: a parent may live for years. */
  release(): void;
}

/**
 * A signal that aborts with the first of its parents or by itself. Instead of `AbortSignal.any`, which on Node 20 keeps some
 * seventy bytes for each call for as long as the parent lives (a gateway that waits once a second would lose two gigabytes a
 * year), and keeps for ever whatever listens to a signal that never aborts.
 */
export function childAbort(...parents: readonly AbortSignal[]): ChildAbort {
  const controller = new AbortController();
  const first = parents.find(({ aborted }) => aborted);
  if (first) controller.abort(first.reason);
  const ties = first ? [] : parents.map((parent) => onAbort(parent, () => controller.abort(parent.reason)));
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release() {
      for (const untie of ties) untie();
    },
  };
}
