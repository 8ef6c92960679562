import type { CollectorStatus } from '../collect/round.ts';
import type { RelayStatus } from '../relay/relay.ts';
import type { WholeStatus } from '../uplink/relay/status.ts';
import type { StorageStatus } from './maintenance.ts';
import type { GatewayMetricsParts } from './metrics-gateway.ts';
import type { MetricsServer } from './metrics-server.ts';

/** A relay and a gateway that have something to say about everything. */
export const EVERYWHERE = { host: '127.0.0.1', port: 0 };
export const CERTIFICATES = [{ name: 'operator seal', validTo: 1_800_000_000_000 }];

export const RELAY_STATUS: RelayStatus = {
  isOnline: true,
  counts: { stored: 3, sent: 1, accepted: 7, rejected: 0, unknown: 2 },
  receipts: { accepted: 5 },
  refused: { 'bad-signature': 2 },
  failing: new Set(['reader']),
  oldest: new Map([['27XG-CENTROPOL-P', 1_773_000_000_000]]),
  alerts: [{ id: 'a', code: 'site-silent', detail: '', since: '' }],
};

const collected: CollectorStatus = {
  roundsWaiting: 0,
  lines: [
    {
      line: 'mbus',
      isOpen: true,
      opens: 1,
      bytesSent: 50,
      bytesReceived: 900,
      strayBytes: 4,
      dialogues: 12,
      errors: { 'no-answer': 2 },
      busyMs: 4_500,
      runningMs: 60_000,
    },
  ],
  devices: [
    {
      device: 'corrector',
      line: 'mbus',
      lastGoodAt: 1_773_000_000_000,
      reads: 10,
      failures: { 'no-answer': 2 },
      failuresInRow: 1,
      clockOffsetMs: -1_500,
    },
    { device: 'dead', line: 'mbus', reads: 0, failures: { 'no-answer': 9 }, failuresInRow: 9 },
  ],
};

const site: WholeStatus = {
  v: 1,
  site: 'boiler-house',
  at: '2026-03-11T08:00:00.000Z',
  version: '0.1.0',
  box: { uptimeMs: 1, memoryBytes: 70_000_000, diskFreeBytes: 9, temperatureC: 41.5, ntpSynchronised: true },
  clock: { offsetMs: 250, uncertaintyMs: 20, at: '2026-03-11T08:00:00.000Z' },
  relay: { lastReceiptAt: '2026-03-11T07:59:00.000Z', unbelieved: 1, unanswered: 6 },
  lines: [],
  devices: [],
  points: [
    {
      point: 'a',
      device: 'corrector',
      channel: 'volume',
      expected: 24,
      gaps: 1,
      qualities: { measured: 22, missing: 1 },
    },
    { point: 'b', device: 'dead', channel: 'import', expected: 96, gaps: 0, qualities: { measured: 90, computed: 6 } },
  ],
  outbox: {
    depth: 2,
    oldestInterval: { point: 'a', channel: 'volume', start: '2026-03-10T05:00:00.000Z' },
    messages: [],
  },
  certificates: [],
};

const storage: StorageStatus = {
  bytes: 500,
  maxBytes: 2_000,
  percent: 25,
  alertPercent: 0,
  writtenToday: 30,
  writtenYesterday: 40,
  writtenByProcess: 5_000,
  scrub: { rounds: 0, checkedInRound: 0, roundStartedAt: '' },
  damaged: 1,
};

export const GATEWAY: GatewayMetricsParts['gateway'] = {
  status: () => collected,
  siteStatus: async () => site,
  outcomes: () => [
    { outcome: 'accepted', count: 4 },
    { outcome: 'no-answer', count: 1 },
  ],
  maintenance: { status: async () => storage },
};

export async function scrape({ port }: MetricsServer): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}
