import type { UtcMs } from '../core/time.ts';
import type { Log, LogFields } from '../machine/log.ts';
import { loggable } from '../machine/redact.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogLine {
  readonly level: LogLevel;
  readonly at: UtcMs;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface SimLog extends Log {
  /** Everything that was logged, children included, in order. */
  readonly lines: readonly LogLine[];
}

/** Keeps the lines for whoever wants to look. @param level lines below it are dropped, as on the real machine */
export function simLog(clock: { now(): UtcMs }, level: LogLevel = 'debug'): SimLog {
  const lines: LogLine[] = [];
  const levelMin = LOG_LEVELS.indexOf(level);
  const over = (bound: LogFields): Log => {
    const at =
      (lineLevel: LogLevel) =>
      (event: string, fields: LogFields = {}) => {
        if (LOG_LEVELS.indexOf(lineLevel) < levelMin) return;
        lines.push({ level: lineLevel, at: clock.now(), event, fields: loggable({ ...bound, ...fields }) });
      };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => over({ ...bound, ...fields }),
    };
  };
  return { ...over({}), lines };
}
