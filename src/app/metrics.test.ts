import { expect, test } from 'vitest';
import type { RelayStatus } from '../relay/relay.ts';
import { CERTIFICATES, EVERYWHERE, RELAY_STATUS, scrape } from './metrics.testkit.ts';
import { serveMetrics } from './metrics.ts';

test('a relay tells Prometheus its stages, receipts, alerts and how long answers took; a store that is away fails the scrape', async () => {
  let status: RelayStatus | undefined = RELAY_STATUS;
  const read = async () => {
    if (!status) throw new Error('away');
    return status;
  };
  const server = await serveMetrics(EVERYWHERE, read, CERTIFICATES);
  server.answered(1_500);
  await scrape(server);
  const text = await scrape(server);
  for (const line of [
    'odecet_relay_online 1',
    'odecet_relay_messages{stage="stored"} 3',
    'odecet_relay_receipts_total{stage="accepted"} 5',
    'odecet_relay_refused_total{reason="bad-signature"} 2',
    'odecet_relay_refused_total{reason="wrong-topic"} 0',
    'odecet_relay_alerts{code="site-silent"} 1',
    'odecet_relay_failing{part="registry"} 0',
    'odecet_relay_oldest_unanswered_timestamp_seconds{sender="27XG-CENTROPOL-P"} 1773000000',
    'odecet_relay_answer_seconds_bucket{le="1"} 0',
    'odecet_relay_answer_seconds_bucket{le="2"} 1',
    'odecet_relay_answer_seconds_sum 1.5',
    'odecet_certificate_expiry_timestamp_seconds{certificate="operator seal"} 1800000000',
  ])
    expect(text).toContain(`${line}\n`);
  status = { ...RELAY_STATUS, alerts: [] };
  expect(await scrape(server)).not.toContain('site-silent');
  status = undefined;
  const at = `http://127.0.0.1:${server.port}`;
  expect((await fetch(`${at}/metrics`)).status).toBe(503);
  expect((await fetch(`${at}/`)).status).toBe(404);
  await server.close();
});
