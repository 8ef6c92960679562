import { createServer } from 'node:http';
import { Gauge, type Registry } from 'prom-client';
import { OdecetError } from '../core/failure.ts';
import { SECOND_MS, type UtcMs } from '../core/time.ts';

export interface MetricsPlace {
  readonly host: string;
  readonly port: number;
}

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * `/metrics` for Prometheus.
 * @param gather brings the registry up to date; where it fails the scrape does, which is an alert of its own
 * Throws OdecetError port-in-use.
 */
export async function serveRegistry(
  place: MetricsPlace,
  registry: Registry,
  gather: () => Promise<void>,
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') return void response.writeHead(404).end();
    gather()
      .then(() => registry.metrics())
      .then(
        (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
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

/** What is known of a certificate. */
export interface CertificateTime {
  readonly name: string;
  readonly validTo: UtcMs;
}

/** Gateway and relay tell it alike. */
export function certificateGauge(registers: Registry[], certificates: readonly CertificateTime[]): void {
  const gauge = new Gauge({
    name: 'odecet_certificate_expiry_timestamp_seconds',
    help: 'When a certificate that was loaded at the start is no longer valid',
    labelNames: ['certificate'],
    registers,
  });
  for (const { name, validTo } of certificates) gauge.set({ certificate: name }, validTo / SECOND_MS);
}
