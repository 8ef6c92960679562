import { createHash } from 'node:crypto';
import { isoUtc, type UtcMs } from '../../core/time.ts';
import type { Log, LogFields } from '../../machine/log.ts';
import { loggable } from '../../machine/redact.ts';
import { FAULT_KINDS, type FaultKind } from './faults.ts';

/** What happened in a run: the faults by kind, the last events for whoever must look, and a hash over all of them. */
export interface Trace {
  note(event: string, what: string): void;
  /** What the run has come to: part of the hash, no event. */
  judged(what: string): void;
  count(kind: FaultKind): void;
  /** The gateway's own log; what must never be in it goes to `onFault`. */
  readonly log: Log;
  readonly faults: Readonly<Record<FaultKind, number>>;
  /** Keys of the records that the gateway found damaged and told of. */
  readonly damaged: ReadonlySet<string>;
  last(): string[];
  hash(): string;
}

const KEPT = 60;
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

interface Line {
  readonly at: UtcMs;
  readonly event: string;
  readonly fields: LogFields;
}

export function startTrace(trueNow: () => UtcMs, onFault: (what: string) => void): Trace {
  const hash = createHash('sha256');
  const lines: Line[] = [];
  const damaged = new Set<string>();
  const faults = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>;

  function keep(line: Line): void {
    lines.push(line);
    if (lines.length > 2 * KEPT) lines.splice(0, KEPT);
  }

  const logOver = (bound: LogFields): Log => {
    const at =
      (level: (typeof LEVELS)[number]) =>
      (event: string, fields: LogFields = {}) => {
        if (level === 'debug') return;
        if (event === 'record-damaged') damaged.add(String(fields.record));
        keep({ at: trueNow(), event, fields: { ...bound, ...fields } });
        if (fields.code === 'unexpected' || event === 'line-collector-fault')
          onFault(`${event}: ${String(fields.detail)}`);
      };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => logOver({ ...bound, ...fields }),
    };
  };

  return {
    faults,
    damaged,
    log: logOver({}),
    note(event, what) {
      hash.update(`${trueNow()} ${event} ${what}\n`);
      keep({ at: trueNow(), event, fields: { what } });
    },
    judged(what) {
      hash.update(`${what}\n`);
    },
    count(kind) {
      faults[kind]++;
    },
    last: () => lines.slice(-KEPT).map(lineText),
    hash: () => hash.digest('hex').slice(0, 16),
  };
}

function lineText({ at, event, fields }: Line): string {
  return `${isoUtc(at)} ${event} ${JSON.stringify(loggable(fields)).slice(0, 300)}`;
}
