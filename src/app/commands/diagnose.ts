import { isoUtc, type UtcMs } from '../../core/time.ts';
import type { Log, LogFields } from '../../machine/log.ts';
import { loggable } from '../../machine/redact.ts';
import type { Performed } from '../../uplink/relay/command-taker.ts';

/** So many of the last warnings and errors are told. */
const TROUBLES_MAX = 100;
/** A line of the log is cut to this. */
const TROUBLE_CHARS_MAX = 500;
/** The whole bundle, in UTF-8; what is too long is told as such and left out, part by part. */
const BUNDLE_BYTES_MAX = 400_000;

export interface Trouble {
  readonly at: string;
  readonly level: 'warn' | 'error';
  readonly event: string;
  readonly fields: string;
}

export interface Troubles {
  /** A log that goes on as before, and is listened to. */
  readonly log: Log;
  /** The last ones, oldest first, without secrets. */
  last(): readonly Trouble[];
}

/** Remembers the last warnings and errors that pass through a log. */
export function rememberTroubles(log: Log, now: () => UtcMs): Troubles {
  const last: Trouble[] = [];
  const note = (level: Trouble['level'], event: string, fields: LogFields) => {
    const text = JSON.stringify(loggable(fields)).slice(0, TROUBLE_CHARS_MAX);
    last.push({ at: isoUtc(now()), level, event, fields: text });
    if (last.length > TROUBLES_MAX) last.shift();
  };
  const over = (inner: Log, more: LogFields): Log => ({
    debug: (event, fields) => inner.debug(event, fields),
    info: (event, fields) => inner.info(event, fields),
    warn(event, fields = {}) {
      note('warn', event, { ...more, ...fields });
      inner.warn(event, fields);
    },
    error(event, fields = {}) {
      note('error', event, { ...more, ...fields });
      inner.error(event, fields);
    },
    child: (fields) => over(inner.child(fields), { ...more, ...fields }),
  });
  return { log: over(log, {}), last: () => [...last] };
}

/** What a centre gets to see of a site that gives trouble: named parts, each asked for by itself, none of which holds a secret. */
export async function diagnose(parts: Readonly<Record<string, () => unknown>>): Promise<Performed> {
  const bundle: Record<string, unknown> = {};
  let room = BUNDLE_BYTES_MAX;
  for (const [name, ask] of Object.entries(parts)) {
    const said = await answerOf(ask);
    const { length } = new TextEncoder().encode(JSON.stringify(said));
    const fits = length <= room;
    bundle[name] = fits ? said : `left out: ${length} bytes`;
    if (fits) room -= length;
  }
  return { outcome: 'done', detail: Object.keys(bundle).join(', '), result: bundle };
}

/** A part that cannot be had must not hide the others. */
async function answerOf(ask: () => unknown): Promise<unknown> {
  try {
    const said = await ask();
    return typeof said === 'object' && said !== null && !Array.isArray(said) ? loggable({ ...said }) : (said ?? null);
  } catch (error) {
    return `not to be had: ${error instanceof Error ? error.message : String(error)}`;
  }
}
