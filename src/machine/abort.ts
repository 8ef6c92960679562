/** An abort signal that follows a parent and can be let go. */
export interface ChildAbort {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
  /** Ends the tie to the parent. Must be called: the parent may live for years. */
  release(): void;
}

/**
 * A signal that aborts with its parent or by itself. Instead of `AbortSignal.any`, which on Node 20 keeps some seventy bytes for
 * each call for as long as the parent lives: a gateway that waits once a second would lose two gigabytes a year.
 */
export function childAbort(parent: AbortSignal): ChildAbort {
  const controller = new AbortController();
  const follow = () => controller.abort(parent.reason);
  if (parent.aborted) follow();
  else parent.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release: () => parent.removeEventListener('abort', follow),
  };
}
