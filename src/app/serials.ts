import { z } from 'zod';
import type { DeviceId } from '../core/reading.ts';
import type { Folder } from '../machine/folder.ts';

/**
 * Which meter stood where, by the serial that it told: where the site file names none, a meter that was exchanged while the gateway
 * was down would otherwise not be noticed. Written when a device tells its serial for the first time.
 */
const SERIALS_FILE = 'serials.json';
const serialsSchema = z.record(z.string(), z.string());

export interface Serials {
  of(device: DeviceId): string | undefined;
  /** Rejects as Folder.write does; the next round tells it again. */
  learn(device: DeviceId, serial: string | undefined): Promise<void>;
}

export async function readSerials(state: Folder): Promise<Serials> {
  const known = new Map(Object.entries(parsed(await state.readText(SERIALS_FILE))));
  return {
    of: (device) => known.get(device),
    async learn(device, serial) {
      if (serial === undefined || known.get(device) === serial) return;
      await state.write(
        SERIALS_FILE,
        `${JSON.stringify({ ...Object.fromEntries(known), [device]: serial }, null, 1)}\n`,
      );
      known.set(device, serial);
    },
  };
}

/** A file that cannot be read says nothing: the meters tell again. */
function parsed(text: string | undefined): Readonly<Record<string, string>> {
  try {
    return serialsSchema.parse(JSON.parse(text ?? '{}'));
  } catch {
    return {};
  }
}
