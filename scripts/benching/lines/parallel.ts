import { createServer, type Server } from 'node:net';
import { lastBoundary } from '../../../src/core/schedule.ts';
import { scaledClock } from '../../../src/host/clock.ts';
import { hostEntropy } from '../../../src/host/entropy.ts';
import { tcpLine } from '../../../src/host/line-tcp.ts';
import type { Clock } from '../../../src/machine/clock.ts';
import type { SimMeter } from '../../../src/sim/line.ts';
import { bestOf, cost, type Figure } from '../figure.ts';
import { modbusDevice, modbusMeter } from './meters.ts';
import { collectorOf, FLAT_OUT } from './virtual.ts';

/**
 * 16 lines with four meters each, all on real sockets of one process and busy between the boundaries. How late each meter is
 * asked after a boundary: after the boundary itself, or after the answer of the neighbour that was asked before it.
 */

const LINES = 16;
const METERS = 4;
const REPLY_MS = 5;
/** A quarter of an hour passes in this real time, so that many boundaries fit into a measurement. */
const QUARTER_MS = 1_000;
const QUARTER_WALL_MS = 15 * 60_000;
const BOUNDARIES = 10;
/** Each meter ten times between two boundaries. */
const EVERY_WALL_MS = QUARTER_WALL_MS / 10;

export async function boundaryReads(): Promise<Figure> {
  return cost('boundary-reads-16-lines-p99-late', await bestOf(run, Math.min), 'ms', 50, 1);
}

/** Gives the 99th percentile of all boundary reads, in milliseconds of real time. */
async function run(): Promise<number> {
  const scale = QUARTER_WALL_MS / QUARTER_MS;
  const now = Date.now();
  const clock = scaledClock({ startWall: lastBoundary(now, 15) + QUARTER_WALL_MS / 2, startedAtEpochMs: now, scale });
  const lateMs: number[] = [];
  const servers = await Promise.all(Array.from({ length: LINES }, () => serve(watched(clock, scale, lateMs))));
  const devices = addresses().map(modbusDevice);
  const stop = new AbortController();
  const collector = collectorOf({
    lines: servers.map(({ port }) => ({ line: tcpLine({ host: '127.0.0.1', port, connectWithinMs: 5_000 }), devices })),
    settings: { ...FLAT_OUT, everyMs: EVERY_WALL_MS, settleMs: 0 },
    onRound: () => {},
    clock,
    entropy: hostEntropy(),
    boundaryMinutes: 15,
  });
  const running = collector.run(stop.signal);
  await clock.sleep((BOUNDARIES + 1) * QUARTER_MS);
  stop.abort();
  await running;
  for (const { server } of servers) server.close();
  if (lateMs.length < BOUNDARIES * LINES * METERS) throw new Error(`only ${lateMs.length} boundary reads were seen`);
  const sorted = lateMs.sort((a, b) => a - b);
  return sorted[Math.floor(0.99 * sorted.length)]!;
}

/** The meters of a line, noting how late after each boundary each is asked for the first time. */
function watched(clock: Clock, scale: number, lateMs: number[]): SimMeter[] {
  let freeSince = clock.now();
  return addresses().map((address) => {
    const meter = modbusMeter(address, REPLY_MS);
    let seen = lastBoundary(clock.now(), 15);
    return (request) => {
      const replies = meter(request);
      if (replies.length === 0) return replies;
      const now = clock.now();
      const boundary = lastBoundary(now, 15);
      if (boundary > seen) lateMs.push((now - Math.max(boundary, freeSince)) / scale);
      seen = boundary;
      freeSince = now + REPLY_MS * scale;
      return replies;
    };
  });
}

function serve(meters: readonly SimMeter[]): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      for (const meter of meters)
        for (const { reply, afterMs } of meter(new Uint8Array(bytes))) setTimeout(() => socket.write(reply), afterMs);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({ server, port: address !== null && typeof address === 'object' ? address.port : 0 });
    });
  });
}

function addresses(): number[] {
  return Array.from({ length: METERS }, (_, n) => n + 1);
}
