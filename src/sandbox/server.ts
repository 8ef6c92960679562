import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { OdecetError } from '../core/failure.ts';
import { loadCertificates, loadCredential } from '../host/credentials.ts';
import type { Log } from '../machine/log.ts';
import { faultEnvelope } from '../uplink/soap.ts';
import type { SandboxConfig } from './config.ts';
import { openCounter, type SandboxMachine, type Served } from './counter.ts';
import { openDesk } from './desk.ts';
import { FaultBox, faultSchema } from './faults.ts';
import { openJournal } from './journal.ts';
import { loadPacks } from './packs.ts';

/** Several times what a gateway can sign. */
const REQUEST_BYTES_MAX = 1_000_000;

export interface Sandbox {
  /** Where messages go. */
  readonly url: string;
  readonly port: number;
  readonly faults: FaultBox;
  close(): Promise<void>;
}

/**
 * A stand-in for the operator's service, for rehearsal, demo and tests. Messages are POSTed to any path;
 * `/control/faults` takes GET, POST (one fault as JSON) and DELETE.
 * Throws OdecetError for certificates, keys, packs, the journal and the port, each with its own code.
 */
export async function startSandbox(config: SandboxConfig, machine: SandboxMachine): Promise<Sandbox> {
  const { tls, host, port } = config;
  const realNow = Date.now();
  const [identity, seal, trustedSeals, ca, packs] = await Promise.all([
    loadCredential(tls, realNow),
    loadCredential(config.seal, realNow),
    loadCertificates(config.trustedSeals, realNow),
    loadCertificates(tls.clientAuthorities, realNow),
    loadPacks(config.packs),
  ]);
  const journal = await openJournal(config.folder);
  const faults = new FaultBox(config.faults);
  const desk = openDesk(config, packs, journal, machine.clock);
  const serve = openCounter({
    ...machine,
    config,
    desk,
    packs: packs.map(({ pack }) => pack),
    faults,
    seal,
    trustedSeals,
  });
  const server = createServer({
    cert: identity.certificatePem,
    key: identity.keyPem,
    ca,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
  });
  server.on('tlsClientError', (error) => machine.log.info('sandbox-handshake-failed', { why: error.message }));
  server.on('request', (request, response) => {
    handle(request, response, { faults, serve }).catch((error: unknown) => stumble(response, error, machine.log));
  });
  try {
    const bound = await listen(server, port, host);
    const close = async (): Promise<void> => {
      await stop(server);
      await journal.close();
    };
    return { url: `https://${host}:${bound}/`, port: bound, faults, close };
  } catch (error) {
    await journal.close();
    throw error;
  }
}

interface Behind {
  readonly faults: FaultBox;
  readonly serve: (envelope: string) => Promise<Served>;
}

async function handle(request: IncomingMessage, response: ServerResponse, { faults, serve }: Behind): Promise<void> {
  if (request.url === '/control/faults') return control(request, response, faults);
  if (faults.take('down')) return void request.socket.destroy();
  if (request.method !== 'POST') return send(response, 405, 'text/plain', 'POST a SOAP envelope\n');
  const body = await bodyOf(request);
  if (body === undefined) return send(response, 413, 'text/plain', `at most ${REQUEST_BYTES_MAX} bytes\n`);
  const served = await serve(body);
  if (served.kind === 'cut') return void request.socket.destroy();
  return send(response, served.status, 'text/xml; charset=utf-8', served.text);
}

async function control(request: IncomingMessage, response: ServerResponse, faults: FaultBox): Promise<void> {
  if (request.method === 'DELETE') faults.clear();
  if (request.method === 'POST') {
    const fault = faultSchema.safeParse(parseJson(await bodyOf(request)));
    if (!fault.success) return send(response, 400, 'text/plain', `${fault.error.message}\n`);
    faults.add(fault.data);
  }
  return send(response, 200, 'application/json', `${JSON.stringify(faults.list())}\n`);
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/** The body as text, undefined when it is too long. Rejects when the sender goes away. */
function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= REQUEST_BYTES_MAX) return void chunks.push(chunk);
      request.pause();
      resolve(undefined);
    });
    request.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.once('error', reject);
  });
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type }).end(text);
}

/** The journal refused, or the sandbox is wrong: nothing was accepted, and the sender hears a fault. */
function stumble(response: ServerResponse, error: unknown, log: Log): void {
  log.error('sandbox-stumbled', { why: String(error) });
  if (!response.headersSent) send(response, 500, 'text/xml; charset=utf-8', faultEnvelope('Server', String(error)));
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const code = cause.code === 'EADDRINUSE' ? 'port-in-use' : 'unexpected';
      reject(new OdecetError(code, `${host}:${port}: ${cause.message}; choose another port`, { cause }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
