import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CERTIFICATES, EVERYWHERE, GATEWAY, RELAY_STATUS, scrape } from '../src/app/metrics.testkit.ts';
import { serveMetrics } from '../src/app/metrics.ts';
import { serveGatewayMetrics } from '../src/app/metrics-gateway.ts';
import { hostClock } from '../src/host/clock.ts';

/** The rules and the dashboard that ship, held against what gateway and relay really tell. */
const folder = (name: string) => fileURLToPath(new URL(`../monitoring/${name}/`, import.meta.url));
const RULE_FILES = readdirSync(folder('prometheus')).map((name) => `${folder('prometheus')}${name}`);
const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;

let texts: { readonly relay: string; readonly gateway: string };
beforeAll(async () => {
  const relay = await serveMetrics(EVERYWHERE, async () => RELAY_STATUS, CERTIFICATES);
  relay.answered(1_500);
  const gateway = await serveGatewayMetrics({
    place: EVERYWHERE,
    site: 'boiler-house',
    gateway: GATEWAY,
    certificates: CERTIFICATES,
    clock: hostClock(),
  });
  texts = { relay: await scrape(relay), gateway: await scrape(gateway) };
  await Promise.all([relay.close(), gateway.close()]);
});

interface Series {
  readonly name: string;
  readonly labels: ReadonlySet<string>;
}

/** Every series of the texts; `job` and `instance` are Prometheus' own. */
function seriesOf(text: string): Series[] {
  return [...text.matchAll(/^(odecet_\w+)(?:\{(.*)\})? /gm)].map(([, name = '', labels = '']) => ({
    name,
    labels: new Set(['job', 'instance', ...[...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label)]),
  }));
}

/** What an expression asks for: metric names with the labels they are chosen by. */
function askedBy(expression: string): Series[] {
  return [...expression.matchAll(/\b(odecet_\w+)(?:\{([^}]*)\})?/g)].map(([, name = '', labels = '']) => ({
    name,
    labels: new Set([...labels.matchAll(/(\w+)\s*[=!]/g)].map(([, label = '']) => label)),
  }));
}

function notTold(expressions: readonly string[]): string[] {
  const told = seriesOf(`${texts.relay}\n${texts.gateway}`);
  return expressions.flatMap(askedBy).flatMap(({ name, labels }) => {
    const isTold = told.some(
      (series) => series.name === name && [...labels].every((label) => series.labels.has(label)),
    );
    return isTold ? [] : [`${name} {${[...labels].join(', ')}}`];
  });
}

const rules = RULE_FILES.flatMap((file) => {
  const { groups } = parse(readFileSync(file, 'utf8')) as {
    groups: { rules: { alert: string; expr: string; annotations: { summary: string } }[] }[];
  };
  return groups.flatMap((group) => group.rules);
});

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly expr: string;
    readonly refId: string;
    readonly datasource: { readonly uid: string };
  }[];
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
}

const dashboard = JSON.parse(readFileSync(`${folder('grafana')}odecet.json`, 'utf8')) as {
  readonly uid: string;
  readonly id?: unknown;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
};

/** Panels that every Grafana has, without a plugin. */
const CORE_PANELS = ['row', 'stat', 'timeseries', 'table'];

function overlap(a: Panel['gridPos'], b: Panel['gridPos']): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

describe('alert rules', () => {
  test('ask only for what gateway and relay tell', () => {
    expect(rules.length).toBeGreaterThan(15);
    expect(notTold(rules.map(({ expr }) => expr))).toEqual([]);
    expect(notTold(['odecet_no_such_thing', 'odecet_intervals{colour="red"}']), 'the check itself').toHaveLength(2);
  });

  test('have a name of their own, and say what happened', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, annotations } of rules) expect(annotations.summary.length, alert).toBeGreaterThan(30);
  });

  test.skipIf(!hasPromtool)(
    'are rules to Prometheus itself (skipped where promtool of Debian package prometheus is not installed)',
    () => {
      const { status, stderr, stdout } = spawnSync('promtool', ['check', 'rules', ...RULE_FILES], { encoding: 'utf8' });
      expect(status, stdout + stderr).toBe(0);
    },
  );
});

describe('metrics', () => {
  test.skipIf(!hasPromtool)(
    'are named and typed as Prometheus wants them (skipped where promtool of Debian package prometheus is not installed)',
    () => {
      for (const input of [texts.gateway, ownOf(texts.relay)]) {
        const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { encoding: 'utf8', input });
        expect(status, stderr).toBe(0);
      }
    },
  );
});

/** Without what prom-client says of Node by itself. */
function ownOf(text: string): string {
  const isNodes = (line: string) => /^(# (HELP|TYPE) )?odecet_(nodejs|process)_/.test(line);
  return `${text
    .split('\n')
    .filter((line) => !isNodes(line))
    .join('\n')
    .trimEnd()}\n`;
}

describe('the dashboard', () => {
  test('asks only for what gateway and relay tell', () => {
    const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(expressions.length).toBeGreaterThan(15);
    expect(notTold(expressions)).toEqual([]);
  });

  test('add nothing up that every relay of one store tells alike', () => {
    const asked = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const ofStore = asked.filter((expr) => expr.includes('odecet_relay_messages'));
    expect(ofStore.length).toBeGreaterThan(0);
    for (const expr of ofStore) expect(expr).toMatch(/^max by \(stage\)/);
  });

  test('can be imported anywhere: its datasource is a variable, its panels have ids and places of their own', () => {
    expect(dashboard.templating.list).toContainEqual(
      expect.objectContaining({ name: 'datasource', type: 'datasource' }),
    );
    const uids = dashboard.panels.flatMap(({ datasource, targets = [] }) => [
      ...(datasource ? [datasource.uid] : []),
      ...targets.map((target) => target.datasource.uid),
    ]);
    expect(new Set(uids)).toEqual(new Set(['$' + '{datasource}']));
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { title, gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
  });

  test('is of a form that Grafana reads without a plugin', () => {
    // Newer ones bring older forms up to theirs. An id of its own would be that of another dashboard.
    expect(Number.isInteger(dashboard.schemaVersion)).toBe(true);
    expect(dashboard.id).toBeUndefined();
    expect(dashboard.uid).toMatch(/^[a-zA-Z0-9_-]{1,40}$/);
    expect(dashboard.panels.filter(({ type }) => !CORE_PANELS.includes(type))).toEqual([]);
    for (const { title, targets = [] } of dashboard.panels)
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
    const overlaps = dashboard.panels.flatMap((one, n) =>
      dashboard.panels.slice(n + 1).flatMap((other) => (overlap(one.gridPos, other.gridPos) ? [one.title] : [])),
    );
    expect(overlaps).toEqual([]);
  });

  test('uses only variables that it has, and these ask for what is told', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    const used = [...JSON.stringify(dashboard).matchAll(/\$\{?(\w+)/g)]
      .map(([, name = '']) => name)
      .filter((name) => !name.startsWith('__'));
    expect(new Set(used)).toEqual(new Set(names));
    const told = seriesOf(`${texts.relay}\n${texts.gateway}`);
    const asked = dashboard.templating.list.flatMap(({ query }) => (typeof query === 'string' ? [] : [query.query]));
    expect(asked).toHaveLength(1);
    for (const query of asked) {
      const [, metric, label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
      expect(
        told.filter(({ name }) => name === metric).every(({ labels }) => labels.has(label)),
        query,
      ).toBe(true);
      expect(
        told.some(({ name }) => name === metric),
        query,
      ).toBe(true);
    }
  });
});
