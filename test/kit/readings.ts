import { join } from 'node:path';
import { loadSite } from '../../src/app/site-files.ts';
import { openState } from '../../src/app/state.ts';
import type { Buffer } from '../../src/buffer/index.ts';
import { decimalText } from '../../src/core/decimal.ts';
import type { Quantity } from '../../src/core/quantity.ts';
import type { UtcMs } from '../../src/core/time.ts';
import { hostClock } from '../../src/host/clock.ts';
import { hostLog } from '../../src/host/log.ts';
import type { Rehearsal } from './rehearsal.ts';

/** Looks into what a gateway keeps; it must have been stopped. */
async function withBuffer<T>({ folder }: Rehearsal, look: (buffer: Buffer) => Promise<T>): Promise<T> {
  const log = hostLog({ level: 'warn', to: 'stderr' });
  const state = await openState(loadSite(join(folder, 'site.yaml')), hostClock(), log, 'look');
  try {
    return await look(state.buffer);
  } finally {
    await state.close();
  }
}

/** Every reading of one counter that the gateway kept. */
export function keptReadings(
  rehearsal: Rehearsal,
  device: string,
  quantity: Quantity,
): Promise<{ at: UtcMs; value: number }[]> {
  const { setting, end } = rehearsal;
  return withBuffer(rehearsal, async (buffer) => {
    const readings = await buffer.readings(device, quantity, { start: setting.startWall, end });
    return readings.map(({ at, value }) => ({ at, value: Number(decimalText(value)) }));
  });
}

/** Whether every record is whole and none is missing. */
export function storeIsClean(rehearsal: Rehearsal): Promise<boolean> {
  return withBuffer(rehearsal, async (buffer) => (await buffer.verify()).clean);
}
