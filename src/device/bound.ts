import type { Decrypt } from '../core/driver.ts';
import type { DeviceModel } from './model.ts';
import type { DeviceConfig, LineConfig } from './site.ts';

/** A device of the site with its model: what a driver gets. Everything in it has been checked. */
export interface BoundDevice {
  readonly config: DeviceConfig;
  readonly model: DeviceModel;
  readonly framing: LineConfig['framing'];
  /** Time zone of the site, for meters that show local time. */
  readonly zone: string;
  /** Where the site file names a key for what the meter encrypts. */
  readonly decrypt?: Decrypt;
}

/** Whether meters of this model tell their own number: M-Bus does by itself, Modbus where the device file knows the register. */
export function tellsSerial({ protocol, identity }: DeviceModel): boolean {
  return protocol === 'mbus' || identity !== undefined;
}
