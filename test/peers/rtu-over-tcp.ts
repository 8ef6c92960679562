import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type IServiceVector, ServerSerial } from 'modbus-serial';

/**
 * modbus-serial has no server for RTU frames over TCP: its ServerTCP speaks Modbus TCP, its ServerSerial RTU on a serial port.
 * So its ServerSerial stands here on a port whose bytes come from a TCP connection, as behind a converter. ServerSerial does not
 * check a request's CRC (it writes its own over it): the caller sees each request and may check.
 */
export interface RtuPeer {
  close(): Promise<void>;
}

/** ServerSerial takes bytes as one frame when nothing came for so long. */
const FRAME_GAP_MS = 4;

/** @param seen gets each request's bytes as they came */
export async function rtuOverTcp(
  port: number,
  vector: IServiceVector,
  seen: (request: Uint8Array) => void,
): Promise<RtuPeer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', seen);
    const binding = { list: async () => [], open: async () => new SocketPort(socket) };
    new ServerSerial(vector, { binding, path: 'a TCP connection', baudRate: 9600, interval: FRAME_GAP_MS } as never);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What the package serialport asks of a port, over a socket. */
class SocketPort {
  isOpen = true;
  readonly #socket: Socket;
  #waiting: Buffer[] = [];
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#waiting.push(bytes);
      this.#wake();
    });
  }

  async read(target: Buffer, offset: number, length: number): Promise<{ buffer: Buffer; bytesRead: number }> {
    while (this.#waiting.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const [first, ...rest] = this.#waiting;
    const bytesRead = first!.copy(target, offset, 0, length);
    this.#waiting = bytesRead < first!.length ? [first!.subarray(bytesRead), ...rest] : rest;
    return { buffer: target, bytesRead };
  }

  async write(bytes: Buffer): Promise<void> {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }
}
