import {
  decodeTelegram,
  type ShownRequest,
  type ShownTelegram,
  showRequest,
  showTelegram,
} from '../../../drivers/mbus/index.ts';
import {
  crc16,
  exceptionFailure,
  parseAsciiFrame,
  parseRtuAnswer,
  parseTcpFrame,
  type ShownRead,
  showRead,
} from '../../../drivers/modbus/index.ts';
import type { Decrypt } from '../../core/driver.ts';
import { type Failure, failure } from '../../core/failure.ts';
import type { LineConfig } from '../../device/site.ts';
import type { Way } from './tap.ts';

/** What one frame means, as JSON for other programs and as the base of what people are shown. */

export interface Refused {
  readonly error: Failure;
}

export interface ShownAnswer {
  readonly framing: ModbusFraming;
  readonly transaction?: number;
  readonly unit: number;
  readonly function: number;
  /** Sixteen-bit registers in hex; none in an answer without registers. */
  readonly registers: readonly string[];
  readonly data: string;
}

export type ShownModbusRequest = ShownRead & Pick<ShownAnswer, 'framing' | 'transaction'>;
export type Shown = ShownTelegram | ShownRequest | ShownAnswer | ShownModbusRequest | Refused;

type ModbusFraming = 'rtu' | 'ascii' | 'tcp';

const EXCEPTION_BIT = 0x80;
const COLON = 0x3a;

export function shownMbus(bytes: Uint8Array, decrypt?: Decrypt): ShownTelegram | ShownRequest | Refused {
  const request = showRequest(bytes);
  if (request) return request;
  const decoded = decodeTelegram(bytes, decrypt);
  return decoded.ok ? showTelegram(decoded.telegram) : { error: decoded.failure };
}

/**
 * @param framing where it is known; else as the bytes show it
 * @param way where it is known: some requests and answers look alike
 */
export function shownModbus(
  bytes: Uint8Array,
  { framing, way }: { readonly framing?: LineConfig['framing']; readonly way?: Way } = {},
): ShownAnswer | ShownModbusRequest | Refused {
  const kind = FRAMINGS.find((each) => framing === `modbus-${each}`) ?? framingOf(bytes);
  const read = showRead(bytes, `modbus-${kind}`, way);
  if (read) return { framing: kind, ...transactionOf(bytes, kind), ...read };
  return shownAnswer(bytes, kind);
}

const FRAMINGS: readonly ModbusFraming[] = ['rtu', 'ascii', 'tcp'];

/** ASCII where a colon begins it, RTU where the checksum over all bytes fits, else TCP. */
function framingOf(bytes: Uint8Array): ModbusFraming {
  if (bytes.length >= 4 && crc16(bytes.subarray(0, -2)) === (bytes.at(-2)! | (bytes.at(-1)! << 8))) return 'rtu';
  if (bytes.length >= 9 && bytes[2] === 0 && bytes[3] === 0) return 'tcp';
  return bytes[0] === COLON ? 'ascii' : 'rtu';
}

function transactionOf(bytes: Uint8Array, framing: ModbusFraming): { transaction?: number } {
  return framing === 'tcp' ? { transaction: ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0) } : {};
}

const PARSERS = { rtu: parseRtuAnswer, tcp: parseTcpFrame, ascii: parseAsciiFrame } as const;

function shownAnswer(bytes: Uint8Array, framing: ModbusFraming): ShownAnswer | Refused {
  const parsed = PARSERS[framing](bytes);
  if (parsed.kind === 'more') return { error: failure('frame-truncated', `${bytes.length} byte(s), more are missing`) };
  if (parsed.kind === 'broken') return { error: parsed.failure };
  const over = bytes.length - parsed.length;
  if (over > 0) return { error: failure('frame-trailing', `${over} byte(s) after the frame`) };
  const shown = shownPdu(parsed.pdu);
  if ('error' in shown) return shown;
  return { framing, ...transactionOf(bytes, framing), unit: parsed.unit, ...shown };
}

function shownPdu(pdu: Uint8Array): Pick<ShownAnswer, 'function' | 'registers' | 'data'> | Refused {
  const code = pdu[0] ?? 0;
  if (code & EXCEPTION_BIT) return { error: exceptionFailure(pdu[1] ?? 0) };
  // Reads of registers (3 and 4) have a byte count before their registers.
  const isRegisters = code === 3 || code === 4;
  if (isRegisters && pdu[1] !== pdu.length - 2) {
    return { error: failure('frame-length', `byte count ${pdu[1]}, and ${pdu.length - 2} byte(s) follow it`) };
  }
  const data = Buffer.from(pdu.subarray(isRegisters ? 2 : 1)).toString('hex');
  return { function: code, registers: isRegisters ? (data.match(/.{4}/g) ?? []) : [], data };
}
