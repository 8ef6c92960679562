import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import Table from 'cli-table3';
import pc from 'picocolors';
import { parse, stringify } from 'yaml';
import { type ClockSetting, clockFrom, clockText } from '../../src/app/clock.ts';
import { marketDaySpan } from '../../src/core/calendar.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/core/time.ts';
import type { Clock } from '../../src/machine/clock.ts';
import { type Centre, layOutCentre } from './centre.ts';
import { type CuttableWire, cuttableWire } from './cut.ts';
import { compareSites, isTrue, type SiteResult, type Taken, tellResult, totalOf } from './finish.ts';
import { type Event, follow, gaveUp, killsOf } from './follow.ts';
import { createFrame, type Frame } from './frame.ts';
import { writePark } from './one-site.ts';
import type { DemoOptions } from './options.ts';
import { freePorts, type Heard, type Supervised, supervise, waitFor } from './processes.ts';
import { type DemoSite, demoSite, expectedRows, LINE_IDS, meteringFile, RETRY, THREE_SITES, ZONE } from './site.ts';
import { watchSites } from './watch-sites.ts';

/** Eight programs start on what may be two busy cores: 12 s were too few at a load of 15. */
const START_AFTER_MS = 18_000;
/** After the cut, for the site to find the broker again and to be answered. */
const CATCH_UP_MS = 90 * MINUTE_MS;
/** Exit status of a program that Ctrl-C ended. */
const STOPPED = 130;
/** The site that is cut off. */
const CUT_OFF = 1;

/** Everything that runs, by name. */
type Running = Record<string, Supervised>;

/** `--uplink relay`: three sites, a broker, the relay; one site is cut off and catches up. Gives the exit status. */
export async function threeSites(options: DemoOptions, out: string, signal: AbortSignal): Promise<number> {
  const startedAt = Date.now();
  const lines = LINE_IDS.length;
  const ports = await freePorts(THREE_SITES.length * lines + 2);
  const sites = THREE_SITES.map((plan, n) =>
    demoSite(options.day, options.seed, ports.slice(n * lines, (n + 1) * lines), plan),
  );
  await mkdir(join(out, 'logs'), { recursive: true });
  const centre = await layOutCentre(out, options, sites, ports.slice(-2));
  const wire = await cuttableWire(centre.brokerPort);
  await layOutSites(out, options, sites, centre, wire);
  const setting: ClockSetting = {
    startWall: sites[0]!.start,
    startedAtEpochMs: Date.now() + START_AFTER_MS,
    scale: options.speed,
  };
  const clock = clockFrom(setting);
  const frame = createFrame(process.stdout, sites, options.day);
  tellWhatRuns(frame, options, out, centre);
  const running: Running = {};
  const watched = watchSites(centre, clock);
  try {
    await Promise.race([
      start(out, options, sites, setting, centre, running, hearing(frame, options, clock)),
      aborted(signal),
    ]);
    const events = [
      ...killsOf(options, { ...running, gateway: running['demo-park'] }, frame.say),
      ...cutEvents(options, sites, wire, frame),
    ];
    const expected = sites.reduce((sum, site) => sum + expectedRows(site, options.day), 0);
    const tick = (now: number) => frame.tick(now, watched.sites(), out);
    const end = Math.max(sites[0]!.end, endOfCut(options) + CATCH_UP_MS);
    await Promise.race([
      follow({ options, clock, end, expected, out, events, tick }, true, signal),
      gaveUp(Object.values(running)),
    ]);
  } finally {
    await watched.stop();
    // Sites take leave of the relay while it is there.
    const isSite = (name: string) => sites.some((site) => site.name === name);
    await stopAll(running, isSite);
    await stopAll(running, (name) => !isSite(name));
    await wire.close();
    await centre.stop();
    frame.close();
  }
  if (signal.aborted) {
    frame.say('Stopped: the day is not over, so nothing is compared.');
    return STOPPED;
  }
  return finish(out, options, sites, startedAt, frame.say);
}

/** What is read too late is missed where the meter keeps no archive: then it is the machine that is slow, not the program that loses. */
function hearing({ hear, say }: Frame, { day, speed }: DemoOptions, clock: Clock): Frame['hear'] {
  const begins = marketDaySpan('electricity', day, ZONE).start;
  return (site) => (line) => {
    if (line.event === 'gateway-ready' && clock.now() > begins)
      say(
        pc.yellow(
          `${site} came up after the day had begun: this machine is too busy for --speed ${speed}, try a lower one`,
        ),
      );
    hear(site)(line);
  };
}

async function stopAll(running: Running, chosen: (name: string) => boolean): Promise<void> {
  const all = Object.entries(running).filter(([name]) => chosen(name));
  await Promise.all(all.map(([, each]) => each.stop()));
}

async function layOutSites(
  out: string,
  { day }: DemoOptions,
  sites: readonly DemoSite[],
  { relayKey, brokerPort, mqtt }: Centre,
  wire: CuttableWire,
): Promise<void> {
  const registry = parse(await readFile(join(out, 'registry.yaml'), 'utf8')) as {
    sites: { site: string; number: number }[];
  };
  for (const [n, site] of sites.entries()) {
    const port = n === CUT_OFF ? wire.port : brokerPort;
    const { number } = registry.sites.find((line) => line.site === site.name)!;
    const uplink = {
      kind: 'relay',
      environment: 'sandbox',
      broker: { url: `mqtt://127.0.0.1:${port}`, mqtt, passwordFile: 'broker.password' },
      key: 'site.key',
      relayKeys: [relayKey],
      receiptWithinMs: 3_000,
      statusEveryMs: 1_000,
      retry: RETRY,
    };
    await writeFile(join(out, site.name, 'site.yaml'), stringify({ ...meteringFile(site, day), number, uplink }));
  }
}

function tellWhatRuns(frame: Frame, options: DemoOptions, out: string, { isEmbedded }: Centre): void {
  const name = relative(process.cwd(), out) || '.';
  const broker = isEmbedded ? 'broker inside the relay' : 'Mosquitto';
  frame.say(`Three sites, day ${options.day}, seed ${options.seed}, ${options.speed} times real time.`);
  frame.say(`10 simulated meters -> 3 gateways -> ${broker} -> relay -> stand-in for the operator`);
  frame.say(`Look into ${name}/: a folder for each site, relay.yaml, registry.yaml, logs/ (what each program says)`);
}

async function start(
  out: string,
  options: DemoOptions,
  sites: readonly DemoSite[],
  clock: ClockSetting,
  { isEmbedded }: Centre,
  running: Running,
  hear: (site: string) => Heard,
): Promise<void> {
  const logs = join(out, 'logs');
  const clockArgs = ['--clock', clockText(clock)];
  const up: Promise<void>[] = [];
  const run = (name: string, args: readonly string[], ready?: string) => {
    const wait = ready === undefined ? undefined : waitFor(ready);
    running[name] = supervise(name, args, logs, wait?.hear ?? hear(name));
    if (wait) up.push(wait.heard);
  };
  for (const site of sites) {
    await writePark(join(out, site.name), site, options, clock);
    run(`meters-${site.name}`, ['meters', '--park', join(out, site.name, 'park.json')], 'meters-ready');
  }
  run('sandbox', ['sandbox', '--config', join(out, 'sandbox.yaml'), ...clockArgs], 'sandbox-ready');
  const embedded = isEmbedded ? ['--embedded-broker'] : [];
  run('relay', ['relay', '--config', join(out, 'relay.yaml'), ...embedded, ...clockArgs], 'relay-ready');
  await Promise.race([Promise.all(up), gaveUp(Object.values(running))]);
  for (const { name } of sites) run(name, ['gateway', '--config', join(out, name, 'site.yaml'), ...clockArgs]);
}

function cutEvents({ cut }: DemoOptions, sites: readonly DemoSite[], wire: CuttableWire, frame: Frame): Event[] {
  const { name } = sites[CUT_OFF]!;
  return [
    {
      minute: cut.fromMinute,
      happen() {
        wire.cut();
        frame.cutOff(name, true);
        frame.say(pc.yellow(`${name} is cut off from its network; it goes on reading its meters`));
      },
    },
    {
      minute: cut.toMinute,
      happen() {
        wire.mend();
        frame.cutOff(name, false);
        frame.say(pc.green(`${name} has its network again`));
      },
    },
  ];
}

function endOfCut({ cut, day }: DemoOptions): number {
  return marketDaySpan('electricity', day, ZONE).start + cut.toMinute * MINUTE_MS;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function finish(
  out: string,
  options: DemoOptions,
  sites: readonly DemoSite[],
  startedAt: number,
  say: (text: string) => void,
): Promise<number> {
  const taken: Taken[] = sites.map((site) => {
    const folder = join(out, site.name);
    return { site, siteFile: join(folder, 'site.yaml'), truthFile: join(folder, 'truth.csv'), out: folder };
  });
  const results = await compareSites(out, taken);
  const total = totalOf(results, options, startedAt);
  const cutHours = ((options.cut.toMinute - options.cut.fromMinute) * MINUTE_MS) / HOUR_MS;
  say(summaryTable(results, total));
  const perSite = results.map((result) => ({ ...result, complaints: undefined }));
  return tellResult(
    out,
    { ...total, cutOff: sites[CUT_OFF]!.name, cutHours, sites: perSite },
    results,
    isTrue(total),
    say,
  );
}

function summaryTable(results: readonly SiteResult[], total: ReturnType<typeof totalOf>): string {
  const table = new Table({
    head: ['site', 'points', 'intervals', 'accepted', 'lost', 'doubled', 'wrong', 'messages', 'seconds'],
    style: { head: [], border: [] },
  });
  const row = (name: string, one: Omit<SiteResult, 'site' | 'complaints'>, seconds: number | '') => [
    name,
    one.points,
    one.intervalsExpected,
    one.intervalsAccepted,
    one.lost,
    one.doubled,
    one.wrong,
    one.messages,
    seconds,
  ];
  for (const result of results) table.push(row(result.site, result, ''));
  table.push(row('all', total, total.seconds));
  return table.toString();
}
