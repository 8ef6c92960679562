import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { SECOND_MS } from '../core/time.ts';
import { PARTS } from '../relay/health.ts';
import type { RelayStatus } from '../relay/relay.ts';
import { REFUSALS, STAGES } from '../uplink/relay/protocol.ts';
import {
  type CertificateTime,
  certificateGauge,
  type MetricsPlace,
  type MetricsServer,
  serveRegistry,
} from './metrics-server.ts';

export interface RelayMetrics extends MetricsServer {
  /** The operator accepted or rejected a message so long after the relay had it. */
  answered(waitedMs: number): void;
}

/** From what goes through at once to what an operator's day off costs. */
const ANSWER_BUCKETS_S = [0.5, 1, 2, 5, 10, 30, 60, 300, 1_800, 7_200, 43_200];

/** `/metrics` of a relay for Prometheus. Nothing in it has a label for each site: that is what the status topics are for. */
export async function serveMetrics(
  place: MetricsPlace,
  status: () => Promise<RelayStatus>,
  certificates: readonly CertificateTime[] = [],
): Promise<RelayMetrics> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'odecet_' });
  const registers = [registry];
  const messages = new Gauge({
    name: 'odecet_relay_messages',
    help: 'Messages in the store by stage',
    labelNames: ['stage'],
    registers,
  });
  const receipts = new Counter({
    name: 'odecet_relay_receipts_total',
    help: 'Receipts given since the start, by stage',
    labelNames: ['stage'],
    registers,
  });
  const refused = new Counter({
    name: 'odecet_relay_refused_total',
    help: 'Envelopes refused since the start, by reason',
    labelNames: ['reason'],
    registers,
  });
  const answer = new Histogram({
    name: 'odecet_relay_answer_seconds',
    help: 'From the moment a message was stored to the answer that ended it',
    buckets: ANSWER_BUCKETS_S,
    registers,
  });
  const online = new Gauge({ name: 'odecet_relay_online', help: '1 while connected to the broker', registers });
  const alerts = new Gauge({
    name: 'odecet_relay_alerts',
    help: 'Standing alerts by code',
    labelNames: ['code'],
    registers,
  });
  const failing = new Gauge({
    name: 'odecet_relay_failing',
    help: '1 while this part of the relay fails again and again',
    labelNames: ['part'],
    registers,
  });
  const oldest = new Gauge({
    name: 'odecet_relay_oldest_unanswered_timestamp_seconds',
    help: 'When the message came that has waited longest for its answer; of senders who have one',
    labelNames: ['sender'],
    registers,
  });
  certificateGauge(registers, certificates);

  const server = await serveRegistry(place, registry, async () => {
    const now = await status();
    online.set(now.isOnline ? 1 : 0);
    messages.reset();
    for (const [stage, count] of Object.entries(now.counts ?? {})) messages.set({ stage }, count);
    for (const part of PARTS) failing.set({ part }, now.failing.has(part) ? 1 : 0);
    oldest.reset();
    for (const [sender, at] of now.oldest ?? []) oldest.set({ sender }, at / SECOND_MS);
    countAnew(receipts, STAGES, now.receipts);
    countAnew(refused, Object.keys(REFUSALS), now.refused);
    alerts.reset();
    for (const { code } of now.alerts) alerts.inc({ code });
  });
  return { ...server, answered: (waitedMs) => answer.observe(Math.max(0, waitedMs) / SECOND_MS) };
}

/** What appears with its first count has not grown, to Prometheus; and what was never counted is not zero to it. */
function countAnew(counter: Counter, all: readonly string[], counts: Readonly<Partial<Record<string, number>>>): void {
  counter.reset();
  for (const value of all) counter.labels(value).inc(counts[value] ?? 0);
}
