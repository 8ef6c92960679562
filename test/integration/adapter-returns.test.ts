import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { createModbusDriver } from '../../drivers/modbus/index.ts';
import { modbusDevice, modbusMeter } from '../../scripts/benching/lines/meters.ts';
import { createCollector } from '../../src/collect/collector.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { hostClock } from '../../src/host/clock.ts';
import { hostEntropy } from '../../src/host/entropy.ts';
import { serialLine } from '../../src/host/line-serial.ts';
import { simLog } from '../../src/sim/log.ts';
import { hasProgram, ptyPort } from '../kit/pty.ts';

/**
 * A serial adapter that is pulled out and put in again, again and again, under the real collector. Each meter is asked once in
 * every period by one owner, however often the adapter came back: no request is sent into the answer to another.
 */
const SETTING = { baud: 115_200, dataBits: 8, parity: 'none', stopBits: 1 } as const;
const METERS = 4;
const REPLY_MS = 10;
const EVERY_MS = 200;
const RETURNS = 5;

test.skipIf(!hasProgram('socat'))(
  'exactly one poll chain after every return of the adapter (skipped where Debian package socat is not installed)',
  async () => {
    const clock = hostClock();
    const bus = await startBus();
    const pty = await ptyPort(bus.port);
    let rounds = 0;
    const log = simLog(clock);
    const collector = createCollector({
      lines: [
        {
          id: 'bus',
          line: serialLine({ path: pty.path, setting: SETTING, rts: 'high', lowLatency: true }),
          traits: { setting: SETTING },
          devices: addresses().map(quickDevice),
        },
      ],
      drivers: new Map([['modbus', createModbusDriver()]]),
      settings: {
        everyMs: EVERY_MS,
        settleMs: 0,
        backoff: { firstMs: 20, factor: 1, mostMs: 20, jitter: 0 },
        clockOffMsMax: 60_000,
      },
      boundaryMinutes: () => undefined,
      gaps: async () => [],
      sink: {
        async keep() {
          rounds += 1;
        },
      },
      clock,
      entropy: hostEntropy(),
      log,
    });
    const stop = new AbortController();
    const running = collector.run(stop.signal);
    const until = async (holds: () => boolean) => {
      for (let n = 0; n < 500 && !holds(); n++) await clock.sleep(20);
      expect(holds()).toBe(true);
    };
    const moreThan = (count: number) => {
      const from = rounds;
      return until(() => rounds > from + count);
    };
    await moreThan(2 * METERS);
    for (let n = 0; n < RETURNS; n++) {
      pty.pull();
      await until(() => collector.status().lines[0]?.isOpen === false);
      await pty.replug();
      await moreThan(METERS);
    }
    // From the first request to the last of five more periods: five times each, one more where a period is just cut.
    bus.asked.length = 0;
    await moreThan(5 * METERS);
    const times = addresses().map((address) => bus.asked.filter((each) => each === address).length);
    stop.abort();
    await running;
    await pty.remove();
    await bus.stop();
    expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1);
    expect(bus.overlaps()).toBe(0);
    const status = collector.status().lines[0]!;
    expect(status.opens).toBeGreaterThanOrEqual(RETURNS + 1);
    expect(status.errors['line-lost'] ?? 0).toBeGreaterThan(0);
    expect(log.lines.filter(({ event }) => event === 'line-collector-fault')).toEqual([]);
  },
  60_000,
);

/** Meters behind a socket that note who was asked, and whether anybody was asked while another answered. */
async function startBus() {
  const meters = addresses().map((address) => modbusMeter(address, REPLY_MS));
  const asked: number[] = [];
  let overlaps = 0;
  let answering = false;
  const server = createServer((socket) => {
    // What was asked before the adapter went belongs to nobody.
    answering = false;
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      if (answering || bytes.length !== 8) overlaps += 1;
      asked.push(bytes[0]!);
      answering = true;
      for (const meter of meters)
        for (const { reply, afterMs } of meter(new Uint8Array(bytes)))
          setTimeout(() => {
            answering = false;
            if (socket.writable) socket.write(reply);
          }, afterMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    asked,
    overlaps: () => overlaps,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** A request that went with the adapter is given up soon, so that the test is. */
function quickDevice(address: number): BoundDevice {
  const device = modbusDevice(address);
  return { ...device, config: { ...device.config, replyTimeoutMs: 200 } };
}

function addresses(): number[] {
  return Array.from({ length: METERS }, (_, n) => n + 1);
}
