import { decodeTelegram, showTelegram } from '../../../drivers/mbus/index.ts';
import { type Overheard, overheardFrames } from '../../../drivers/modbus/index.ts';
import type { Millis } from '../../core/time.ts';
import type { LineConfig } from '../../device/site.ts';
import type { Line } from '../../machine/line.ts';

/** Listens on a line without a word: what passes, cut at silence, as bytes and as what they mean. */

/** @param quietMs silence that ends a burst. Ends when the signal aborts. */
export async function* listen(
  line: Line,
  framing: LineConfig['framing'],
  quietMs: Millis,
  signal: AbortSignal,
): AsyncGenerator<readonly Overheard[]> {
  while (!signal.aborted) {
    const burst = await nextBurst(line, quietMs, signal);
    if (burst.length > 0) yield framing === 'mbus' ? overheardTelegrams(burst) : overheardFrames(burst, framing);
  }
}

/** The wait is short, so that an end of listening is noticed. */
const LOOK_EVERY_MS: Millis = 500;
/** A line that never rests is told in pieces. */
const BURST_BYTES_MAX = 4096;

async function nextBurst(line: Line, quietMs: Millis, signal: AbortSignal): Promise<Uint8Array> {
  const bytes: number[] = [];
  try {
    bytes.push(...(await line.read(LOOK_EVERY_MS, signal)));
    while (bytes.length > 0 && bytes.length < BURST_BYTES_MAX) {
      const more = await line.read(quietMs, signal);
      if (more.length === 0) break;
      bytes.push(...more);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return Uint8Array.from(bytes);
}

const ACK = 0xe5;
const SHORT = 0x10;
const LONG = 0x68;
const STOP = 0x16;

/** EN 13757-2: a single character, a short frame of 5 bytes, a long frame with its length twice. */
export function overheardTelegrams(bytes: Uint8Array): Overheard[] {
  const heard: Overheard[] = [];
  for (let at = 0; at < bytes.length; ) {
    const rest = bytes.subarray(at);
    const length = telegramLength(rest) ?? rest.length;
    heard.push({ bytes: rest.subarray(0, length), text: telegramText(rest.subarray(0, length)) });
    at += length;
  }
  return heard;
}

function telegramLength(bytes: Uint8Array): number | undefined {
  if (bytes[0] === ACK) return 1;
  if (bytes[0] === SHORT && bytes[4] === STOP) return 5;
  return bytes[0] === LONG && bytes[3] === LONG && bytes[1] === bytes[2] ? (bytes[1] ?? 0) + 6 : undefined;
}

function telegramText(bytes: Uint8Array): string {
  if (bytes[0] === ACK) return 'acknowledged';
  const hex = (byte = 0): string => byte.toString(16).padStart(2, '0');
  if (bytes[0] === SHORT) return `request C ${hex(bytes[1])} to address ${bytes[2]}`;
  const decoded = decodeTelegram(bytes);
  if (!decoded.ok) return `${decoded.failure.detail} [${decoded.failure.code}]`;
  const { manufacturer, id, records } = showTelegram(decoded.telegram);
  return `meter ${id ?? '?'} ${manufacturer ?? ''}: ${records.map(({ quantity, value, unit }) => `${quantity} ${value ?? '-'} ${unit}`.trim()).join('; ')}`;
}
