import { OdecetError } from '../core/failure.ts';
import type { Clock } from '../machine/clock.ts';
import type { Line } from '../machine/line.ts';

const NOTHING = new Uint8Array(0);

/**
 * The same line behind an adapter that hands back what is sent: the echo is compared and removed. Anything else in its place
 * means that two sent at once, or that the adapter does not echo, and then nothing that follows can be believed: read rejects
 * with OdecetError echo-wrong.
 */
export function echoLine(line: Line, clock: Clock): Line {
  /** Own bytes that have not come back yet. */
  let awaited = NOTHING;

  function removed(bytes: Uint8Array): Uint8Array {
    const count = Math.min(bytes.length, awaited.length);
    for (let n = 0; n < count; n++) {
      if (bytes[n] === awaited[n]) continue;
      const sent = awaited[n];
      awaited = NOTHING;
      throw new OdecetError('echo-wrong', `byte ${hex(sent)} came back as ${hex(bytes[n])}; do two masters send?`);
    }
    awaited = awaited.subarray(count);
    return bytes.subarray(count);
  }

  return {
    get isOpen() {
      return line.isOpen;
    },
    open: (signal) => line.open(signal),
    async write(bytes, signal) {
      awaited = bytes.slice();
      await line.write(bytes, signal);
    },
    async read(withinMs, signal) {
      const until = clock.monotonicMs() + withinMs;
      for (;;) {
        const bytes = await line.read(Math.max(0, until - clock.monotonicMs()), signal);
        const rest = removed(bytes);
        if (rest.length > 0) return rest;
        if (bytes.length > 0) continue;
        if (awaited.length === 0) return NOTHING;
        const missing = awaited.length;
        awaited = NOTHING;
        throw new OdecetError('echo-wrong', `${missing} of the bytes sent did not come back; does this adapter echo?`);
      }
    },
    async drain(quietMs, atMostMs, signal) {
      awaited = NOTHING;
      return line.drain(quietMs, atMostMs, signal);
    },
    set: (setting, signal) => line.set(setting, signal),
    close: () => line.close(),
  };
}

function hex(byte: number | undefined): string {
  return (byte ?? 0).toString(16).padStart(2, '0');
}
