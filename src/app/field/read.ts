import { mbusDriver } from '../../../drivers/mbus/index.ts';
import { modbusDriver } from '../../../drivers/modbus/index.ts';
import { runDialogue } from '../../collect/dialogue.ts';
import { dialogueRules } from '../../collect/rules.ts';
import type { FieldDriver, ReadResult } from '../../core/driver.ts';
import { OdecetError } from '../../core/failure.ts';
import type { BoundDevice } from '../../device/bound.ts';
import type { Clock } from '../../machine/clock.ts';
import { withMeterKeys } from '../meter-keys.ts';
import type { LoadedSite } from '../site-files.ts';
import { fieldLine, lineConfigOf, type Passed, refuseWhileGatewayRuns } from './line.ts';

export interface LiveReading {
  readonly device: BoundDevice;
  readonly passed: readonly Passed[];
  /** Or why there is none. */
  readonly outcome:
    | { readonly ok: true; readonly result: ReadResult }
    | { readonly ok: false; readonly error: OdecetError };
}

/**
 * One dialogue with one device of the site, as the gateway would lead it; nothing is stored. Throws OdecetError usage or
 * store-locked before the line is touched, line-unreachable when it cannot be opened.
 */
export async function readLive(
  loaded: LoadedSite,
  id: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<LiveReading> {
  const device = (await withMeterKeys(loaded)).get(id);
  if (!device) {
    const ids = [...loaded.devices.keys()].join(', ');
    throw new OdecetError('usage', `${loaded.file} has no device "${id}"; it has ${ids}`);
  }
  const config = lineConfigOf(loaded, device.config.line);
  const driver: FieldDriver<BoundDevice> = device.model.protocol === 'mbus' ? mbusDriver : modbusDriver;
  await refuseWhileGatewayRuns(loaded, config.id);
  const { line, passed } = fieldLine(config, clock);
  try {
    await line.open(signal);
    await line.prepare(device, signal);
    const session = driver.session(device, { want: 'current', now: clock.now() });
    const end = await runDialogue(line, clock, session, dialogueRules(device, driver), signal);
    if (end.ok) return { device, passed, outcome: { ok: true, result: end.result } };
    return { device, passed, outcome: { ok: false, error: new OdecetError(end.failure.code, end.failure.detail) } };
  } finally {
    await line.close();
  }
}
