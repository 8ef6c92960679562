import { z } from 'zod';
import { FAILURES, type FailureCode } from '../core/failure.ts';
import type { DeviceId } from '../core/reading.ts';
import { MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import type { Refusal } from './api.ts';
import { decoding } from './codec.ts';
import { isDamage, type Row } from './frame.ts';
import type { Journal } from './journal.ts';
import { only, readingDay, refusalsKey } from './keys.ts';
import type { Rows } from './rows.ts';

/**
 * Why a reading that came has no value: one row for each device and day, which says in which quarters of an hour what was
 * refused. It is written anew when something is refused for the first time in a quarter, so that a meter that sends the same
 * bad value every minute costs four rows an hour.
 */
const QUARTER_MS = 15 * MINUTE_MS;

const codeSchema = z.custom<FailureCode>((value) => typeof value === 'string' && Object.hasOwn(FAILURES, value));
/** By quarter, UTC. */
const refusalsPayload = z.record(z.string().regex(/^\d+$/), z.array(codeSchema));
type Quarters = z.infer<typeof refusalsPayload>;

const decodeRefusals = (row: Row) => decoding(row, () => ({ quarters: refusalsPayload.parse(row.payload) }));

export function keepRefusals(
  journal: Journal,
  { onDamage }: Pick<Rows, 'onDamage'>,
  refusals: readonly Refusal[],
): Promise<void> {
  return journal.write(async (draft) => {
    for (const { device, at, code } of refusals) {
      const key = refusalsKey(readingDay(at), device);
      const row = await draft.get(key);
      const known = row && (isDamage(row) ? row : decodeRefusals(row));
      // What is written over it is whole, so nobody would meet the damage again.
      if (known && isDamage(known)) onDamage(known);
      const quarters: Quarters = known && !isDamage(known) ? known.quarters : {};
      const quarter = String(Math.floor(at / QUARTER_MS));
      const codes = quarters[quarter] ?? [];
      if (!codes.includes(code)) draft.set(key, { ...quarters, [quarter]: [...codes, code] });
    }
  });
}

/** What was refused of a device in the quarters that a span touches, its end included: its last index is read after it. */
export async function refusalsIn(rows: Rows, device: DeviceId, { start, end }: Span): Promise<FailureCode[]> {
  const found = new Set<FailureCode>();
  for (const day of new Set([readingDay(start), readingDay(end)])) {
    for await (const { quarters } of rows.each(only(refusalsKey(day, device)), decodeRefusals))
      for (const [quarter, codes] of Object.entries(quarters))
        if (touches(Number(quarter) * QUARTER_MS, { start, end })) for (const code of codes) found.add(code);
  }
  return [...found];
}

function touches(quarterAt: UtcMs, { start, end }: Span): boolean {
  return quarterAt + QUARTER_MS > start && quarterAt <= end;
}
