import { z } from 'zod';

/**
 * What a site's memory may take and how long it is kept. Samples are the detail between what meters store by themselves: a week
 * is enough to look at a doubt about a day that was just sent. Everything that a market value rests on is kept for thirteen
 * months, so that a year can be settled and last year's month is still there to compare.
 *
 * The least: samples must outlive the closing of a day, readings the time for which meters are asked to fill gaps (40 days),
 * intervals and messages the time for which days are closed by themselves (45 days). An older day that is not all there any more
 * is not made again: it was accepted.
 */
const retention = z
  .strictObject({
    samplesDays: z.int().min(2).max(4_000).default(7),
    readingsDays: z.int().min(45).max(4_000).default(400),
    /** Only intervals that the operator has accepted are given up, however old. */
    intervalsDays: z.int().min(60).max(4_000).default(400),
    /** A message stays as long as one of its intervals does. */
    messagesDays: z.int().min(60).max(4_000).default(400),
  })
  .prefault({});

export const storageSchema = z
  .strictObject({
    folder: z.string().min(1).default('data'),
    /** The store's share of the disk; alerts come at 70, 85 and 95 %, then the oldest samples go. */
    maxBytes: z.int().min(20_000_000).default(2_000_000_000),
    retention,
    /** How many records a second are looked at again, also a part of one; 0 = none. */
    scrubPerSecond: z.number().min(0).max(100_000).default(20),
  })
  .prefault({});
