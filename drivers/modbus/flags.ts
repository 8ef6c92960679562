import type { MeterFlag } from '../../src/core/reading.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { addressOf, placeRange } from './places.ts';
import { pick } from './plan.ts';
import { type Answer, isBits, type RegisterRange } from './registers.ts';

/** The meter's status bits: like the status byte of M-Bus they are said of every value of a reading. */

export interface PlacedFlag {
  readonly flag: MeterFlag;
  readonly range: RegisterRange;
  /** Which bit of the register; the lowest where the table has single bits. */
  readonly bit: number;
}

export function placeFlags(device: BoundDevice): PlacedFlag[] {
  return device.model.flags.map(({ flag, modbus }) => {
    const range = placeRange(modbus.table, addressOf(device, modbus), 1);
    return { flag, range, bit: isBits(modbus.table) ? 0 : (modbus.bit ?? 0) };
  });
}

/** Each flag once, though several bits may stand for it. */
export function raisedFlags(flags: readonly PlacedFlag[], answers: readonly Answer[]): MeterFlag[] {
  const raised = flags.filter(({ range, bit }) => {
    const [high = 0, low = 0] = pick({ value: range }, answers).value;
    return (((high << 8) | low) >> bit) & 1;
  });
  return [...new Set(raised.map(({ flag }) => flag))];
}
