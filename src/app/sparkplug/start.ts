import type { CollectorStatus } from '../../collect/round.ts';
import type { SparkplugConfig } from '../../device/site.ts';
import { hostFolder } from '../../host/folder.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Entropy } from '../../machine/entropy.ts';
import type { Log } from '../../machine/log.ts';
import { loadBroker } from '../broker.ts';
import { planPoints } from '../plan.ts';
import { programVersion } from '../project.ts';
import type { LoadedSite } from '../site-files.ts';
import { type State, stateFolder } from '../state.ts';
import { loadCodec } from './codec.ts';
import { bornDevices } from './metrics.ts';
import { runSparkplug } from './node.ts';

/** Where the number of the last session stands. */
const BIRTHS_FILE = 'sparkplug-births';
const PARTING_MS = 2_000;

export interface SparkplugStart {
  readonly loaded: LoadedSite;
  readonly config: SparkplugConfig;
  readonly buffer: State['buffer'];
  readonly status: () => CollectorStatus;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

/** The publisher on the real machine, until the signal aborts. Throws OdecetError for keys, certificates and passwords. */
export async function startSparkplug({ loaded, config, ...parts }: SparkplugStart, signal: AbortSignal): Promise<void> {
  const { site, devices, folder } = loaded;
  const { broker } = await loadBroker(config.broker, site.site, folder);
  const codec = await loadCodec();
  const state = hostFolder(stateFolder(loaded));
  const running = runSparkplug(
    {
      ...parts,
      group: config.group,
      node: config.node ?? site.site,
      version: programVersion(),
      broker,
      codec,
      devices: bornDevices(devices, planPoints(site, devices)),
      async nextBirth() {
        const last = Number((await state.readText(BIRTHS_FILE)) ?? -1);
        const next = Number.isInteger(last) ? last + 1 : 0;
        await state.write(BIRTHS_FILE, String(next));
        return next;
      },
    },
    signal,
  );
  await Promise.race([running, parting(signal, parts.clock)]);
}

/** A broker that hangs is not waited for when the gateway is to stop. */
async function parting(signal: AbortSignal, clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await clock.sleep(PARTING_MS);
}
