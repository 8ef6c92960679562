import { spawnSync } from 'node:child_process';
import { connect, createServer, type Socket } from 'node:net';
import { describe } from 'vitest';
import { startMosquitto } from '../../scripts/rehearsal/mosquitto.ts';
import { startEmbeddedBroker } from '../../src/host/broker-embedded.ts';
import { mqttBroker } from '../../src/host/broker-mqtt.ts';
import { hostClock } from '../../src/host/clock.ts';
import { pause } from '../../src/machine/timers.ts';
import { simBroker } from '../../src/sim/broker.ts';
import { createWorld } from '../../src/sim/world.ts';
import { type BrokerSubject, brokerContract } from './broker.contract.ts';

const clock = hostClock();
const PATH = `${process.env.PATH ?? ''}:/usr/sbin`;
const hasMosquitto = spawnSync('mosquitto', ['-h'], { env: { ...process.env, PATH } }).error === undefined;

/** A way to the port whose connections can be cut without a word from either end. */
async function breakable(port: number): Promise<{ port: number; cutAll(): void; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect({ port, host: '127.0.0.1' });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const cutAll = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    cutAll,
    close() {
      cutAll();
      server.close();
    },
  };
}

/** The MQTT client against a server; the client `s` goes over a way that can be cut. */
function clientSubject(
  name: string,
  shared: boolean,
  protocolVersion: 4 | 5,
  start: () => Promise<{ port: number; stop(): Promise<void> }>,
): BrokerSubject {
  return {
    name,
    shared,
    async run(body) {
      const server = await start();
      const way = await breakable(server.port);
      const over = (port: number) =>
        mqttBroker({ url: `mqtt://127.0.0.1:${port}`, protocolVersion, username: 'test', password: 'test' });
      const [straight, weak] = [over(server.port), over(way.port)];
      try {
        await body(
          { connect: (hello, signal) => (hello.clientId === 's' ? weak : straight).connect(hello, signal) },
          { sleep: (ms) => clock.sleep(ms), cut: () => way.cutAll() },
        );
      } finally {
        way.close();
        await server.stop();
      }
    },
  };
}

const EVERYTHING = { isKnown: () => true, maySay: () => true, mayHear: () => true };

describe.skipIf(!hasMosquitto)('Mosquitto (skipped where the Debian package mosquitto is not installed)', () => {
  brokerContract(clientSubject('Mosquitto, MQTT 5', true, 5, () => startMosquitto()));
  brokerContract(clientSubject('Mosquitto, MQTT 3.1.1', true, 4, () => startMosquitto()));
});

brokerContract(
  clientSubject('embedded, over the network (aedes knows no shared subscriptions)', false, 4, async () => {
    const { port, close } = await startEmbeddedBroker({ host: '127.0.0.1', port: 0, rights: EVERYTHING });
    return { port, stop: () => close() };
  }),
);

brokerContract({
  name: 'imagined',
  shared: true,
  async run(body) {
    const world = createWorld(7);
    const broker = simBroker(world, { random: world.random, latencyMsMax: 5 });
    await world.run(() => body(broker, { sleep: (ms) => pause(world, ms), cut: (clientId) => broker.cut(clientId) }));
  },
});
