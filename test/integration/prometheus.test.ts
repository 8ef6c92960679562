import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { freePorts } from '../../scripts/rehearsal/processes.ts';
import { CERTIFICATES, EVERYWHERE, GATEWAY, RELAY_STATUS } from '../../src/app/metrics.testkit.ts';
import { type RelayMetrics, serveMetrics } from '../../src/app/metrics.ts';
import { serveGatewayMetrics } from '../../src/app/metrics-gateway.ts';
import type { MetricsServer } from '../../src/app/metrics-server.ts';
import { hostClock } from '../../src/host/clock.ts';

/** A real Prometheus that scrapes what gateway and relay serve: its rules load, and every question of the dashboard is answered. */
const MONITORING = fileURLToPath(new URL('../../monitoring/', import.meta.url));
const hasPrometheus = spawnSync('prometheus', ['--version']).error === undefined;

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly result: readonly unknown[];
    readonly activeTargets: readonly { readonly health: string }[];
    readonly groups: readonly { readonly rules: readonly { readonly health: string; readonly lastError?: string }[] }[];
  };
}

interface Panel {
  readonly targets?: readonly { readonly expr: string }[];
}

async function questions(): Promise<string[]> {
  const dashboard = JSON.parse(await readFile(join(MONITORING, 'grafana/odecet.json'), 'utf8')) as {
    readonly panels: readonly Panel[];
  };
  // As Grafana does where all sites are chosen.
  return dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr.replaceAll('$site', '.*')));
}

describe.skipIf(!hasPrometheus)('Prometheus (skipped where the Debian package prometheus is not installed)', () => {
  let folder: string;
  let prometheus: ChildProcess;
  let servers: readonly [RelayMetrics, MetricsServer];
  let port: number;

  const ask = async (path: string): Promise<Answer> =>
    (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json() as Promise<Answer>;
  const query = (expr: string) => ask(`query?query=${encodeURIComponent(expr)}`);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'odecet-prometheus-'));
    const relay = await serveMetrics(EVERYWHERE, async () => RELAY_STATUS, CERTIFICATES);
    const parts = { site: 'boiler-house', gateway: GATEWAY, certificates: CERTIFICATES, clock: hostClock() };
    const gateway = await serveGatewayMetrics({ place: EVERYWHERE, ...parts });
    servers = [relay, gateway];
    const job = (name: string, to: MetricsServer) => ({
      job_name: name,
      static_configs: [{ targets: [`127.0.0.1:${to.port}`] }],
    });
    const rules = await readdir(join(MONITORING, 'prometheus'));
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: rules.map((name) => join(MONITORING, 'prometheus', name)),
      scrape_configs: [job('odecet-gateway', gateway), job('odecet-relay', relay)],
    };
    await writeFile(join(folder, 'prometheus.yml'), stringify(config));
    [port = 0] = await freePorts(1);
    const options = [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    prometheus = spawn('prometheus', options, { stdio: 'ignore' });
  }, 30_000);
  afterAll(async () => {
    const gone = once(prometheus, 'exit');
    prometheus.kill();
    await gone;
    await Promise.all(servers.map((server) => server.close()));
    await rm(folder, { recursive: true });
  });

  test('scrapes both, loads the rules, and answers every question of the dashboard', async () => {
    const healthy = async () => {
      const { data } = await ask('targets').catch(() => ({ data: { activeTargets: [] } }));
      return data.activeTargets.filter(({ health }) => health === 'up').length;
    };
    await expect.poll(healthy, { timeout: 30_000, interval: 500 }).toBe(2);
    // A rate needs two scrapes; an answer begins to be counted after the first.
    servers[0].answered(1_500);
    const asked = await questions();
    expect(asked.length).toBeGreaterThan(15);
    const unanswered = async () => {
      const answers = await Promise.all(asked.map(async (expr) => ({ expr, ...(await query(expr)) })));
      return answers
        .filter(({ status, data }) => status !== 'success' || data.result.length === 0)
        .map(({ expr }) => expr);
    };
    await expect.poll(unanswered, { timeout: 20_000, interval: 1_000 }).toEqual([]);
    expect((await query('odecet_outbox_messages{')).status, 'the check itself').toBe('error');
    const { data } = await ask('rules');
    const rules = data.groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(20);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
  }, 60_000);

  test('sees the first rejected message, and that nothing was accepted yet', async () => {
    const told = async (expr: string) => (await query(expr)).data.result.length;
    await expect.poll(() => told('odecet_uplink_outcomes_total{outcome="rejected"} == 0'), { timeout: 20_000 }).toBe(1);
    expect(await told('odecet_relay_receipts_total{stage="rejected"} == 0')).toBe(1);
  }, 30_000);
});
