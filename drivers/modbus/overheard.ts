import { parseAsciiFrame } from './ascii.ts';
import { exceptionFailure, READ_FUNCTION } from './pdu.ts';
import { hexText, isBits, rangeText, type Table } from './registers.ts';
import { crc16 } from './rtu.ts';
import { parseTcpFrame } from './tcp.ts';

/** What passes on a Modbus line between others: requests and answers in a row, told for people. */

export interface Overheard {
  /** The frame's bytes, or those in which no frame was found. */
  readonly bytes: Uint8Array;
  readonly text: string;
  /** sent: by the master. Missing where no frame was found, and where request and answer look alike (writes of one register). */
  readonly way?: Way;
}

type Way = 'sent' | 'received';
type ModbusFraming = 'modbus-rtu' | 'modbus-ascii' | 'modbus-tcp';

/** All of `bytes` in order, cut into frames and what is none. */
export function overheardFrames(bytes: Uint8Array, framing: ModbusFraming): Overheard[] {
  const heard: Overheard[] = [];
  let noiseFrom = 0;
  const endNoise = (at: number): void => {
    if (at > noiseFrom) heard.push({ bytes: bytes.subarray(noiseFrom, at), text: 'no frame' });
  };
  for (let at = 0; at < bytes.length; ) {
    const frame = frameAt(bytes.subarray(at), framing);
    if (!frame) {
      at += 1;
      continue;
    }
    endNoise(at);
    const way = wayOf(frame.pdu);
    const text = `unit ${frame.unit} ${pduText(frame.pdu)}`;
    heard.push({ bytes: bytes.subarray(at, at + frame.length), text, ...(way && { way }) });
    at += frame.length;
    noiseFrom = at;
  }
  endNoise(bytes.length);
  return heard;
}

/** A request as JSON, for people and other programs. */
export interface ShownRead {
  readonly unit: number;
  readonly function: number;
  readonly request:
    | { readonly table: Table; readonly address: number; readonly count: number }
    | { readonly data: string };
}

/** What a whole frame asks for; undefined where it is no request, or may as well be an answer and `way` does not say. */
export function showRead(bytes: Uint8Array, framing: ModbusFraming, way?: Way): ShownRead | undefined {
  const frame = frameAt(bytes, framing);
  if (!frame || frame.length !== bytes.length || (way ?? wayOf(frame.pdu)) !== 'sent') return undefined;
  const { unit, pdu } = frame;
  const code = pdu[0] ?? 0;
  const table = tableOf(code);
  if (!table || pdu.length !== 5) return { unit, function: code, request: { data: hexText(pdu.subarray(1)) } };
  return { unit, function: code, request: { table, address: word(pdu, 1), count: word(pdu, 3) } };
}

interface Found {
  readonly unit: number;
  readonly pdu: Uint8Array;
  readonly length: number;
}

function frameAt(bytes: Uint8Array, framing: ModbusFraming): Found | undefined {
  if (framing === 'modbus-rtu') return rtuFrameAt(bytes);
  const parsed = framing === 'modbus-ascii' ? parseAsciiFrame(bytes) : parseTcpFrame(bytes);
  return parsed.kind === 'frame' ? parsed : undefined;
}

/** RTU has no mark of a frame: what has a length that its function can have, and the right CRC, is one. */
function rtuFrameAt(bytes: Uint8Array): Found | undefined {
  const code = bytes[1];
  if (code === undefined) return undefined;
  const counted = (bytes[2] ?? 0) + 5;
  const lengths = code & 0x80 ? [5] : code <= 4 ? [8, counted] : isRowWrite(code) ? [8, (bytes[6] ?? 0) + 9] : [8];
  const length = lengths.find((each) => each <= bytes.length && crc16(bytes.subarray(0, each)) === 0);
  return length === undefined ? undefined : { unit: bytes[0]!, pdu: bytes.subarray(1, length - 2), length };
}

/** Functions 15 and 16 carry what they write; their answer does not. */
function isRowWrite(code: number): boolean {
  return code === 15 || code === 16;
}

function wayOf(pdu: Uint8Array): Way | undefined {
  const code = pdu[0] ?? 0;
  if (code & 0x80) return 'received';
  if (isRowWrite(code)) return pdu.length > 5 ? 'sent' : 'received';
  const table = tableOf(code);
  if (!table) return undefined;
  // A request has address and quantity; an answer of the same length would have a byte count of 3, which no registers give.
  return pdu.length === 5 && (pdu[1] !== 3 || !isBits(table)) ? 'sent' : 'received';
}

function word(pdu: Uint8Array, at: number): number {
  return ((pdu[at] ?? 0) << 8) | (pdu[at + 1] ?? 0);
}

function pduText(pdu: Uint8Array): string {
  const code = pdu[0] ?? 0;
  if (code & 0x80) return `refuses function ${code & 0x7f}: ${exceptionFailure(pdu[1] ?? 0).detail}`;
  const table = tableOf(code);
  if (table && wayOf(pdu) === 'sent')
    return `is asked for ${rangeText({ table, address: word(pdu, 1), count: word(pdu, 3) })}`;
  if (table) return `answers ${isBits(table) ? 'bits' : 'registers'} ${hexText(pdu.subarray(2))}`;
  if (code === 6) return `register 0x${hexText(pdu.subarray(1, 3))} is written with ${hexText(pdu.subarray(3))}`;
  return `function ${code}, data ${hexText(pdu.subarray(1))}`;
}

function tableOf(code: number): Table | undefined {
  const tables: readonly Table[] = ['coil', 'discrete', 'holding', 'input'];
  return tables.find((table) => READ_FUNCTION[table] === code);
}
