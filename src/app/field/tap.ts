import type { UtcMs } from '../../core/time.ts';
import type { Line } from '../../machine/line.ts';

/** sent: by the master, to the meters. received: from a meter. */
export type Way = 'sent' | 'received';

/** What passed on a line, as commands hand it on. */
export interface Passed {
  readonly at: UtcMs;
  readonly way: Way;
  readonly hex: string;
}

/** The same line, of which another hears what is sent and what is read. Bytes that are thrown away unread are not heard. */
export function tappedLine(line: Line, heard: (way: Way, bytes: Uint8Array) => void): Line {
  return {
    get isOpen() {
      return line.isOpen;
    },
    open: (signal) => line.open(signal),
    async write(bytes, signal) {
      heard('sent', bytes);
      await line.write(bytes, signal);
    },
    async read(withinMs, signal) {
      const bytes = await line.read(withinMs, signal);
      if (bytes.length > 0) heard('received', bytes);
      return bytes;
    },
    drain: (quietMs, atMostMs, signal) => line.drain(quietMs, atMostMs, signal),
    set: (setting, signal) => line.set(setting, signal),
    close: () => line.close(),
  };
}

/** Two lower-case digits for each byte. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `68 0a 0a 68`, for people. */
export function spacedHex(hex: string): string {
  return hex.replace(/..\B/g, '$& ');
}
