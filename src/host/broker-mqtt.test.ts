import { createServer } from 'node:net';
import { generate, parser } from 'mqtt-packet';
import { expect, test } from 'vitest';
import { mqttBroker } from './broker-mqtt.ts';

test('that another client took the session over is told from a connection that was lost', async () => {
  const server = createServer((socket) => {
    const reading = parser({ protocolVersion: 5 });
    socket.on('data', (bytes) => reading.parse(bytes));
    socket.on('error', () => undefined);
    reading.on('packet', (packet) => {
      if (packet.cmd === 'connect')
        socket.write(generate({ cmd: 'connack', sessionPresent: false, reasonCode: 0 }, { protocolVersion: 5 }));
      if (packet.cmd === 'publish')
        socket.end(generate({ cmd: 'disconnect', reasonCode: Number(packet.topic) }, { protocolVersion: 5 }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `mqtt://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  const endedBy = async (reason: number) => {
    const hello = { clientId: 'twin', clean: true, subscriptions: [], onMessage: async () => undefined };
    const session = await mqttBroker({ url, protocolVersion: 5 }).connect(hello);
    await session.publish({ topic: String(reason), payload: new Uint8Array(0), qos: 0 });
    return session.ended;
  };
  expect(await endedBy(142)).toMatchObject({ code: 'session-taken', detail: expect.stringContaining('"twin"') });
  expect(await endedBy(139)).toMatchObject({ code: 'broker-unreachable' });
  await new Promise((resolve) => server.close(resolve));
});
