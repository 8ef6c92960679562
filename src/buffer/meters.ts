import { z } from 'zod';
import type { MeterHistory, MeterSeen } from '../core/meter-history.ts';
import type { DeviceId } from '../core/reading.ts';
import { decoding } from './codec.ts';
import type { Row } from './frame.ts';
import type { Journal } from './journal.ts';
import { metersKey, only } from './keys.ts';
import type { Rows } from './rows.ts';

/** Which meters stood in a device's place: one row for each device, written anew when it changes. */
const seen = z.tuple([z.string(), z.int(), z.int()]);
const metersPayload = z.object({ meters: z.array(seen), stranger: seen.optional() });

const decodeMeters = (row: Row) =>
  decoding(row, (): MeterHistory => {
    const { meters, stranger } = metersPayload.parse(row.payload);
    return { meters: meters.map(meterOf), ...(stranger && { stranger: meterOf(stranger) }) };
  });

function meterOf([serial, since, until]: z.infer<typeof seen>): MeterSeen {
  return { serial, since, until };
}

function tupleOf({ serial, since, until }: MeterSeen): z.infer<typeof seen> {
  return [serial, since, until];
}

export function keepMeters(journal: Journal, device: DeviceId, { meters, stranger }: MeterHistory): Promise<void> {
  const payload = { meters: meters.map(tupleOf), ...(stranger && { stranger: tupleOf(stranger) }) };
  return journal.write(async (draft) => {
    draft.set(metersKey(device), payload);
  });
}

/** A damaged one is reported, and says nothing. */
export async function meterHistory(rows: Rows, device: DeviceId): Promise<MeterHistory | undefined> {
  for await (const history of rows.each(only(metersKey(device)), decodeMeters)) return history;
  return undefined;
}
