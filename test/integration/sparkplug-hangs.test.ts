import { createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { freePorts, GATEWAY_SERVICE } from '../../scripts/rehearsal/processes.ts';
import { layOut } from '../kit/rehearsal.ts';

/** A control room's broker that hangs, beside a day that is read, closed and delivered by the real program. */
const SUBSCRIBE = 0x82;
const CONNACK = Uint8Array.from([0x20, 2, 0, 0]);

/** The first connection hears nothing at all; the next is greeted and subscribed, and then nothing is read from it; and so on. */
async function hungBroker() {
  const sockets: Socket[] = [];
  let unread = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
    if (sockets.length % 2 === 1) return;
    socket.once('data', () => socket.write(CONNACK));
    socket.on('data', (bytes: Uint8Array) => {
      if (bytes[0] !== SUBSCRIBE) return;
      socket.write(Uint8Array.from([0x90, 3, bytes[2] ?? 0, bytes[3] ?? 0, 0]));
      socket.pause();
      unread += 1;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    connections: () => sockets.length,
    unread: () => unread,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

test('a Sparkplug broker that never answers, or stops reading, holds up neither meters nor messages', async () => {
  const broker = await hungBroker();
  const [port = 0] = await freePorts(1);
  const rehearsal = await layOut({
    day: '2026-03-11',
    scale: 3_000,
    meters: ['corrector-boilers', 'meter-hall-1'],
    change: (site) => ({
      ...site,
      metrics: { host: '127.0.0.1', port },
      sparkplug: { group: 'park', broker: { url: `mqtt://127.0.0.1:${broker.port}`, mqtt: '3.1.1' as const } },
    }),
  });
  const metric = async (name: string) => {
    const text = await fetch(`http://127.0.0.1:${port}/metrics`).then((answer) => answer.text());
    return Number(new RegExp(`^${name}\\{.*\\} ([\\d.e+]+)$`, 'm').exec(text)?.[1]);
  };
  // Memory is that of the service: Node without its options lets garbage stand for longer.
  const gateway = rehearsal.startGateway(undefined, GATEWAY_SERVICE);
  const others = [rehearsal.startSandbox(), rehearsal.startMeters()];
  const accepted = () =>
    rehearsal.gatewayLog.filter(({ event, detail }) => event === 'message-tried' && /accepted/.test(String(detail)));
  try {
    // The gas day and the electricity day, about 32 hours from the start.
    await expect.poll(() => accepted().length, { timeout: 100_000, interval: 500 }).toBeGreaterThanOrEqual(2);
    expect(broker.unread(), 'a session whose reader stopped').toBeGreaterThan(0);
    expect(broker.connections(), 'tried again, and not answered').toBeGreaterThan(1);
    expect(await metric('odecet_device_failures_in_row')).toBe(0);
    expect(await metric('odecet_process_resident_memory_bytes')).toBeLessThan(150e6);
    await gateway.stop();
    expect(rehearsal.gatewayLog.filter(({ event }) => event === 'sparkplug-ended')).toEqual([]);
  } finally {
    await gateway.stop();
    await Promise.all(others.map((each) => each.stop()));
    await broker.close();
  }
  await rehearsal.remove();
}, 150_000);
