import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EmbeddedBroker, startEmbeddedBroker } from './broker-embedded.ts';
import { mqttBroker } from './broker-mqtt.ts';

let broker: EmbeddedBroker;
beforeEach(async () => {
  const isKnown = (user: string, _password: string, clientId: string) => user === 'u' && clientId === 'own';
  broker = await startEmbeddedBroker({
    host: '127.0.0.1',
    port: 0,
    rights: { isKnown, maySay: () => true, mayHear: () => true },
  });
});
afterEach(() => broker.close());

const outside = (clientId: string) =>
  mqttBroker({ url: `mqtt://127.0.0.1:${broker.port}`, protocolVersion: 4, username: 'u', password: 'p' }).connect({
    clientId,
    clean: true,
    subscriptions: [],
    onMessage: async () => undefined,
  });

/** Says the first bytes and goes on until the broker hangs up; how much it could say. */
function saidUntilClosed(first: readonly number[], mostBytes: number): Promise<number> {
  const socket: Socket = connect(broker.port, '127.0.0.1');
  let said = 0;
  const more = () => {
    while (said < mostBytes) {
      said += 65_536;
      if (!socket.write(new Uint8Array(65_536))) return;
    }
    socket.end();
  };
  socket.on('error', () => undefined);
  socket.on('drain', more);
  socket.write(Uint8Array.from(first), more);
  return new Promise((resolve) => socket.once('close', () => resolve(said)));
}

test('nobody who is not known can make the broker keep what a packet announces', async () => {
  // CONNECT, 268,435,455 bytes.
  expect(await saidUntilClosed([0x10, 0xff, 0xff, 0xff, 0x7f], 64e6)).toBeLessThan(32e6);
});

test('a client says what an envelope may have, and is cut where it says more', async () => {
  const session = await outside('own');
  await session.publish({ topic: 'up', payload: new Uint8Array(200_000) });
  await session.publish({ topic: 'up', payload: new Uint8Array(200_000) });
  await expect(session.publish({ topic: 'up', payload: new Uint8Array(300_000) })).rejects.toMatchObject({
    failure: { code: 'broker-unreachable' },
  });
});

test('a client id is asked about, not only user and password', async () => {
  await expect(outside('odecet-relay-centre-1')).rejects.toMatchObject({ failure: { code: 'broker-refused' } });
});
