import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import { HOUR_MS, SECOND_MS } from '../core/time.ts';
import { hostBox } from '../host/box.ts';
import { loadCertificates } from '../host/credentials.ts';
import { hostEntropy } from '../host/entropy.ts';
import { hostFolder } from '../host/folder.ts';
import { hostHttp } from '../host/http.ts';
import { childAbort } from '../machine/abort.ts';
import type { Clock } from '../machine/clock.ts';
import type { Folder } from '../machine/folder.ts';
import type { Log } from '../machine/log.ts';
import { backupHandler } from './backup.ts';
import { rememberTroubles } from './commands/diagnose.ts';
import { createSiteCommands } from './commands/site-commands.ts';
import { serveControl } from './control.ts';
import { deliveredByHand } from './delivered-by-hand.ts';
import { deskHandlers } from './desk.ts';
import { gatewayLines } from './field/gateway-lines.ts';
import { readHandler } from './field/serve.ts';
import { createGateway, type Gateway } from './gateway.ts';
import type { HeatSupply } from './heat.ts';
import { heatSupply } from './heat-sources.ts';
import { clearCopies, clearUnfinished } from './leftovers.ts';
import { loadWay } from './load-way.ts';
import { withMeterKeys } from './meter-keys.ts';
import type { CertificateTime, MetricsServer } from './metrics-server.ts';
import { noteSiteFile } from './note-site-file.ts';
import { releasedByHand } from './released-by-hand.ts';
import { readSerials } from './serials.ts';
import type { LoadedSite } from './site-files.ts';
import type { SparkplugStart } from './sparkplug/start.ts';
import { noteUnreadable, openState, stateFolder } from './state.ts';
import { type GatewayStatus, readStatus, readWritten, writeStatus } from './status.ts';
import { takeHeat } from './take-heat.ts';

/** Real time between two looks at the status, and between two writings of its file while nothing happens. */
const STATUS_LOOK_EVERY_MS = 2 * SECOND_MS;
const STATUS_WRITE_EVERY_MS = 15 * SECOND_MS;

/** Stages and waits that listen to one signal beside the lines; beyond it Node warns of a leak. */
const LISTENERS_MOST = 20;

const releaseRequest = z.looseObject({
  days: z.array(z.string()),
  commodity: z.enum(['gas', 'electricity']).optional(),
  reason: z.string().default(''),
  by: z.string().default(''),
});
const heatRequest = z.looseObject({ text: z.string(), file: z.string(), by: z.string() });

/**
 * The gateway on the real machine. Nothing is opened before everything that can be wrong at the start has been looked at.
 * Gives `again` when the files were changed by a command: then it is to be run with them as they are.
 */
export async function runGateway(
  loaded: LoadedSite,
  clock: Clock,
  plainLog: Log,
  signal: AbortSignal,
): Promise<'stopped' | 'again'> {
  setMaxListeners(LISTENERS_MOST + loaded.site.lines.length);
  const troubles = rememberTroubles(plainLog, () => clock.now());
  const { log } = troubles;
  const devices = await withMeterKeys(loaded);
  const entropy = hostEntropy();
  const { close: closeWay, ...way } = await loadWay(loaded, clock);
  const heat = await heatOf(loaded, clock, log);
  const state = await openState(loaded, clock, log, 'gateway');
  await noteSiteFile(state.buffer, loaded, clock.now()).catch((error: unknown) => {
    // A full disk is no reason to read no meters: the next start tells it.
    if (!(error instanceof OdecetError)) throw error;
    log.error('site-file-not-noted', { ...error.failure });
  });
  const lines = await gatewayLines(loaded, clock);
  const again = childAbort(signal);
  let isAgain = false;
  const restart = () => {
    isAgain = true;
    again.abort(new Error('the stages start anew'));
  };
  const taker =
    way.relay &&
    (await createSiteCommands({
      loaded,
      devices,
      relay: way.relay,
      buffer: state.buffer,
      gateway: () => gateway,
      restart,
      status: () => status(),
      troubles,
      clock,
    }).catch(async (error: unknown) => {
      // A site file on trial is rolled back and started with next: the store must be free.
      await lines.release();
      await state.close();
      throw error;
    }));
  const folder = hostFolder(stateFolder(loaded));
  const writtenBefore = await readWritten(folder);
  const gateway = createGateway({
    loaded: { ...loaded, devices },
    ...state,
    serials: await readSerials(folder),
    lineOf: lines.lineOf,
    ...way,
    ...(way.relay && taker && { relay: { ...way.relay, taker } }),
    box: hostBox(stateFolder(loaded)),
    heat,
    alert: () => {},
    writtenByProcess,
    ...(writtenBefore && { writtenBefore }),
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
  const status = () => readStatus(loaded, gateway, state, clock.now());
  const control = await serveControl(
    stateFolder(loaded),
    {
      backup: backupHandler(state),
      read: readHandler(gateway, devices, clock),
      listen: lines.listen,
      ...deskHandlers(gateway.desk),
      verify: () => state.buffer.verify(),
      release: async (request) => {
        const released = await releasedByHand(state, releaseRequest.parse(request), clock.now());
        gateway.wakeSender();
        return released;
      },
      delivered: async (request) => deliveredByHand(state, releaseRequest.parse(request), clock.now()),
      heat: (request) => {
        const order = heatRequest.parse(request);
        const { zone } = loaded.site;
        return gateway.desk.alone(() => takeHeat(state.buffer, stateFolder(loaded), order, zone, clock.now()));
      },
      status,
    },
    log,
  );
  const metrics = await metricsOf(loaded, gateway, way.certificates ?? [], clock, log);
  const shown = showed(loaded, { buffer: state.buffer, status: gateway.status, clock, entropy, log }, ended.signal);
  const cleared = clearDaily(stateFolder(loaded), clock, log, ended.signal);
  const told = keepStatus(folder, status, clock, ended.signal);
  try {
    await gateway.run(again.signal);
    return isAgain && !signal.aborted ? 'again' : 'stopped';
  } catch (error) {
    await noteUnreadable(loaded, error);
    throw error;
  } finally {
    again.release();
    ended.abort();
    await Promise.all([told, cleared, shown]);
    await metrics?.close();
    await control.close();
    await lines.release();
    await closeWay();
    await state.close();
    log.info('gateway-stopped', {});
  }
}

/**
 * Loaded only where it is wanted: a gateway is to stay small. A place that is taken is told; it is no reason to read no meters.
 */
async function metricsOf(
  { site }: LoadedSite,
  gateway: Gateway,
  certificates: readonly CertificateTime[],
  clock: Clock,
  log: Log,
): Promise<MetricsServer | undefined> {
  if (!site.metrics) return undefined;
  const { serveGatewayMetrics } = await import('./metrics-gateway.ts');
  const parts = { place: site.metrics, site: site.site, gateway, certificates, clock };
  return serveGatewayMetrics(parts).catch((error: unknown) => {
    if (!(error instanceof OdecetError)) throw error;
    log.error('metrics-not-told', { ...error.failure });
    return undefined;
  });
}

/** The view for a control room, where the site file wants it. Whatever becomes of it is no reason to read no meters. */
async function showed(
  loaded: LoadedSite,
  parts: Omit<SparkplugStart, 'loaded' | 'config'>,
  signal: AbortSignal,
): Promise<void> {
  const config = loaded.site.sparkplug;
  if (!config) return;
  try {
    const { startSparkplug } = await import('./sparkplug/start.ts');
    await startSparkplug({ ...parts, loaded, config }, signal);
  } catch (error) {
    parts.log.error('sparkplug-ended', { why: String(error) });
  }
}

async function clearDaily(folder: string, clock: Clock, log: Log, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clearCopies(folder, clock.now(), log);
    await clearUnfinished(folder, clock.now());
    await clock.sleep(24 * HOUR_MS, signal).catch(() => undefined);
  }
}

async function heatOf(loaded: LoadedSite, clock: Clock, log: Log): Promise<HeatSupply> {
  const { site, folder } = loaded;
  const trust = (site.combustionHeatSource?.trust ?? []).map((path) => resolve(folder, path));
  // Certificates are checked against the machine's own time also in a rehearsal, as the TLS library does.
  const http = hostHttp({ trustPem: await loadCertificates(trust, Date.now()) });
  return heatSupply({ site, folder, stateFolder: stateFolder(loaded), clock, log, http });
}

/** Linux counts what a process caused to be written; other systems do not tell. */
async function writtenByProcess(): Promise<number | undefined> {
  const text = await readFile('/proc/self/io', 'utf8').catch(() => '');
  const count = /^write_bytes: (\d+)$/m.exec(text)?.[1];
  return count === undefined ? undefined : Number(count);
}

/** The file is for when nobody can be asked: written when something happened to messages or devices, else seldom, to spare the flash. */
async function keepStatus(
  folder: Folder,
  read: () => Promise<GatewayStatus>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let told: string | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    const status = await read().catch(() => undefined);
    const news = status && newsOf(status);
    if (status && (news !== told || clock.monotonicMs() - toldAt >= STATUS_WRITE_EVERY_MS)) {
      await writeStatus(folder, status);
      told = news;
      toldAt = clock.monotonicMs();
    }
    await clock.sleep(STATUS_LOOK_EVERY_MS, signal).catch(() => {});
  }
}

function newsOf({ waiting, devices }: GatewayStatus): string {
  return JSON.stringify([
    waiting,
    devices.map(({ device, lastFailure, failuresInRow }) => failuresInRow > 0 && [device, lastFailure?.code]),
  ]);
}
