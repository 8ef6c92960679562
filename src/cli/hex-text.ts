import type { Refused } from '../app/field/shown.ts';
import { failure } from '../core/failure.ts';

/** Frames written as text by people and tools: hex in many manners, and Modbus ASCII as it stands on the wire. */

/** A frame's bytes, or what is wrong with its text. */
export type Written = { readonly bytes: Uint8Array } | Refused;

/** Of bytes that may be a frame: it is whole (whatever it says), it ends early, or it is none. */
export type Judge = (bytes: Uint8Array) => 'whole' | 'cut' | 'none';

/**
 * The text of each frame: one a line, or lines that make one frame together. An empty line divides. A line is part of the frame
 * before it while that is cut short, unless it is a frame by itself or begins as only a frame does.
 */
export function framesOf(text: string, judge: Judge, begins: (bytes: Uint8Array) => boolean): Written[] {
  const frames: Written[] = [];
  let isOpen = false;
  for (const line of text.split('\n').map((each) => each.trim())) {
    const written = line === '' ? undefined : writtenIn(line);
    const last = frames.at(-1);
    const whole = isOpen && last && written && joined(last, written, judge, begins);
    if (whole) frames[frames.length - 1] = whole;
    else if (written) frames.push(written);
    isOpen = written !== undefined;
  }
  return frames;
}

function joined(
  last: Written,
  next: Written,
  judge: Judge,
  begins: (bytes: Uint8Array) => boolean,
): Written | undefined {
  if ('error' in last || 'error' in next || judge(last.bytes) !== 'cut') return undefined;
  const bytes = Uint8Array.of(...last.bytes, ...next.bytes);
  // The end of a telegram may look like a small frame (e5); but then both together are one.
  if (judge(bytes) === 'whole') return { bytes };
  return begins(next.bytes) || judge(next.bytes) === 'whole' ? undefined : { bytes };
}

/** Modbus ASCII is text on the wire too: a colon, hex digits, and the end of the line. */
const ASCII_FRAME = /^:[0-9a-f]+$/i;

function writtenIn(line: string): Written {
  if (ASCII_FRAME.test(line)) return { bytes: Uint8Array.from(Buffer.from(`${line}\r\n`, 'latin1')) };
  const digits = line.replace(/0x|[\s:,;-]/gi, '');
  if (/^([0-9a-f]{2})+$/i.test(digits)) return { bytes: Uint8Array.from(Buffer.from(digits, 'hex')) };
  return { error: failure('frame-start', `not hex digits in pairs: "${digits.slice(0, 40)}"`) };
}
