import { dirname, resolve } from 'node:path';
import { OdecetError } from '../core/failure.ts';
import { problemText } from '../core/problem.ts';
import type { Site } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import { trialOf } from './commands/take-site.ts';
import { knowMarketZone } from './market-zone.ts';
import { runGateway } from './run-gateway.ts';
import { loadSite } from './site-files.ts';

/**
 * Runs the gateway with the site file as it stands, and again whenever a command has changed it. A file on trial with which the
 * gateway does not start, or which ends it, is rolled back on the spot; without one the error is the caller's.
 */
export async function keepGateway(
  path: string,
  clock: Clock,
  logOf: (level: Site['log']['level']) => Log,
  signal: AbortSignal,
): Promise<void> {
  knowMarketZone(clock.now());
  const trial = trialOf({ folder: dirname(resolve(path)), file: resolve(path) });
  for (;;) {
    // On a disk that is full a start cannot be counted; meters are read all the same.
    await trial
      .starting()
      .catch((error: unknown) => logOf('error').error('site-trial-stumbled', { why: String(error) }));
    try {
      const loaded = loadSite(path, 'first');
      const log = logOf(loaded.site.log.level);
      for (const warning of loaded.warnings) log.warn('site-warning', { detail: problemText(warning) });
      if ((await runGateway(loaded, clock, log, signal)) === 'stopped') return;
    } catch (error) {
      const why = error instanceof OdecetError ? error.message : String(error);
      if (signal.aborted || !(await trial.rollBack(`the gateway did not run with it: ${why}`))) throw error;
      logOf('error').error('site-rolled-back', { why });
    }
  }
}
