import { broken, type Exchange, type Frame, type Framing, type Judged, judgeFrame, type Parsed } from './framing.ts';
import { type Ask, requestPdu } from './pdu.ts';

/** Modbus TCP: MBAP header (MODBUS Messaging on TCP/IP V1.0b, clause 3.1.3) of transaction, protocol 0, length, unit. */

const HEADER_BYTES = 7;
/** The length field counts the unit byte and a PDU of 2 to 253 bytes. */
const LENGTH_MIN = 3;
const LENGTH_MAX = 254;

export function tcpFrame(transaction: number, unit: number, pdu: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + pdu.length);
  const header = new DataView(frame.buffer);
  header.setUint16(0, transaction);
  header.setUint16(4, pdu.length + 1);
  header.setUint8(6, unit);
  frame.set(pdu, HEADER_BYTES);
  return frame;
}

export interface TcpFrame extends Frame {
  readonly transaction: number;
}

/** The first frame in `bytes`, whatever it answers. */
export function parseTcpFrame(bytes: Uint8Array): Parsed<TcpFrame> {
  if (bytes.length < 6) return { kind: 'more' };
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const protocol = header.getUint16(2);
  if (protocol !== 0) return broken('frame-start', `protocol id ${protocol}, Modbus has 0`);
  const counted = header.getUint16(4);
  if (counted < LENGTH_MIN || counted > LENGTH_MAX) {
    return broken('frame-length', `length field ${counted}, allowed ${LENGTH_MIN} to ${LENGTH_MAX}`);
  }
  const length = 6 + counted;
  if (bytes.length < length) return { kind: 'more' };
  const pdu = bytes.subarray(HEADER_BYTES, length);
  return { kind: 'frame', transaction: header.getUint16(0), unit: header.getUint8(6), pdu, length };
}

/**
 * @param nextTransaction a number 0..65535 that rises by one with every request, over all devices and dialogues of the
 *   process: only then does "older" mean anything when a line is shared
 */
export function tcpFraming(nextTransaction: () => number): Framing {
  return {
    ask(unit: number, ask: Ask): Exchange {
      const transaction = nextTransaction();
      return {
        frame: tcpFrame(transaction, unit, requestPdu(ask)),
        judge: (received) => judge(received, transaction, unit, ask),
      };
    },
  };
}

/**
 * A late answer to an earlier request is skipped, not a failure: its transaction id proves whose it is, so nothing is guessed,
 * and a slow device would otherwise fail for ever, each dialogue on the late answer of the one before. Only a whole frame with
 * an older id is skipped; an id that was not asked for yet is `foreign-answer`, since no explanation of it is harmless.
 */
function judge(received: Uint8Array, transaction: number, unit: number, ask: Ask): Judged {
  const parsed = parseTcpFrame(received);
  if (parsed.kind !== 'frame') return parsed;
  if (parsed.transaction !== transaction) {
    if (isOlder(parsed.transaction, transaction)) return { kind: 'older', length: parsed.length };
    return broken('foreign-answer', `transaction ${parsed.transaction}, expected ${transaction}`);
  }
  return judgeFrame(parsed, received.length, unit, ask);
}

/** Ids wrap at 65536; the half that lies behind is older. */
function isOlder(transaction: number, current: number): boolean {
  const behind = (current - transaction) & 0xffff;
  return behind > 0 && behind < 0x8000;
}
