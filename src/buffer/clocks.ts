import { z } from 'zod';
import type { ClockMemory } from '../core/clock-memory.ts';
import type { DeviceId } from '../core/reading.ts';
import { decoding } from './codec.ts';
import type { Row } from './frame.ts';
import type { Journal } from './journal.ts';
import { clockKey, only } from './keys.ts';
import type { Rows } from './rows.ts';

/** What was seen of a meter's clock: one row for each device, written anew when it changes. */
const clockPayload = z.object({
  rightAt: z.int().optional(),
  off: z.object({ at: z.int(), behindMs: z.int() }).optional(),
  spans: z.array(z.tuple([z.int(), z.int()])),
});

const decodeClock = (row: Row) =>
  decoding(row, (): ClockMemory => {
    const { rightAt, off, spans } = clockPayload.parse(row.payload);
    return {
      ...(rightAt !== undefined && { rightAt }),
      ...(off && { off }),
      spans: spans.map(([start, end]) => ({ start, end })),
    };
  });

export function keepClock(journal: Journal, device: DeviceId, { spans, ...seen }: ClockMemory): Promise<void> {
  return journal.write(async (draft) => {
    draft.set(clockKey(device), { ...seen, spans: spans.map(({ start, end }) => [start, end]) });
  });
}

/** A damaged one is reported, and says nothing: what is seen from now on is remembered. */
export async function clockMemory(rows: Rows, device: DeviceId): Promise<ClockMemory | undefined> {
  for await (const memory of rows.each(only(clockKey(device)), decodeClock)) return memory;
  return undefined;
}
