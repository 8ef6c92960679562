import { type Bus, createBus } from '../../collect/bus.ts';
import { OdecetError } from '../../core/failure.ts';
import { hint } from '../../core/guess.ts';
import type { BoundDevice } from '../../device/bound.ts';
import type { LineConfig } from '../../device/site.ts';
import { type LineLock, lineLock, lockedLine } from '../../host/line-lock.ts';
import { tcpLine } from '../../host/line-tcp.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Line } from '../../machine/line.ts';
import type { LoadedSite } from '../site-files.ts';

/** How a person with a command comes to a line of the site without disturbing whoever uses it. */

export function lineConfigOf({ site, file }: Pick<LoadedSite, 'site' | 'file'>, id: string): LineConfig {
  const line = site.lines.find((each) => each.id === id);
  if (line) return line;
  const ids = site.lines.map((each) => each.id);
  throw new OdecetError('usage', `${file} has no line "${id}"; it has ${ids.join(', ')}${hint(id, ids)}`);
}

export function deviceOf({ devices, file }: Pick<LoadedSite, 'devices' | 'file'>, id: string): BoundDevice {
  const device = devices.get(id);
  if (device) return device;
  const ids = [...devices.keys()];
  throw new OdecetError('usage', `${file} has no device "${id}"; it has ${ids.join(', ')}${hint(id, ids)}`);
}

/** The line of the real machine, not open yet. The serial port's library is loaded only where there is one. */
export async function hostLine(config: LineConfig): Promise<Line> {
  if (config.kind === 'tcp') return tcpLine(config);
  const { serialLine } = await import('../../host/line-serial.ts');
  return serialLine(config);
}

/** The lock that the gateway and every command on this line take. */
export function lockOf(config: LineConfig, who: string, advice: string): LineLock {
  return lineLock(config, { who, advice });
}

/**
 * Works on a line that nobody else uses meanwhile: a gateway that starts waits for it. The line is open when the work begins
 * and closed afterwards, whatever happened.
 *
 * Throws OdecetError line-in-use, which names who has the line, or line-unreachable.
 *
 * @param who the command as it was typed, for those who find the line in use
 */
export async function withLine<T>(
  config: LineConfig,
  who: string,
  clock: Clock,
  signal: AbortSignal,
  work: (line: Bus) => Promise<T>,
): Promise<T> {
  const lock = lockOf(config, `\`odecet ${who}\``, 'wait until it has ended, or stop it');
  const { setting, echo } = config;
  const count = { opens: 0, bytesSent: 0, bytesReceived: 0 };
  const line = createBus(lockedLine(await hostLine(config), lock), clock, { echo, ...(setting && { setting }) }, count);
  try {
    await line.open(signal);
    return await work(line);
  } finally {
    await line.close();
    await lock.release();
  }
}
