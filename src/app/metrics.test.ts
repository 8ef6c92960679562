import { expect, test } from 'vitest';
import type { RelayStatus } from '../relay/relay.ts';
import { serveMetrics } from './metrics.ts';

test('a relay tells Prometheus its stages, receipts and alerts, and a store that is away fails the scrape', async () => {
  let status: RelayStatus | undefined = {
    isOnline: true,
    counts: { stored: 3, sent: 1, accepted: 7, rejected: 0, unknown: 2 },
    receipts: { accepted: 5 },
    alerts: [{ id: 'a', code: 'site-silent', detail: '', since: '' }],
  };
  const server = await serveMetrics({ host: '127.0.0.1', port: 0 }, async () => {
    if (!status) throw new Error('away');
    return status;
  });
  const scrape = async () => fetch(`http://127.0.0.1:${server.port}/metrics`);
  const text = await (await scrape()).text();
  for (const line of [
    'odecet_relay_online 1',
    'odecet_relay_messages{stage="stored"} 3',
    'odecet_relay_receipts{stage="accepted"} 5',
    'odecet_relay_alerts{code="site-silent"} 1',
  ])
    expect(text).toContain(`${line}\n`);
  status = { ...status, alerts: [] };
  expect(await (await scrape()).text()).not.toContain('site-silent');
  status = undefined;
  expect((await scrape()).status).toBe(503);
  expect((await fetch(`http://127.0.0.1:${server.port}/`)).status).toBe(404);
  await server.close();
});
