import { createServer } from 'node:http';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { OdecetError } from '../core/failure.ts';
import type { RelayStatus } from '../relay/relay.ts';

export interface MetricsPlace {
  readonly host: string;
  readonly port: number;
}

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** `/metrics` of a relay for Prometheus. Nothing in it has a label for each site: that is what the status topics are for. */
export async function serveMetrics(place: MetricsPlace, status: () => Promise<RelayStatus>): Promise<MetricsServer> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'odecet_' });
  const registers = [registry];
  const messages = new Gauge({
    name: 'odecet_relay_messages',
    help: 'Messages in the store by stage',
    labelNames: ['stage'],
    registers,
  });
  const receipts = new Gauge({
    name: 'odecet_relay_receipts',
    help: 'Receipts given since the start, by stage',
    labelNames: ['stage'],
    registers,
  });
  const online = new Gauge({ name: 'odecet_relay_online', help: '1 while connected to the broker', registers });
  const alerts = new Gauge({
    name: 'odecet_relay_alerts',
    help: 'Standing alerts by code',
    labelNames: ['code'],
    registers,
  });

  async function gather(): Promise<string> {
    const now = await status();
    online.set(now.isOnline ? 1 : 0);
    for (const [stage, count] of Object.entries(now.counts)) messages.set({ stage }, count);
    for (const [stage, count] of Object.entries(now.receipts)) receipts.set({ stage }, count);
    alerts.reset();
    for (const { code } of now.alerts) alerts.inc({ code });
    return registry.metrics();
  }

  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') return void response.writeHead(404).end();
    gather().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      // The store is away: Prometheus sees a failed scrape, which is an alert of its own.
      (error: unknown) => response.writeHead(503).end(`${String(error)}\n`),
    );
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const code = cause.code === 'EADDRINUSE' ? 'port-in-use' : 'unexpected';
      reject(new OdecetError(code, `metrics ${place.host}:${place.port}: ${cause.message}`, { cause }));
    });
    server.listen(place.port, place.host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : place.port);
    });
  });
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
