import { createServer, type Server, type Socket } from 'node:net';

/** Converters with Modbus TCP meters behind them: every unit answers, and its counters rise with the time. */
export async function startMeters(ports: readonly number[]): Promise<{ close(): void }> {
  const sockets = new Set<Socket>();
  const servers = await Promise.all(ports.map((port) => listen(port, sockets)));
  return {
    close() {
      for (const socket of sockets) socket.destroy();
      for (const server of servers) server.close();
    },
  };
}

function listen(port: number, sockets: Set<Socket>): Promise<Server> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    // A request is 12 bytes and comes whole on the loopback.
    socket.on('data', (request) => socket.write(answer(request)));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** Registers as pairs, each the same 32-bit counter of a unit. */
function answer(request: Buffer): Buffer {
  const count = request.readUInt16BE(10);
  const reply = Buffer.alloc(9 + 2 * count);
  request.copy(reply, 0, 0, 8);
  reply.writeUInt16BE(3 + 2 * count, 4);
  reply.writeUInt8(2 * count, 8);
  const counted = Math.floor(Date.now() / 60_000) + reply.readUInt8(6);
  for (let n = 0; n < count; n++) reply.writeUInt16BE(n % 2 === 0 ? counted >>> 16 : counted & 0xffff, 9 + 2 * n);
  return reply;
}
