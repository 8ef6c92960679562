import type { Line } from '../machine/line.ts';

export interface LineBytes {
  opens: number;
  bytesSent: number;
  bytesReceived: number;
}

/** The same line, counting what goes through it. */
export function countedLine(line: Line, count: LineBytes): Line {
  return {
    get isOpen() {
      return line.isOpen;
    },
    async open(signal) {
      await line.open(signal);
      count.opens += 1;
    },
    async write(bytes, signal) {
      await line.write(bytes, signal);
      count.bytesSent += bytes.length;
    },
    async read(withinMs, signal) {
      const bytes = await line.read(withinMs, signal);
      count.bytesReceived += bytes.length;
      return bytes;
    },
    async drain(quietMs, atMostMs, signal) {
      const bytes = await line.drain(quietMs, atMostMs, signal);
      count.bytesReceived += bytes;
      return bytes;
    },
    set: (setting, signal) => line.set(setting, signal),
    close: () => line.close(),
  };
}
