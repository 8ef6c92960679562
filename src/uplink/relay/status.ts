import { z } from 'zod';
import type { ClockSeen } from './clock-seen.ts';

/** What a site says of itself on `status`, retained; docs/status.schema.json is made of this. Times are ISO 8601, UTC. */
const instant = z.string();
const whole = z.int();

export const siteStatusSchema = z.object({
  v: z.literal(1),
  site: z.string(),
  /** The site's own clock; the relay compares it with its own. */
  at: instant,
  version: z.string(),
  box: z.object({
    uptimeMs: whole,
    memoryBytes: whole,
    diskFreeBytes: whole.optional(),
    temperatureC: z.number().optional(),
    ntpSynchronised: z.boolean().optional(),
  }),
  /** The site's clock minus the relay's, from the last message that the relay acknowledged at its first coming. */
  clock: z.object({ offsetMs: whole, uncertaintyMs: whole, at: instant }).optional(),
  /** How well the relay is heard; only where one is used. */
  relay: z
    .object({
      /** The last receipt that was believed, since the program started. */
      lastReceiptAt: instant.optional(),
      /** Receipts that were not believed since then. */
      unbelieved: whole,
      /** Most publications of one message without any word of the relay. */
      unanswered: whole,
    })
    .optional(),
  lines: z.array(z.object({ line: z.string(), isOpen: z.boolean(), dialogues: whole, errors: whole })),
  devices: z.array(
    z.object({
      device: z.string(),
      line: z.string(),
      lastGoodAt: instant.optional(),
      failuresInRow: whole,
      /** The meter's clock minus the wall. */
      clockOffsetMs: z.number().optional(),
      lastFailure: z.string().optional(),
      /** What a good dialogue held that could not be used, the last time there was any. */
      lastUnusable: z.string().optional(),
    }),
  ),
  /** The last 24 hours of each published channel. */
  points: z.array(
    z.object({
      point: z.string(),
      device: z.string(),
      channel: z.string(),
      expected: whole,
      /** Intervals that are not there, or of quality `missing`. */
      gaps: whole,
      qualities: z.record(z.string(), whole),
    }),
  ),
  outbox: z.object({
    depth: whole,
    /** The oldest market day that waits in it. */
    oldestDay: z.string().optional(),
    /** The oldest interval that is over and not accepted, whether a message has it or not; looked for 45 days back. */
    oldestInterval: z.object({ point: z.string(), channel: z.string(), start: instant }).optional(),
    /** What the operator said last, about whatever message. */
    lastAnswer: z
      .object({
        message: z.string(),
        commodity: z.enum(['gas', 'electricity']),
        day: z.string(),
        verdict: z.enum(['accepted', 'rejected', 'unknown']),
        at: instant,
        reasons: z.string(),
      })
      .optional(),
    messages: z.array(z.object({ message: z.string(), day: z.string(), state: z.string(), attempts: whole })),
  }),
  certificates: z.array(z.object({ name: z.string(), daysLeft: whole })),
  /** Of everything; the lists of a large site name the worst only. */
  counts: z.object({
    lines: whole,
    linesOpen: whole,
    devices: whole,
    /** Whose last dialogue succeeded, or that had none yet. */
    devicesGood: whole,
    /** Published channels of all points. */
    channels: whole,
    gaps: whole,
    certificates: whole,
    /** How many each list does not name; `outbox.depth` counts all that wait. */
    leftOut: z.object({ lines: whole, devices: whole, points: whole, messages: whole, certificates: whole }),
  }),
});

export type SiteStatus = z.output<typeof siteStatusSchema>;

/** Before it is cut to what a broker carries (status-bounds.ts). */
export type WholeStatus = Omit<SiteStatus, 'counts'>;

/** What a site knows of the relay, beside what the program knows of itself. */
export interface RelaySeen {
  readonly relay: NonNullable<SiteStatus['relay']>;
  /** Undefined before it was measured. */
  readonly clock: ClockSeen | undefined;
}
