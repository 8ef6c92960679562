import { knowZone } from '../core/calendar.ts';
import { HOUR_MS, type UtcMs } from '../core/time.ts';
import { hostZone } from '../host/zone.ts';

const MARKET_ZONE = 'Europe/Prague';
const YEAR_MS = 365 * 24 * HOUR_MS;

/**
 * To be called at the start of a process that is to stay small, before anything else runs in it. Of a site in another zone, and
 * beyond these years, the library is asked as ever, which takes 8 MB more.
 */
export function knowMarketZone(now: UtcMs): void {
  knowZone(MARKET_ZONE, hostZone(MARKET_ZONE, now - 12 * YEAR_MS, now + 20 * YEAR_MS));
}
