import { destination, type Logger, pino } from 'pino';
import type { UtcMs } from '../core/time.ts';
import type { Log } from '../machine/log.ts';
import { loggable } from '../machine/redact.ts';

export interface HostLogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** A file name instead of one of the two streams is for tests and tools. Default stderr: stdout is for results. */
  readonly to?: 'stdout' | 'stderr' | { readonly file: string };
  /** The wall clock whose time the lines bear: a rehearsal's lines bear the rehearsed time. Default the machine's. */
  readonly now?: () => UtcMs;
}

/**
 * JSON lines: `{"level":"info","time":"...","event":"round-done", ...fields}`. Written at once, so that the last words before
 * a crash are there and nothing has to be flushed at exit.
 */
export function hostLog({ level, to = 'stderr', now = Date.now }: HostLogOptions): Log {
  const dest = to === 'stdout' ? 1 : to === 'stderr' ? 2 : to.file;
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest, sync: true }),
  );
  return over(logger);
}

function over(logger: Logger): Log {
  return {
    debug: (event, fields) => logger.isLevelEnabled('debug') && logger.debug(loggable(fields ?? {}), event),
    info: (event, fields) => logger.info(loggable(fields ?? {}), event),
    warn: (event, fields) => logger.warn(loggable(fields ?? {}), event),
    error: (event, fields) => logger.error(loggable(fields ?? {}), event),
    child: (fields) => over(logger.child(loggable(fields))),
  };
}
