import { z } from 'zod';

/** What a device file says of M-Bus alone. */

/** What an M-Bus record is of, by the meaning of its VIF whatever its scale. */
const MBUS_VALUES = [
  'energy',
  'volume',
  'mass',
  'power',
  'volume-flow',
  'pressure',
  'temperature',
  'flow-temperature',
  'time-point',
  'date',
  'voltage',
  'current',
  'reactive-energy',
  'dimensionless',
] as const;

/** Where a value stands in an M-Bus answer. */
export const mbusPlace = z.strictObject({
  value: z.enum(MBUS_VALUES),
  function: z.enum(['instantaneous', 'maximum', 'minimum', 'error']).default('instantaneous'),
  /** Storage number: 0 now, 1 usually the last full period. */
  storage: z.int().min(0).default(0),
  /** Where the meter keeps a history under consecutive storage numbers: the last of them. */
  storageTo: z.int().min(0).optional(),
  tariff: z.int().min(0).default(0),
  subunit: z.int().min(0).default(0),
  /** Orthogonal VIFEs that the record must carry, two hex digits each; none means none. */
  vife: z.array(z.string().regex(/^[0-9a-f]{2}$/, 'two lower-case hex digits in quotes')).default([]),
});

/** Ways of a meter that the standard does not have. */
export const mbusWays = z.strictObject({
  /** SND_NKE to 253 goes before each reading by secondary address: a selection alone does not clear its frame count bit. */
  deselect: z.boolean().default(false),
  /** Some telegrams, or records behind encrypted blocks, are plain. Otherwise those of a meter with a key are not believed. */
  alsoPlain: z.boolean().default(false),
});
