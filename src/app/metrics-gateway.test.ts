import { expect, test } from 'vitest';
import type { UtcMs } from '../core/time.ts';
import { memoryOutbox, message, receiptOf } from '../uplink/uplink.testkit.ts';
import { CERTIFICATES, EVERYWHERE, GATEWAY, scrape } from './metrics.testkit.ts';
import { serveGatewayMetrics } from './metrics-gateway.ts';
import { createOutcomes } from './outcomes.ts';

/** Only the monotonic clock is asked. */
function clockAt(monotonic: () => number) {
  const never = async () => undefined;
  const silent = () => () => undefined;
  return {
    now: (): UtcMs => 0,
    monotonicMs: monotonic,
    after: silent,
    whenWall: silent,
    sleep: never,
    sleepUntil: never,
  };
}

function parts(changes: object = {}) {
  return {
    place: EVERYWHERE,
    site: 'boiler-house',
    gateway: GATEWAY,
    certificates: CERTIFICATES,
    clock: clockAt(() => 0),
    ...changes,
  };
}

test('a gateway tells Prometheus its lines, devices, intervals, store, outbox and certificates, in base units', async () => {
  const server = await serveGatewayMetrics(parts());
  const first = await scrape(server);
  const text = await scrape(server);
  await server.close();
  expect(text, 'counters are told, not added up, at each scrape').toBe(first);
  for (const line of [
    'odecet_line_busy_seconds_total{line="mbus",site="boiler-house"} 4.5',
    'odecet_line_errors_total{line="mbus",code="no-answer",site="boiler-house"} 2',
    'odecet_device_reads_total{device="corrector",line="mbus",site="boiler-house"} 10',
    'odecet_device_failures_total{device="dead",line="mbus",code="no-answer",site="boiler-house"} 9',
    'odecet_device_last_good_timestamp_seconds{device="corrector",line="mbus",site="boiler-house"} 1773000000',
    'odecet_device_clock_offset_seconds{device="corrector",line="mbus",site="boiler-house"} -1.5',
    'odecet_intervals{quality="measured",site="boiler-house"} 112',
    'odecet_intervals{quality="missing",site="boiler-house"} 1',
    'odecet_intervals{quality="estimated",site="boiler-house"} 0',
    'odecet_intervals_expected{site="boiler-house"} 120',
    'odecet_oldest_unaccepted_timestamp_seconds{site="boiler-house"} 1773118800',
    'odecet_store_used_ratio{site="boiler-house"} 0.25',
    'odecet_store_written_yesterday_bytes{site="boiler-house"} 40',
    'odecet_outbox_messages{site="boiler-house"} 2',
    'odecet_uplink_outcomes_total{outcome="accepted",site="boiler-house"} 4',
    'odecet_clock_offset_seconds{site="boiler-house"} 0.25',
    'odecet_last_receipt_timestamp_seconds{site="boiler-house"} 1773215940',
    'odecet_receipts_unbelieved{site="boiler-house"} 1',
    'odecet_message_unanswered_tries{site="boiler-house"} 6',
    'odecet_certificate_expiry_timestamp_seconds{certificate="operator seal",site="boiler-house"} 1800000000',
  ])
    expect(text).toContain(`${line}\n`);
  expect(text, 'a device that was never read has no time of it').not.toContain('timestamp_seconds{device="dead"');
});

test('what no longer is so is no longer told, and the day of every point is read once a minute at most', async () => {
  let now = 0;
  let reads = 0;
  const siteStatus = async () => {
    reads += 1;
    const { clock: _, ...status } = await GATEWAY.siteStatus();
    const outbox = { depth: 0, messages: [] };
    return reads === 1 ? GATEWAY.siteStatus() : { ...status, outbox };
  };
  const server = await serveGatewayMetrics(parts({ gateway: { ...GATEWAY, siteStatus }, clock: clockAt(() => now) }));
  const oldest = async () => /^odecet_oldest_unaccepted_timestamp_seconds\{/m.test(await scrape(server));
  expect(await oldest()).toBe(true);
  now = 59_999;
  expect(await oldest()).toBe(true);
  expect(reads).toBe(1);
  now = 60_000;
  expect(await oldest()).toBe(false);
  expect(await scrape(server)).not.toMatch(/^odecet_clock_offset_seconds[{ ]/m);
  expect(reads).toBe(2);
  await server.close();
});

test('tries are counted by the answer, or by how they ended without one, once they are on the disk', async () => {
  const outcomes = createOutcomes();
  const held = memoryOutbox([message('00000000000001')]);
  const outbox = outcomes.of(held);
  const attempt = { message: '00000000000001', number: 1, startedAt: 0, endedAt: 1, detail: '' };
  await outbox.endAttempt({ ...attempt, outcome: 'no-answer' });
  await outbox.endAttempt(
    { ...attempt, number: 2, outcome: 'answered' },
    receiptOf('rejected', message('00000000000001')),
  );
  expect(outcomes.counts()).toEqual([
    { outcome: 'no-answer', count: 1 },
    { outcome: 'rejected', count: 1 },
  ]);
  const failing = outcomes.of({ ...held, endAttempt: () => Promise.reject(new Error('full')) });
  await expect(failing.endAttempt({ ...attempt, outcome: 'fault' })).rejects.toThrow('full');
  expect(outcomes.counts()).toHaveLength(2);
});
