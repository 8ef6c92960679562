import { SECOND_MS } from '../core/time.ts';
import { hostEntropy } from '../host/entropy.ts';
import { hostFolder } from '../host/folder.ts';
import { serialLine } from '../host/line-serial.ts';
import { tcpLine } from '../host/line-tcp.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import { createGateway, type Gateway } from './gateway.ts';
import { withMeterKeys } from './meter-keys.ts';
import type { LoadedSite } from './site-files.ts';
import { openState, type State, stateFolder } from './state.ts';
import { writeStatus } from './status.ts';
import { directDelivery, loadUplinkCredentials } from './uplink.ts';

/** Real time between two writings of the status file. */
const STATUS_EVERY_MS = 2 * SECOND_MS;

/** The gateway on the real machine. Nothing is opened before everything that can be wrong at the start has been looked at. */
export async function runGateway(loaded: LoadedSite, clock: Clock, log: Log, signal: AbortSignal): Promise<void> {
  const credentials = await loadUplinkCredentials(loaded);
  const devices = await withMeterKeys(loaded);
  const state = await openState(loaded, clock, log, true);
  const entropy = hostEntropy();
  const gateway = createGateway({
    loaded: { ...loaded, devices },
    ...state,
    lineOf: (line) => (line.kind === 'serial' ? serialLine(line) : tcpLine(line)),
    deliver: directDelivery({ loaded, clock, entropy }, credentials),
    alert: () => {},
    clock,
    entropy,
    log,
  });
  log.info('gateway-ready', {
    site: loaded.site.site,
    points: loaded.site.points.length,
    devices: loaded.devices.size,
  });
  const ended = new AbortController();
  const status = keepStatus(loaded, gateway, state, clock, ended.signal);
  try {
    await gateway.run(signal);
  } finally {
    ended.abort();
    await status;
    await state.close();
    log.info('gateway-stopped', {});
  }
}

async function keepStatus(
  loaded: LoadedSite,
  gateway: Gateway,
  state: State,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const folder = hostFolder(stateFolder(loaded));
  while (!signal.aborted) {
    await writeStatus(folder, loaded, gateway.status(), state, clock.now());
    await clock.sleep(STATUS_EVERY_MS, signal).catch(() => {});
  }
}
