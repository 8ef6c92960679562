import { z } from 'zod';

/**
 * What a meter of a device file says of itself in M-Bus, from the maker's document: `odecet scan` then names that file. Without
 * it a file is named for its medium alone, as one to try.
 */
export const detectSchema = z.strictObject({
  manufacturer: z.string().regex(/^[A-Z]{3}$/, 'the three letters that the meter sends, e.g. "ABC"'),
  version: z.int().min(0).max(255).optional(),
});
