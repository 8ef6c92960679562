import { z } from 'zod';

/** What both kinds of store check when they read. */
export const STAGE_NAMES = ['stored', 'sent', 'accepted', 'rejected', 'unknown'] as const;

export const reasonsSchema = z.array(
  z.object({
    code: z.string(),
    type: z.string(),
    resultCode: z.string().exactOptional(),
    blockId: z.string().exactOptional(),
    text: z.string(),
  }),
);
