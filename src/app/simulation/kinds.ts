import type { Commodity } from '../../core/interval.ts';
import type { LineConfig } from '../../device/line-config.ts';

/** A meter as it ships, and what it counts in an imagined site. */
export interface Kind {
  readonly model: string;
  readonly commodity: Commodity;
  readonly framing: LineConfig['framing'];
  readonly hasSerial: boolean;
  readonly resolution: number;
  readonly periodsKept: number;
  /** Requests of one dialogue that reads its present state. */
  readonly exchanges: number;
  readonly fullPerHour: number;
  /** Digits before the point, in the unit of the device file; a site says them in its own copy of the file. */
  readonly digits?: number;
  /** The counter's range in litres or watt-hours that those digits make. */
  readonly range?: number;
  readonly multiplier?: boolean;
}

/** It is laid out by this file alone, which can have a status bit as well as not. */
export const MODBUS_GAS = 'generic/modbus-gas-corrector';

/** Every protocol, with archive and without, sampled and frozen, in Wh and in kWh, with and without rollover and transformers. */
export const KINDS: readonly Kind[] = [
  {
    model: 'generic/mbus-gas-corrector',
    commodity: 'gas',
    framing: 'mbus',
    hasSerial: true,
    resolution: 0,
    periodsKept: 1,
    exchanges: 1,
    fullPerHour: 320_000,
  },
  {
    model: 'generic/mbus-electricity-meter',
    commodity: 'electricity',
    framing: 'mbus',
    hasSerial: true,
    resolution: 0,
    periodsKept: 12,
    exchanges: 1,
    fullPerHour: 240_000,
    digits: 5,
    range: 100_000_000,
  },
  {
    model: MODBUS_GAS,
    commodity: 'gas',
    framing: 'modbus-rtu',
    hasSerial: false,
    resolution: 0,
    periodsKept: 60,
    exchanges: 2,
    fullPerHour: 210_000,
  },
  {
    model: 'eastron/sdm630',
    commodity: 'electricity',
    framing: 'modbus-rtu',
    hasSerial: false,
    // Beyond 262,144 kWh, which a year reaches, a single float and its shortest text are up to 28 Wh off (each Wh up to 340,000 kWh was tried).
    resolution: 28,
    periodsKept: 0,
    exchanges: 3,
    fullPerHour: 45_000,
  },
  {
    model: 'abb/b23',
    commodity: 'electricity',
    framing: 'modbus-tcp',
    hasSerial: false,
    resolution: 10,
    periodsKept: 0,
    exchanges: 3,
    fullPerHour: 5_000,
    multiplier: true,
  },
  {
    model: 'schneider/iem3155',
    commodity: 'electricity',
    framing: 'modbus-tcp',
    hasSerial: false,
    resolution: 0,
    periodsKept: 0,
    exchanges: 3,
    fullPerHour: 90_000,
    digits: 8,
    range: 100_000_000,
  },
];
