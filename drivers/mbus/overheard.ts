import { CONTROL, type Frame, parseFrame } from './frame.ts';
import { hex, hexByte } from './hex.ts';
import { showTelegram } from './show.ts';
import { decodeTelegram } from './telegram.ts';

/** What passes on an M-Bus line between others: requests and answers in a row, told for people. */

export interface OverheardTelegram {
  /** The frame's bytes, or those in which no frame was found. */
  readonly bytes: Uint8Array;
  readonly text: string;
  /** sent: by the master. Missing where no frame was found. */
  readonly way?: 'sent' | 'received';
}

const ACK = 0xe5;
const START_SHORT = 0x10;
const START_LONG = 0x68;
const SHORT_LENGTH = 5;
/** Start, length twice, start, checksum and stop around what the length counts. */
const LONG_AROUND = 6;
/** In the C field: the frame is the master's (EN 13757-2, PRM). */
const FROM_MASTER = 0x40;
const FRAME_COUNT_BIT = 0x20;
const REQUESTS: readonly (readonly [control: number, name: string])[] = [
  [CONTROL.sndNke, 'SND_NKE'],
  [CONTROL.sndUd, 'SND_UD'],
  [CONTROL.reqUd2, 'REQ_UD2'],
  // Asks for alarms; this program never does.
  [0x5a, 'REQ_UD1'],
];

/** All of `bytes` in order, cut into frames and what is none. Noise before, between and after frames costs only itself. */
export function overheardTelegrams(bytes: Uint8Array): OverheardTelegram[] {
  const heard: OverheardTelegram[] = [];
  let noiseFrom = 0;
  const endNoise = (at: number): void => {
    if (at > noiseFrom) heard.push(noise(bytes.subarray(noiseFrom, at)));
  };
  for (let at = 0; at < bytes.length; ) {
    const found = frameAt(bytes, at, at === noiseFrom);
    if (!found) {
      at += 1;
      continue;
    }
    endNoise(at);
    const frame = bytes.subarray(at, at + found.length);
    heard.push({ bytes: frame, text: frameText(found.frame, frame), way: wayOf(found.frame) });
    at += found.length;
    noiseFrom = at;
  }
  endNoise(bytes.length);
  return heard;
}

/** A request or an acknowledgement as JSON, for people and other programs; answers are telegrams. */
export interface ShownRequest {
  readonly frame: 'acknowledgement' | 'request';
  readonly request?: string;
  readonly address?: number;
  readonly control?: string;
  readonly ci?: string;
  readonly data?: string;
}

/** What a whole good frame is, unless it is an answer (or no frame): then undefined, and decodeTelegram judges it. */
export function showRequest(bytes: Uint8Array): ShownRequest | undefined {
  const parsed = parseFrame(bytes);
  if (parsed.state !== 'complete') return undefined;
  const { frame } = parsed;
  if (frame.kind === 'ack') return { frame: 'acknowledgement' };
  if ((frame.control & FROM_MASTER) === 0) return undefined;
  const { address, control } = frame;
  const shown = { frame: 'request', request: requestName(frame), address, control: hexByte(control) } as const;
  return frame.kind === 'short' ? shown : { ...shown, ci: hexByte(frame.ci), data: hex(frame.data) };
}

/** @param afterFrame an E5 amid noise is a byte of the noise as likely as not, unless it is the last one */
function frameAt(bytes: Uint8Array, at: number, afterFrame: boolean): { frame: Frame; length: number } | undefined {
  const length = lengthAt(bytes, at);
  if (length === undefined || at + length > bytes.length) return undefined;
  if (length === 1 && !afterFrame && at + 1 < bytes.length) return undefined;
  const parsed = parseFrame(bytes.subarray(at, at + length));
  return parsed.state === 'complete' ? { frame: parsed.frame, length } : undefined;
}

function lengthAt(bytes: Uint8Array, at: number): number | undefined {
  if (bytes[at] === ACK) return 1;
  if (bytes[at] === START_SHORT) return SHORT_LENGTH;
  return bytes[at] === START_LONG ? (bytes[at + 1] ?? 0) + LONG_AROUND : undefined;
}

/** What begins like a telegram is told with what is wrong with it. */
function noise(bytes: Uint8Array): OverheardTelegram {
  if (bytes[0] !== START_LONG || bytes[3] !== START_LONG) return { bytes, text: 'no frame' };
  const decoded = decodeTelegram(bytes);
  return { bytes, text: decoded.ok ? 'no frame' : `no frame: ${decoded.failure.detail} [${decoded.failure.code}]` };
}

function wayOf(frame: Frame): 'sent' | 'received' {
  return frame.kind !== 'ack' && (frame.control & FROM_MASTER) !== 0 ? 'sent' : 'received';
}

function frameText(frame: Frame, bytes: Uint8Array): string {
  if (frame.kind === 'ack') return 'acknowledged';
  if (wayOf(frame) === 'sent') {
    const data = frame.kind === 'long' ? ` CI ${hexByte(frame.ci)} ${hex(frame.data)}`.trimEnd() : '';
    return `${requestName(frame)} to address ${frame.address}${data}`;
  }
  const decoded = decodeTelegram(bytes);
  if (!decoded.ok) return `${decoded.failure.detail} [${decoded.failure.code}]`;
  const { manufacturer, id, records } = showTelegram(decoded.telegram);
  const values = records.map(({ quantity, value, unit }) => `${quantity} ${value ?? '-'} ${unit}`.trim());
  return `meter ${id ?? '?'} ${manufacturer ?? ''}: ${values.join('; ')}`;
}

/** EN 13757-2, table 1; the frame count bit does not change what is asked. */
function requestName({ control }: Exclude<Frame, { kind: 'ack' }>): string {
  const known = REQUESTS.find(([code]) => (code & ~FRAME_COUNT_BIT) === (control & ~FRAME_COUNT_BIT));
  return known?.[1] ?? `request ${hexByte(control)}`;
}
