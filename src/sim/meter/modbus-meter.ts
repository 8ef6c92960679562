import { crc16modbus } from './crc16.ts';
import type { SimulatedMeter } from './mbus-meter.ts';
import type { RegisterImage } from './registers.ts';

/**
 * A simulated Modbus device: answers functions 3 and 4 at its unit address, RTU or TCP framing, from a register image.
 * An address it does not have gives exception 2, as real devices do; another unit's request gives silence (RTU).
 */
export interface ModbusMeterConfig {
  readonly unit: number;
  readonly framing: 'modbus-rtu' | 'modbus-tcp';
  readonly image: RegisterImage;
}

const TABLE_BY_FUNCTION: Record<number, 'holding' | 'input'> = { 3: 'holding', 4: 'input' };
const ILLEGAL_FUNCTION = 1;
const ILLEGAL_ADDRESS = 2;
const REGISTERS_MAX = 125;

export function modbusMeter(config: ModbusMeterConfig): SimulatedMeter {
  return config.framing === 'modbus-rtu' ? rtuMeter(config) : tcpMeter(config);
}

function rtuMeter({ unit, image }: ModbusMeterConfig): SimulatedMeter {
  return (request, now) => {
    const body = request.subarray(0, -2);
    const crc = request[request.length - 2]! | (request[request.length - 1]! << 8);
    if (request.length < 4 || body[0] !== unit || crc16modbus(body) !== crc) return undefined;
    const answer = [unit, ...answerPdu(body.subarray(1), image, now)];
    const sum = crc16modbus(answer);
    return Uint8Array.of(...answer, sum & 0xff, sum >> 8);
  };
}

function tcpMeter({ unit, image }: ModbusMeterConfig): SimulatedMeter {
  return (request, now) => {
    if (request.length < 8 || request[6] !== unit) return undefined;
    const pdu = answerPdu(request.subarray(7), image, now);
    const length = pdu.length + 1;
    return Uint8Array.of(request[0]!, request[1]!, 0, 0, length >> 8, length & 0xff, unit, ...pdu);
  };
}

function answerPdu(pdu: Uint8Array, image: RegisterImage, now: number): number[] {
  const code = pdu[0] ?? 0;
  const table = TABLE_BY_FUNCTION[code];
  if (!table || pdu.length !== 5) return [code | 0x80, ILLEGAL_FUNCTION];
  const [first, count] = [(pdu[1]! << 8) | pdu[2]!, (pdu[3]! << 8) | pdu[4]!];
  const words = count > 0 && count <= REGISTERS_MAX ? image(table, first, count, now) : undefined;
  if (!words) return [code | 0x80, ILLEGAL_ADDRESS];
  return [code, words.length * 2, ...words.flatMap((word) => [word >> 8, word & 0xff])];
}
