import type { LoadedSite } from '../../src/app/site-files.ts';
import { openState, type State } from '../../src/app/state.ts';
import { DAY_START } from '../../src/buffer/buffer.testkit.ts';
import { HOUR_MS } from '../../src/core/time.ts';
import { storageSchema } from '../../src/device/storage.ts';
import { hostClock } from '../../src/host/clock.ts';
import type { Log } from '../../src/machine/log.ts';
import { quietLog } from '../../src/uplink/uplink.testkit.ts';

/** Some days after those that the tests fill. */
export const stateClock = { ...hostClock(), now: () => DAY_START + 80 * HOUR_MS };

/** The memory of a site in a folder, opened as a gateway does; of the site only what opening looks at. */
export function openedState(folder: string, log: Log = quietLog): Promise<State> {
  const storage = storageSchema.parse(undefined);
  const loaded = { site: { site: 'mill', storage, points: [] }, devices: new Map(), folder, file: 'site.yaml' };
  return openState(loaded as unknown as LoadedSite, stateClock, log, 'gateway');
}
