import { constants } from 'node:fs';
import { chmod, type FileHandle, open, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { FAILURES, type FailureCode, OdecetError } from '../core/failure.ts';
import type { Log } from '../machine/log.ts';

/**
 * How commands reach a running gateway, which is the one user of its store and of its lines: a socket in the state folder, for
 * this machine's own user only. One request to a connection, lines of JSON:
 *
 *   -> {"do": "backup", ...}
 *   <- {"part": ...}            as many as there are
 *   <- {"done": ...}  or  {"failed": {"code": "...", "detail": "..."}}
 */
export type Handler = (
  request: Readonly<Record<string, unknown>>,
  send: (part: unknown) => Promise<void>,
  signal: AbortSignal,
) => Promise<unknown>;

const requestSchema = z.looseObject({ do: z.string() });
const answerSchema = z.union([
  z.strictObject({ part: z.unknown() }),
  z.strictObject({ done: z.unknown() }),
  z.strictObject({ failed: z.strictObject({ code: z.string(), detail: z.string() }) }),
]);

/** A socket's path may have 107 bytes (Linux, unix(7)). */
const PATH_BYTES_MAX = 107;

interface SocketPlace {
  readonly path: string;
  readonly folder?: FileHandle;
}

/**
 * Where the socket of a state folder stands: always in it. A temporary folder would not do: the unit has one of its own
 * (PrivateTmp), which nobody's shell sees. A folder that lies too deep for a socket's path is gone through by its descriptor.
 */
async function placeOf(stateFolder: string): Promise<SocketPlace> {
  const path = join(stateFolder, 'control.sock');
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return { path };
  const folder = await open(stateFolder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${folder.fd}/control.sock`, folder };
}

export interface ControlServer {
  close(): Promise<void>;
}

/** Whoever has the store open may take the socket: what a crash left behind belongs to nobody. */
export async function serveControl(
  stateFolder: string,
  handlers: Readonly<Record<string, Handler>>,
  log: Log,
): Promise<ControlServer> {
  const { path, folder } = await placeOf(stateFolder);
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    void answer(socket, handlers, log).finally(() => socket.end());
  });
  await listen(server, path);
  await chmod(path, 0o600);
  return {
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await folder?.close();
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(new OdecetError('port-in-use', path, { cause })));
    server.listen(path, () => resolve());
  });
}

async function answer(socket: Socket, handlers: Readonly<Record<string, Handler>>, log: Log): Promise<void> {
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  const send = (line: object): Promise<void> => write(socket, line, gone.signal);
  for await (const line of createInterface({ input: socket })) {
    try {
      const request = requestSchema.parse(JSON.parse(line));
      const handler = handlers[request.do];
      if (!handler) throw new OdecetError('usage', `this gateway does not know "${request.do}"`);
      log.info('control-request', { request: request.do });
      await send({ done: (await handler(request, (part) => send({ part }), gone.signal)) ?? null });
    } catch (error) {
      const failed = error instanceof OdecetError ? error.failure : { code: 'unexpected', detail: String(error) };
      if (!gone.signal.aborted) await send({ failed });
    }
    return;
  }
}

/** Waits while the other side does not take what was sent. */
function write(socket: Socket, line: object, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new OdecetError('line-lost', 'whoever asked has gone'));
    const leave = () => reject(new OdecetError('line-lost', 'whoever asked has gone'));
    signal.addEventListener('abort', leave, { once: true });
    socket.write(`${JSON.stringify(line)}\n`, () => {
      signal.removeEventListener('abort', leave);
      resolve();
    });
  });
}

export interface GatewayRequest extends Readonly<Record<string, unknown>> {
  readonly do: string;
}

/**
 * Asks the gateway that runs on a state folder. Gives its parts in order, the next when one was taken, and at the end what it
 * says when done. Undefined when no gateway runs there. Throws what the gateway throws.
 * @param signal goes away without an answer; that is no failure
 */
export async function askInParts(
  stateFolder: string,
  request: GatewayRequest,
  signal?: AbortSignal,
): Promise<AsyncGenerator<unknown, unknown> | undefined> {
  const socket = await connect(stateFolder);
  return socket && partsOf(socket, request, signal);
}

/** The same for a request without parts. Rejects with the signal's reason when it aborts first. */
export async function askGateway(
  stateFolder: string,
  request: GatewayRequest,
  signal?: AbortSignal,
): Promise<{ readonly done: unknown } | undefined> {
  const parts = await askInParts(stateFolder, request, signal);
  if (!parts) return undefined;
  for (;;) {
    const { done, value } = await parts.next();
    signal?.throwIfAborted();
    if (done) return { done: value };
  }
}

/** Whether a gateway listens on the socket of a state folder. */
export async function isGatewayThere(stateFolder: string): Promise<boolean> {
  const socket = await connect(stateFolder);
  socket?.destroy();
  return socket !== undefined;
}

async function* partsOf(
  socket: Socket,
  request: GatewayRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<unknown, unknown> {
  const lines = createInterface({ input: socket });
  // A socket that is destroyed has no end that readline would see.
  socket.once('close', () => lines.close());
  const leave = () => socket.destroy();
  signal?.addEventListener('abort', leave, { once: true });
  try {
    if (signal?.aborted) return undefined;
    socket.write(`${JSON.stringify(request)}\n`);
    for await (const line of lines) {
      const said = answerSchema.parse(JSON.parse(line));
      if ('done' in said) return said.done;
      if ('failed' in said) throw new OdecetError(codeOf(said.failed.code), said.failed.detail);
      yield said.part;
    }
    if (signal?.aborted) return undefined;
    throw new OdecetError('line-lost', WENT_AWAY);
  } catch (error) {
    // Killed with our question unread: the system says so instead of an end.
    if (!isReset(error)) throw error;
    throw new OdecetError('line-lost', WENT_AWAY, { cause: error });
  } finally {
    signal?.removeEventListener('abort', leave);
    socket.destroy();
  }
}

const WENT_AWAY = 'the gateway went away before it had answered; ask again';

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

const NOT_OURS = 'this user may not look into it; ask as the user that the gateway runs as (sudo -u odecet ...)';

/** Undefined where nobody listens, or there is no such folder. */
async function connect(stateFolder: string): Promise<Socket | undefined> {
  try {
    const { path, folder } = await placeOf(stateFolder);
    try {
      return await connectTo(path);
    } finally {
      await folder?.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined;
    if (code === 'EACCES' || code === 'EPERM')
      throw new OdecetError('store-unreadable', `${stateFolder}: ${NOT_OURS}`, { cause: error });
    throw new OdecetError('line-unreachable', `${join(stateFolder, 'control.sock')}: ${message}`, { cause: error });
  }
}

function connectTo(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

function codeOf(text: string): FailureCode {
  return text in FAILURES ? (text as FailureCode) : 'unexpected';
}
