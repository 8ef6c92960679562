import type { ZoneOffsets } from '../core/calendar.ts';
import { HOUR_MS, MINUTE_MS, type UtcMs } from '../core/time.ts';

/** No zone switches twice in a week. */
const STEP_MS = 7 * 24 * HOUR_MS;

/**
 * A zone's offsets as this process's own clock on the wall would show them if it hung there. It costs 1 MB of memory; a formatter of
 * `Intl`, which is what libraries ask, costs 9. For the start of a process: no thread may ask for local time meanwhile.
 *
 * @param zone one that the runtime knows: an unknown one counts as UTC without a word
 */
export function hostZone(zone: string, from: UtcMs, until: UtcMs): ZoneOffsets {
  const own = process.env.TZ;
  process.env.TZ = zone;
  try {
    const offsets = [{ since: from, offset: offsetAt(from) }];
    for (let at = from; at < until; at += STEP_MS) {
      const offset = offsetAt(Math.min(at + STEP_MS, until));
      if (offset !== offsetAt(at)) offsets.push({ since: switchIn(at, Math.min(at + STEP_MS, until)), offset });
    }
    return { until, offsets };
  } finally {
    if (own === undefined) delete process.env.TZ;
    else process.env.TZ = own;
  }
}

/** The first instant at which the offset is that of `after`. */
function switchIn(before: UtcMs, after: UtcMs): UtcMs {
  let [left, right] = [before, after];
  while (right - left > 1) {
    const middle = Math.floor((left + right) / 2);
    if (offsetAt(middle) === offsetAt(after)) right = middle;
    else left = middle;
  }
  return right;
}

function offsetAt(at: UtcMs): number {
  return -new Date(at).getTimezoneOffset() * MINUTE_MS;
}
