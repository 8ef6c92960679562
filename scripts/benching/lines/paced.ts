import type { LineSetting } from '../../../src/core/driver.ts';
import type { BoundDevice } from '../../../src/device/bound.ts';
import { wireMs } from '../../../src/machine/line.ts';
import type { SimMeter } from '../../../src/sim/line.ts';
import { cost, type Figure } from '../figure.ts';
import { mbusDevice, mbusMeter, modbusDevice, modbusMeter } from './meters.ts';
import { collectVirtually, FLAT_OUT } from './virtual.ts';

/**
 * The poll cycle of 32 meters on a wire of a given speed, against the shortest that the wire allows: the bits of every request
 * for data and its answer, and the least turn-round of the standard after each of them, with a meter that is as quick as it may
 * be. Link resets (SND_NKE) are time spent and not in the limit; after the last answer nobody waits, in neither of the two.
 */

const METERS = 32;
const CYCLES = 5;
/** Small, usual and large. */
const TELEGRAM_RECORDS = [3, 12, 30];

const MBUS_SETTING: LineSetting = { baud: 2_400, dataBits: 8, parity: 'even', stopBits: 1 };
const RTU_SETTING: LineSetting = { baud: 9_600, dataBits: 8, parity: 'even', stopBits: 1 };

/** EN 13757-2: a meter answers 11 bit times after the request at the earliest; a character of 8E1 has 11 bits. */
const MBUS_TURN_ROUND_MS = wireMs(MBUS_SETTING, 1);
/** MODBUS over Serial Line V1.02, clause 2.5.1.1: frames are 3.5 characters apart. */
const RTU_TURN_ROUND_MS = wireMs(RTU_SETTING, 3.5);

const isDataRequest = (request: Uint8Array): boolean => ((request[1] ?? 0) & 0x0f) === 0x0b;

export function mbusCycle(): Promise<Figure> {
  const meters = addresses().map((address, n) => mbusMeter(address, TELEGRAM_RECORDS[n % 3]!));
  const devices = addresses().map(mbusDevice);
  return cycle('mbus-2400-cycle-32-meters', MBUS_SETTING, MBUS_TURN_ROUND_MS, meters, devices, isDataRequest);
}

export function modbusCycle(): Promise<Figure> {
  const meters = addresses().map((unit) => modbusMeter(unit, 0));
  return cycle(
    'modbus-rtu-9600-cycle-32-meters',
    RTU_SETTING,
    RTU_TURN_ROUND_MS,
    meters,
    addresses().map(modbusDevice),
    () => true,
  );
}

async function cycle(
  name: string,
  setting: LineSetting,
  turnRoundMs: number,
  meters: readonly SimMeter[],
  devices: readonly BoundDevice[],
  isCounted: (request: Uint8Array) => boolean,
): Promise<Figure> {
  // None after the last answer.
  let limitMs = -turnRoundMs;
  const counted = meters.map(
    (meter): SimMeter =>
      (request) => {
        const replies = meter(request);
        for (const { reply } of isCounted(request) ? replies : [])
          limitMs += wireMs(setting, request.length + reply.length) + 2 * turnRoundMs;
        return replies;
      },
  );
  const pace = { setting, turnRoundMs };
  const { tookMs } = await collectVirtually({ meters: counted, pace }, devices, FLAT_OUT, { rounds: METERS * CYCLES });
  return cost(name, tookMs / CYCLES / 1_000, 's', limitMs / CYCLES / 1_000, 0.95);
}

function addresses(): number[] {
  return Array.from({ length: METERS }, (_, n) => n + 1);
}
