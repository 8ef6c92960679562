import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { type buildConnector, Client } from 'undici';
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
 * unknown for nothing. Throws when certificate or key cannot be used (see loadCredential, which says why).
 */
export function hostHttp(identity: TlsIdentity): Http {
  const context = createSecureContext(contextOptions(identity));
  const running = new Set<AbortController>();
  return {
    send: (request, signal) => sendOnce(context, request, signal, running),
    close: async () => {
      for (const controller of running) controller.abort(new Error('the client was closed'));
    },
  };
}

function contextOptions({ trustPem, certificatePem, keyPem, passphrase }: TlsIdentity): SecureContextOptions {
  return { minVersion: 'TLSv1.2', ca: [...trustPem], cert: certificatePem, key: keyPem, passphrase };
}

async function sendOnce(
  context: SecureContext,
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
    const outcome = await exchange(context, request, controller.signal);
    signal?.throwIfAborted();
    return outcome;
  } finally {
    running.delete(controller);
    cancel();
    signal?.removeEventListener('abort', forward);
  }
}

/** Not sent: until the connection stands, TLS included, undici has nothing to write to. */
async function exchange(context: SecureContext, request: HttpRequest, signal: AbortSignal): Promise<HttpOutcome> {
  const url = new URL(request.url);
  let socket: Socket;
  try {
    socket = await openConnection(url, context, signal);
    signal.throwIfAborted();
  } catch (error) {
    return { kind: 'not-sent', failure: failure('operator-unreachable', `${url.origin}: ${reasonOf(error)}`) };
  }
  const client = new Client(url.origin, {
    connect: handOverOnce(socket),
    pipelining: 0,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: HEADER_BYTES_MAX,
    maxResponseSize: request.answerBytesMax,
  });
  // Unlike a signal given to undici, this ends a request in whatever state it is.
  const abort = () => void client.destroy(new Error(reasonOf(signal.reason)));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await ask(client, url, request);
  } catch (error) {
    return { kind: 'no-answer', failure: failure('operator-no-answer', `${url.origin}: ${reasonOf(error)}`) };
  } finally {
    signal.removeEventListener('abort', abort);
    await client.destroy();
    socket.destroy();
  }
}

async function ask(client: Client, url: URL, request: HttpRequest): Promise<HttpOutcome> {
  const answer = await client.request({
    path: url.pathname + url.search,
    method: request.method,
    headers: { ...request.headers },
    body: request.body ?? null,
  });
  const body = await answer.body.bytes();
  return { kind: 'answer', status: answer.statusCode, headers: joined(answer.headers), body };
}

/**
 * A second connection would be a second try of the same request, which is not for this layer to decide.
 * undici 7.30 resumes its queue only when the connection comes after its connector has returned, so it is handed over a tick later.
 */
function handOverOnce(socket: Socket): buildConnector.connector {
  let handedOver = false;
  return (_, callback) => {
    if (handedOver) return callback(new Error('the connection was lost'), null);
    handedOver = true;
    // Not at once: undici 7 is still inside its own loop and would never start the request.
    queueMicrotask(() => callback(null, socket));
  };
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
