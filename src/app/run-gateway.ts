import { resolve } from 'node:path';
import { SECOND_MS } from '../core/time.ts';
import { hostBox } from '../host/box.ts';
import { loadCertificates } from '../host/credentials.ts';
import { hostEntropy } from '../host/entropy.ts';
import { hostFolder } from '../host/folder.ts';
import { hostHttp } from '../host/http.ts';
import { serialLine } from '../host/line-serial.ts';
import { tcpLine } from '../host/line-tcp.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import { createGateway, type Gateway } from './gateway.ts';
import type { HeatSupply } from './heat.ts';
import { heatSupply } from './heat-sources.ts';
import { loadWay } from './load-way.ts';
import { withMeterKeys } from './meter-keys.ts';
import type { LoadedSite } from './site-files.ts';
import { openState, type State, stateFolder } from './state.ts';
import { writeStatus } from './status.ts';

/** Real time between two writings of the status file. */
const STATUS_EVERY_MS = 2 * SECOND_MS;

/** The gateway on the real machine. Nothing is opened before everything that can be wrong at the start has been looked at. */
export async function runGateway(loaded: LoadedSite, clock: Clock, log: Log, signal: AbortSignal): Promise<void> {
  const devices = await withMeterKeys(loaded);
  const entropy = hostEntropy();
  const way = await loadWay(loaded, clock, entropy);
  const state = await openState(loaded, clock, log, true);
  const gateway = createGateway({
    loaded: { ...loaded, devices },
    ...state,
    lineOf: (line) => (line.kind === 'serial' ? serialLine(line) : tcpLine(line)),
    ...way,
    box: hostBox(stateFolder(loaded)),
    heat: await heatOf(loaded, clock, log),
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

async function heatOf(loaded: LoadedSite, clock: Clock, log: Log): Promise<HeatSupply> {
  const { site, folder } = loaded;
  const trust = (site.combustionHeatSource?.trust ?? []).map((path) => resolve(folder, path));
  // Certificates are checked against the machine's own time also in a rehearsal, as the TLS library does.
  const http = hostHttp({ trustPem: await loadCertificates(trust, Date.now()) });
  return heatSupply({ site, folder, stateFolder: stateFolder(loaded), clock, log, http });
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
