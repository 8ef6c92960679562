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
  const follow = (event: Event) => {
    if (event.target instanceof AbortSignal) controller.abort(event.target.reason);
  };
  const first = parents.find(({ aborted }) => aborted);
  if (first) controller.abort(first.reason);
  else for (const parent of parents) parent.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release() {
      for (const parent of parents) parent.removeEventListener('abort', follow);
    },
  };
}
