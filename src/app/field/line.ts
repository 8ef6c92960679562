import { join } from 'node:path';
import { type Bus, createBus } from '../../collect/bus.ts';
import { OdecetError } from '../../core/failure.ts';
import { didYouMean } from '../../core/guess.ts';
import type { LineConfig } from '../../device/site.ts';
import { hostFolder } from '../../host/folder.ts';
import { serialLine } from '../../host/line-serial.ts';
import { tcpLine } from '../../host/line-tcp.ts';
import { openLevelStore } from '../../host/store-level.ts';
import type { Clock } from '../../machine/clock.ts';
import type { LoadedSite } from '../site-files.ts';
import { STORE_FOLDER, stateFolder } from '../state.ts';

/** How a person with a command comes to a line of the site without disturbing the gateway. */

export function lineConfigOf({ site, file }: LoadedSite, id: string): LineConfig {
  const line = site.lines.find((each) => each.id === id);
  if (line) return line;
  const ids = site.lines.map((each) => each.id);
  throw new OdecetError('usage', `${file} has no line "${id}"; it has ${ids.join(', ')} ${didYouMean(id, ids)}`.trim());
}

/**
 * Throws OdecetError store-locked when a gateway runs on this site: the line is its own, and two masters on one wire spoil each
 * other's dialogues. Whether it runs is told by its store, which has one user.
 */
export async function refuseWhileGatewayRuns(loaded: LoadedSite, line: string): Promise<void> {
  const folder = join(stateFolder(loaded), STORE_FOLDER);
  if (!(await hostFolder(folder).list('')).includes('CURRENT')) return;
  try {
    await (await openLevelStore({ folder })).close();
  } catch (error) {
    // A store that is damaged has no gateway on it, and is not this command's matter.
    if (!(error instanceof OdecetError) || error.failure.code !== 'store-locked') return;
    const detail = `a gateway runs on ${loaded.file} and uses the line "${line}"; stop it first, or look at \`odecet status\``;
    throw new OdecetError('store-locked', detail, { cause: error });
  }
}

/** The line as the collector would use it. Not open yet. */
export function fieldLine(config: LineConfig, clock: Clock): Bus {
  const { setting, echo } = config;
  const line = config.kind === 'serial' ? serialLine(config) : tcpLine(config);
  const count = { opens: 0, bytesSent: 0, bytesReceived: 0 };
  return createBus(line, clock, { echo, ...(setting && { setting }) }, count);
}
