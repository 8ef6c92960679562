import { mbusDriver } from '../../../drivers/mbus/index.ts';
import { modbusDriver } from '../../../drivers/modbus/index.ts';
import type { Clock } from '../../machine/clock.ts';
import { askGateway } from '../control.ts';
import { withMeterKeys } from '../meter-keys.ts';
import type { LoadedSite } from '../site-files.ts';
import { stateFolder } from '../state.ts';
import { deviceOf, lineConfigOf, withLine } from './line.ts';
import { readTold, type ToldReading } from './told.ts';

/**
 * One live reading of a device of the site. A gateway that runs on the site is asked for it, since the line is its own; else
 * the line is opened here. Throws OdecetError usage or line-in-use before the line is touched, line-unreachable when it cannot
 * be had.
 */
export async function readLive(
  loaded: LoadedSite,
  id: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<ToldReading> {
  deviceOf(loaded, id);
  const asked = await askGateway(stateFolder(loaded), { do: 'read', device: id }, signal);
  // The gateway is of this program's own release or refuses to know the request.
  return asked ? (asked.done as ToldReading) : readHere(loaded, id, clock, signal);
}

async function readHere(loaded: LoadedSite, id: string, clock: Clock, signal: AbortSignal): Promise<ToldReading> {
  const device = deviceOf({ ...loaded, devices: await withMeterKeys(loaded) }, id);
  const config = lineConfigOf(loaded, device.config.line);
  const driver = device.model.protocol === 'mbus' ? mbusDriver : modbusDriver;
  return withLine(config, `read ${id}`, clock, signal, (line) => readTold(line, device, driver, clock, signal));
}
