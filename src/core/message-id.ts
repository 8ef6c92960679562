import type { MessageId } from './message.ts';
import type { UtcMs } from './time.ts';

/**
 * Fourteen digits that rise. Of a site with a number: nine digits of the wall clock in tens of seconds since 1970, then the five
 * of its number, so that no two sites of one sender ever make the same id. Of one without: the wall clock's milliseconds, as all
 * sites made them before there were numbers. The two never meet: milliseconds stay below the first numbered id until 2445.
 */
export const NUMBERS = 100_000;
export const TICK_MS = 10_000;
/** In 2017: also a box that believes in 1970 begins here. */
export const FIRST_TICK = 150_000_000;

/** The number of the site that made the id; undefined when it had none. */
export function siteNumberOf(id: MessageId | number): number | undefined {
  const value = Number(id);
  return value < FIRST_TICK * NUMBERS ? undefined : value % NUMBERS;
}

/** About when an id was given out: as the wall clock went, later where ids were left unused. */
export function givenOutAt(id: MessageId): UtcMs {
  const value = Number(id);
  return siteNumberOf(value) === undefined ? value : Math.floor(value / NUMBERS) * TICK_MS;
}
