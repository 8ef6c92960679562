import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { makeKeys } from '../../scripts/rehearsal/keys.ts';
import { freePorts, type NodeStart, type Supervised, supervise } from '../../scripts/rehearsal/processes.ts';
import { type DemoSite, demoSite, LINE_IDS, sandboxFile, siteFile } from '../../scripts/rehearsal/site.ts';
import { type ClockSetting, clockFrom, clockText } from '../../src/app/clock.ts';
import { PROJECT_FOLDER } from '../../src/app/project.ts';
import { marketDaySpan } from '../../src/core/calendar.ts';
import type { MarketDay, UtcMs } from '../../src/core/time.ts';
import { type Site, siteSchema } from '../../src/device/site.ts';
import type { Clock } from '../../src/machine/clock.ts';
import type { Fault } from '../../src/sandbox/faults.ts';
import type { Park } from '../../src/sim/meter/park.ts';

/** A rehearsed day with the real programs as processes: gateway and sandbox, and simulated meters where the test wants them. */
export interface RehearsalPlan {
  readonly day: MarketDay;
  readonly seed?: number;
  readonly scale: number;
  /** Which of the demo's meters take part; they make hourly intervals. */
  readonly meters: readonly string[];
  /** The last word on the site file. */
  readonly change?: (site: Site) => Site;
  readonly faults?: readonly Pick<Fault, 'kind' | 'times'>[];
  /** False where the test brings its own meters. */
  readonly simulated?: boolean;
}

/** A line that one of the programs logged. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface Rehearsal {
  readonly folder: string;
  readonly plan: RehearsalPlan;
  readonly setting: ClockSetting;
  readonly clock: Clock;
  readonly site: Site;
  readonly park: Park;
  /** The rehearsed stretch of time. */
  readonly end: UtcMs;
  /** One for each line of the site, by its id. */
  readonly ports: ReadonlyMap<string, number>;
  readonly gatewayLog: readonly LogLine[];
  /** @param node without anything of its own where absent */
  startGateway(heard?: (line: LogLine) => void, node?: NodeStart): Supervised;
  startSandbox(heard?: (line: LogLine) => void): Supervised;
  startMeters(): Supervised;
  remove(): Promise<void>;
}

/** Real time for the programs to come up before the rehearsed stretch begins, also on a busy machine. */
const START_AFTER_MS = 6_000;

/** Writes keys and files into a new folder. Starts nothing; the rehearsed clock begins to run a moment later. */
export async function layOut(plan: RehearsalPlan): Promise<Rehearsal> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-rehearsal-'));
  await mkdir(join(folder, 'logs'));
  const ports = await freePorts(LINE_IDS.length + 1);
  const sandboxPort = ports.at(-1)!;
  const demo = chosen(demoSite(plan.day, plan.seed ?? 1, ports), plan.meters);
  const site = siteOf(plan, demo, sandboxPort);
  await makeKeys(join(folder, 'keys'));
  await writeFile(join(folder, 'site.yaml'), siteText(site));
  const packs = join(PROJECT_FOLDER, 'format-packs', 'ote');
  const sandbox = { ...sandboxFile([demo], sandboxPort, packs), faults: plan.faults ?? [] };
  await writeFile(join(folder, 'sandbox.yaml'), stringify(sandbox));
  const setting = { startWall: demo.start, startedAtEpochMs: Date.now() + START_AFTER_MS, scale: plan.scale };
  await writePark(folder, plan, demo, setting);
  const gatewayLog: LogLine[] = [];
  const start = (name: string, args: readonly string[], heard: (line: LogLine) => void, node?: NodeStart) =>
    supervise(name, args, join(folder, 'logs'), heard, node);
  const clockArgs = ['--clock', clockText(setting)];
  return {
    folder,
    plan,
    setting,
    clock: clockFrom(setting),
    site,
    park: demo.park,
    end: demo.end,
    ports: new Map(LINE_IDS.map((id, n) => [id, ports[n]!])),
    gatewayLog,
    startGateway(heard, node) {
      const keep = (line: LogLine) => {
        gatewayLog.push(line);
        heard?.(line);
      };
      return start('gateway', ['gateway', '--config', join(folder, 'site.yaml'), ...clockArgs], keep, node);
    },
    startSandbox: (heard) =>
      start('sandbox', ['sandbox', '--config', join(folder, 'sandbox.yaml'), ...clockArgs], (line) => heard?.(line)),
    startMeters: () => start('meters', ['meters', '--park', join(folder, 'park.json')], () => {}),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The demo's site with some of its meters only, all hourly: what meters keep of the past then outlasts any restart. */
function chosen(demo: DemoSite, names: readonly string[]): DemoSite {
  const meters = demo.park.meters
    .filter(({ device }) => names.includes(device.id))
    .map((meter) => ({ ...meter, minutes: 60 as const }));
  const lines = demo.lines.filter(({ id }) => meters.some(({ device }) => device.line === id));
  return { ...demo, lines, park: { ...demo.park, meters } };
}

function siteOf(plan: RehearsalPlan, demo: DemoSite, sandboxPort: number): Site {
  const site = siteSchema.parse(siteFile(demo, plan.day, sandboxPort));
  const points = site.points.map((point) => ({ ...point, minutes: 60 as const }));
  const hourly = { ...site, points };
  return plan.change ? plan.change(hourly) : hourly;
}

/** As a person would write it: a point has only the keys of its commodity. */
export function siteText(site: Site): string {
  const points = site.points.map(({ volume, channels, minutes, ...point }) =>
    point.commodity === 'gas' ? { ...point, volume } : { ...point, channels, minutes },
  );
  return stringify({ ...site, points });
}

async function writePark(folder: string, plan: RehearsalPlan, demo: DemoSite, clock: ClockSetting): Promise<void> {
  if (plan.simulated === false) return;
  const truth = { day: plan.day, speed: plan.scale, file: join(folder, 'truth.csv') };
  const lines = demo.lines.map(({ id, port }) => ({ id, port }));
  await writeFile(join(folder, 'park.json'), JSON.stringify({ clock, park: demo.park, lines, truth }));
}

/** The same rehearsal, over when the electricity day is over and was sent. */
export function electricityOnly(rehearsal: Rehearsal): Rehearsal {
  const { plan, site } = rehearsal;
  return { ...rehearsal, end: marketDaySpan('electricity', plan.day, site.zone).end + site.sendAfterMs };
}

/** What the programs said last, for the report of a test that failed. */
export async function lastWords({ folder }: Rehearsal, name: string, lines = 15): Promise<string> {
  const text = await readFile(join(folder, 'logs', `${name}.log`), 'utf8').catch(() => '(no log)');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
