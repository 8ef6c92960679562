import { createHash } from 'node:crypto';
import type { PointCode } from '../../core/interval.ts';
import type { MessageId } from '../../core/message.ts';
import { isoUtc, type MarketDay, type UtcMs } from '../../core/time.ts';
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
  /** What the gateway alerts somebody of. */
  alerted(message: MessageId): void;
  isAlerted(message: MessageId): boolean;
  /** Whether the gateway has said that a day of a point is not complete. */
  isTold(point: PointCode, day: MarketDay): boolean;
  /** How often the scrubber has come round. */
  readonly scrubRounds: number;
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

/** The first instant or day that a complaint names. */
export function timeIn(complaint: string): UtcMs | undefined {
  const [found] = /\d{4}-\d\d-\d\d(T\d\d:\d\d:[\d.]+Z)?/.exec(complaint) ?? [];
  const at = found === undefined ? Number.NaN : Date.parse(found);
  return Number.isNaN(at) ? undefined : at;
}

/** @param until events are kept up to this instant; all of them count for the hash */
export function startTrace(
  trueNow: () => UtcMs,
  onFault: (what: string) => void,
  until: UtcMs = Number.POSITIVE_INFINITY,
): Trace {
  const hash = createHash('sha256');
  const lines: Line[] = [];
  const damaged = new Set<string>();
  const alerted = new Set<MessageId>();
  const toldDays = new Set<string>();
  let scrubRounds = 0;
  const faults = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>;

  function keep(line: Line): void {
    if (line.at > until) return;
    lines.push(line);
    if (lines.length > 2 * KEPT) lines.splice(0, KEPT);
  }

  function hear(event: string, fields: LogFields): void {
    if (event === 'record-damaged') damaged.add(String(fields.record));
    if (event === 'day-not-complete') toldDays.add([fields.point, fields.day].join(' '));
    if (event === 'scrub-round-done') scrubRounds++;
  }

  const logOver = (bound: LogFields): Log => {
    const at =
      (level: (typeof LEVELS)[number]) =>
      (event: string, fields: LogFields = {}) => {
        if (level === 'debug') return;
        hear(event, fields);
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
    alerted: (message) => alerted.add(message),
    isAlerted: (message) => alerted.has(message),
    isTold: (point, day) => toldDays.has(`${point} ${day}`),
    get scrubRounds() {
      return scrubRounds;
    },
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
