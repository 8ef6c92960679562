import type { BoundDevice } from '../../../src/device/bound.ts';
import { deviceModelSchema } from '../../../src/device/model.ts';
import { deviceSchema } from '../../../src/device/site.ts';
import type { SimMeter } from '../../../src/sim/line.ts';
import { crc16modbus } from '../../../src/sim/meter/crc16.ts';
import { mbusBus } from '../../../src/sim/meter/mbus-bus.ts';
import { identityBytes, integer, record, responseFrame } from '../../../src/sim/meter/mbus-encode.ts';

/** Meters and their device files for measuring lines: constant answers of a given length. */

const COMMON = {
  maker: 'Bench',
  medium: 'electricity',
  hardwareTested: false,
  source: 'made for measuring',
  tests: [
    {
      name: 'none',
      source: 'made for measuring',
      now: '',
      expect: [{ quantity: 'energy.active.import', value: '0', unit: 'kWh' }],
    },
  ],
} as const;
const ENERGY = { quantity: 'energy.active.import', unit: 'kWh', kind: 'counter' } as const;

export function mbusDevice(address: number): BoundDevice {
  return bound(address, 'mbus', { protocol: 'mbus', readings: [{ ...ENERGY, mbus: { value: 'energy' } }] });
}

/** The same meter, asked by its number. */
export function mbusDeviceBySecondary(address: number): BoundDevice {
  const device = mbusDevice(address);
  return { ...device, config: { ...device.config, address: 253, secondary: identityOf(address).id } };
}

/** Ten values in 20 registers, read by one request. */
export function modbusDevice(address: number): BoundDevice {
  const quantities = ['energy.active.import', 'energy.active.export'] as const;
  const readings = quantities.map((quantity, n) => ({
    ...ENERGY,
    quantity,
    modbus: { table: 'holding', address: 18 * n, type: 'u32', factor: '0.001' },
  }));
  return bound(address, 'modbus-rtu', { protocol: 'modbus', modbus: { holeMax: 16 }, readings });
}

function bound(address: number, framing: BoundDevice['framing'], model: object): BoundDevice {
  return {
    config: deviceSchema.parse({ id: `m${address}`, model: 'bench/meter', line: 'bus', address }),
    model: deviceModelSchema.parse({ ...COMMON, model: 'Meter', ...model }),
    framing,
    zone: 'Europe/Prague',
  };
}

function identityOf(address: number) {
  return { id: String(10_000_000 + address), manufacturer: 'ODE', version: 1, medium: 2 };
}

/** So many records: the energy index, then powers of further storages. */
function dataOf(records: number): number[] {
  const energy = record({ vif: [0x03], data: integer(123_456n, 4) });
  const others = Array.from({ length: records - 1 }, (_, n) =>
    record({ storage: n + 1, vif: [0x2b], data: integer(1_000n, 4) }),
  );
  return [...energy, ...others.flat()];
}

/** The telegram of a meter with so many records. */
export function telegram(address: number, records: number): Uint8Array {
  return responseFrame(address, 0x72, [...identityBytes(identityOf(address)), 1, 0, 0, 0, ...dataOf(records)]);
}

/** @param afterMs from a request to its answer */
export function mbusMeter(address: number, records: number, afterMs = 0): SimMeter {
  const bus = mbusBus([{ ...identityOf(address), primary: address, telegrams: () => [dataOf(records)] }]);
  return (request) => {
    const reply = bus(request, 0);
    return reply ? [{ reply, afterMs }] : [];
  };
}

/** @param afterMs from the request to the answer */
export function modbusMeter(unit: number, afterMs: number): SimMeter {
  return (request) => {
    if (request[0] !== unit) return [];
    const count = (request[4]! << 8) | request[5]!;
    const body = [unit, request[1]!, 2 * count, ...new Array<number>(2 * count).fill(0)];
    const crc = crc16modbus(body);
    return [{ reply: Uint8Array.of(...body, crc & 0xff, crc >> 8), afterMs }];
  };
}
