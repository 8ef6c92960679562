import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { failure } from '../core/failure.ts';
import type { Http, HttpOutcome, HttpRequest } from '../machine/http.ts';
import { hostTimers } from './timers.ts';

/** Who we are to the server, and whom we trust. */
export interface TlsIdentity {
  /** Authorities, PEM; nothing else is trusted, not even what the system trusts. */
  readonly trustPem: readonly string[];
  readonly certificatePem?: string;
  readonly keyPem?: string;
  readonly passphrase?: string;
}

/** The headers of an answer beyond this are no answer. */
const HEADER_BYTES_MAX = 64 * 1024;

/**
 * One connection for each request: a kept connection that the server closes in the moment we send would make the outcome
 * unknown for nothing. Who sends much may keep connections, for less than servers keep theirs (most five seconds or more).
 * Throws when certificate or key cannot be used (see loadCredential, which says why).
 */
export function hostHttp(identity: TlsIdentity, keptMs = 0): Http {
  const connections: Connections = { context: createSecureContext(contextOptions(identity)), keptMs, idle: new Map() };
  const running = new Set<AbortController>();
  return {
    send: (request, signal) => sendOnce(connections, request, signal, running),
    close: async () => {
      for (const controller of running) controller.abort(new Error('the client was closed'));
      for (const { socket } of connections.idle.keys()) socket.destroy();
    },
  };
}

/** A connection that stands; its agent hands it to one request after another and never opens another. */
interface Connection {
  readonly origin: string;
  readonly socket: Socket;
  readonly agent: Agent;
}

interface Connections {
  readonly context: SecureContext;
  readonly keptMs: number;
  /** Those that nobody uses, each with what stops its end. */
  readonly idle: Map<Connection, () => void>;
}

async function connected(connections: Connections, url: URL, signal: AbortSignal): Promise<Connection> {
  const { context, keptMs, idle } = connections;
  for (const [kept, stay] of idle) {
    if (kept.origin !== url.origin) continue;
    idle.delete(kept);
    stay();
    if (!kept.socket.destroyed && kept.socket.writable) return kept;
  }
  const socket = await openConnection(url, context, signal);
  const agent = new Agent({ keepAlive: keptMs > 0, maxSockets: 1 });
  agent.createConnection = () => socket;
  const connection = { origin: url.origin, socket, agent };
  // Said when an answer has come to its end and the server wants to go on.
  agent.on('free', () => {
    idle.set(
      connection,
      hostTimers.after(keptMs, () => socket.destroy()),
    );
  });
  socket.once('close', () => {
    idle.get(connection)?.();
    idle.delete(connection);
  });
  return connection;
}

function contextOptions({ trustPem, certificatePem, keyPem, passphrase }: TlsIdentity): SecureContextOptions {
  return { minVersion: 'TLSv1.2', ca: [...trustPem], cert: certificatePem, key: keyPem, passphrase };
}

async function sendOnce(
  connections: Connections,
  request: HttpRequest,
  signal: AbortSignal | undefined,
  running: Set<AbortController>,
): Promise<HttpOutcome> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const forward = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  const late = new Error(`not finished within ${request.withinMs} ms`);
  const cancel = hostTimers.after(request.withinMs, () => controller.abort(late));
  running.add(controller);
  try {
    const outcome = await exchange(connections, request, controller.signal);
    signal?.throwIfAborted();
    return outcome;
  } finally {
    running.delete(controller);
    cancel();
    signal?.removeEventListener('abort', forward);
  }
}

/** Not sent: until the connection stands, TLS included, there is nothing to write to. */
async function exchange(connections: Connections, request: HttpRequest, signal: AbortSignal): Promise<HttpOutcome> {
  const url = new URL(request.url);
  let connection: Connection;
  try {
    connection = await connected(connections, url, signal);
    signal.throwIfAborted();
  } catch (error) {
    return { kind: 'not-sent', failure: failure('operator-unreachable', `${url.origin}: ${reasonOf(error)}`) };
  }
  const { socket } = connection;
  const asked = write(connection, url, request);
  let isDone = false;
  // Ends the request in whatever state it is.
  const abort = () => void asked.destroy(new Error(reasonOf(signal.reason)));
  signal.addEventListener('abort', abort, { once: true });
  try {
    const answer = await headOf(asked);
    const body = await bodyOf(answer, request.answerBytesMax);
    isDone = true;
    return { kind: 'answer', status: answer.statusCode ?? 0, headers: joined(answer.headers), body };
  } catch (error) {
    return { kind: 'no-answer', failure: failure('operator-no-answer', `${url.origin}: ${reasonOf(error)}`) };
  } finally {
    signal.removeEventListener('abort', abort);
    if (!isDone || connections.keptMs === 0) {
      asked.destroy();
      socket.destroy();
    }
  }
}

/** Over the connection that stands: a second one would be a second try, which is not for this layer to decide. */
function write({ agent }: Connection, url: URL, { method, headers, body }: HttpRequest): ClientRequest {
  const asked = httpRequest({
    agent,
    method,
    path: url.pathname + url.search,
    headers: { ...headers, host: url.host, ...(body && { 'content-length': body.length }) },
    maxHeaderSize: HEADER_BYTES_MAX,
  });
  asked.end(body);
  return asked;
}

function headOf(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.once('response', resolve);
    // Stays: what a server sends behind its answer is an error that nobody waits for any more.
    asked.on('error', reject);
  });
}

async function bodyOf(answer: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of answer as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > bytesMax) throw new Error(`the answer is longer than ${bytesMax} bytes`);
    parts.push(part);
  }
  const body = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

function openConnection(url: URL, secureContext: SecureContext, signal: AbortSignal): Promise<Socket> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isSecure = url.protocol === 'https:';
  const port = Number(url.port || (isSecure ? 443 : 80));
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = isSecure
      ? connectTls({ host, port, secureContext, servername: isIP(host) ? '' : host, ALPNProtocols: ['http/1.1'] })
      : connectTcp({ host, port });
    const fail = (reason: unknown) => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      reject(reason);
    };
    const abort = () => fail(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    socket.on('error', fail);
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      signal.removeEventListener('abort', abort);
      resolve(socket);
    });
  });
}

/** Header names in lower case; what came several times is joined. */
function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value = '']) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(reasonOf).join('; ');
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return error.message.includes(code) ? error.message : `${code}: ${error.message}`;
}
