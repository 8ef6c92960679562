import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
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

/** Not sent: until the connection stands, TLS included, there is nothing to write to. */
async function exchange(context: SecureContext, request: HttpRequest, signal: AbortSignal): Promise<HttpOutcome> {
  const url = new URL(request.url);
  let socket: Socket;
  try {
    socket = await openConnection(url, context, signal);
    signal.throwIfAborted();
  } catch (error) {
    return { kind: 'not-sent', failure: failure('operator-unreachable', `${url.origin}: ${reasonOf(error)}`) };
  }
  const asked = write(socket, url, request);
  // Ends the request in whatever state it is.
  const abort = () => void asked.destroy(new Error(reasonOf(signal.reason)));
  signal.addEventListener('abort', abort, { once: true });
  try {
    const answer = await headOf(asked);
    const body = await bodyOf(answer, request.answerBytesMax);
    return { kind: 'answer', status: answer.statusCode ?? 0, headers: joined(answer.headers), body };
  } catch (error) {
    return { kind: 'no-answer', failure: failure('operator-no-answer', `${url.origin}: ${reasonOf(error)}`) };
  } finally {
    signal.removeEventListener('abort', abort);
    asked.destroy();
    socket.destroy();
  }
}

/** Over the connection that stands: a second one would be a second try, which is not for this layer to decide. */
function write(socket: Socket, url: URL, { method, headers, body }: HttpRequest): ClientRequest {
  const asked = httpRequest({
    createConnection: () => socket,
    method,
    path: url.pathname + url.search,
    headers: { ...headers, host: url.host, connection: 'close', ...(body && { 'content-length': body.length }) },
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
