import { OdecetError } from '../core/failure.ts';

/** What ends a command that a person or the system stopped: the shell's own status for it, docs/failures.md. */
export class Stopped extends Error {
  readonly status: number;
  constructor(name: NodeJS.Signals) {
    super(`stopped by ${name}`);
    this.status = name === 'SIGTERM' ? 143 : 130;
  }
}

/**
 * An abort signal that SIGINT or SIGTERM fires; a second signal ends the process at once.
 * @param afterMs it also fires after so long, which is a failure only where nothing had begun by then
 */
export function stopSignal(afterMs?: number): AbortSignal {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    const reason = new Stopped(name);
    if (controller.signal.aborted) process.exit(reason.status);
    controller.abort(reason);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  if (afterMs !== undefined) {
    const over = new OdecetError('line-unreachable', `it was not open within the ${afterMs / 1_000} s that were given`);
    setTimeout(() => controller.abort(over), afterMs).unref();
  }
  return controller.signal;
}

export function untilSignal(): Promise<void> {
  const signal = stopSignal();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
