import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { stringify } from 'yaml';
import { type ClockSetting, clockFrom, clockText } from '../../src/app/clock.ts';
import { exportMessages } from '../../src/app/export.ts';
import { PROJECT_FOLDER } from '../../src/app/project.ts';
import { marketDaySpan } from '../../src/core/calendar.ts';
import { parseDecimal } from '../../src/core/decimal.ts';
import { MINUTE_MS } from '../../src/core/time.ts';
import type { Clock } from '../../src/machine/clock.ts';
import { acceptedCsv } from '../../src/sandbox/accepted.ts';
import { makeKeys } from './keys.ts';
import { type DemoOptions, readOptions } from './options.ts';
import { freePorts, type Heard, type Supervised, supervise } from './processes.ts';
import { createProgress, type Progress } from './progress.ts';
import { type DemoSite, demoSite, LINE_IDS, sandboxFile, siteFile, ZONE } from './site.ts';
import { type AcceptedLine, type Comparison, compareDays, readCsv, type TruthLine } from './summary.ts';

const HEAT = '10.6649';
/** The rehearsed clock starts when all processes are up. */
const START_AFTER_MS = 3_000;
/** After the day's end (real time): what is not accepted by then has failed. */
const PATIENCE_MS = 25_000;
const LOOK_EVERY_MS = 250;

interface Running {
  readonly meters: Supervised;
  readonly sandbox: Supervised;
  readonly gateway: Supervised;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv);
  const startedAt = Date.now();
  const out = resolve(options.out);
  if (existsSync(out) && (await readdir(out)).length > 0) {
    process.stderr.write(`scripts/demo: ${options.out} is not empty; name a new folder with --out\n`);
    return 2;
  }
  const ports = await freePorts(LINE_IDS.length + 1);
  const site = demoSite(options.day, options.seed, ports);
  await layOut(out, options, site, ports.at(-1)!);
  const setting: ClockSetting = {
    startWall: site.start,
    startedAtEpochMs: Date.now() + START_AFTER_MS,
    scale: options.speed,
  };
  const progress = createProgress((line) => process.stdout.write(`${line}\n`));
  tellWhatRuns(progress, options, out);
  const running = await start(out, options, site, setting, progress);
  const stopped = new Promise<void>((stop) => process.once('SIGINT', () => stop()));
  try {
    await Promise.race([follow(options, site, clockFrom(setting), running, progress, out), stopped, gaveUp(running)]);
  } finally {
    await Promise.all([running.gateway.stop(), running.sandbox.stop(), running.meters.stop()]);
  }
  return finish(out, options, site, startedAt, progress);
}

async function layOut(out: string, options: DemoOptions, site: DemoSite, sandboxPort: number): Promise<void> {
  await mkdir(join(out, 'logs'), { recursive: true });
  await makeKeys(join(out, 'keys'));
  await writeFile(join(out, 'site.yaml'), stringify(siteFile(site, options.day, sandboxPort)));
  const packs = join(PROJECT_FOLDER, 'format-packs', 'ote');
  await writeFile(join(out, 'sandbox.yaml'), stringify(sandboxFile(site, sandboxPort, relative(out, packs))));
}

function tellWhatRuns(progress: Progress, options: DemoOptions, out: string): void {
  const name = relative(process.cwd(), out) || '.';
  progress.say(`Demo park, day ${options.day}, seed ${options.seed}, ${options.speed} times real time.`);
  progress.say('3 gas correctors and 3 electricity meters on 3 lines -> gateway -> stand-in for the operator');
  progress.say(
    `Look into ${name}/: site.yaml (configuration), state/ (the gateway's memory), logs/ (what each program says)`,
  );
}

async function start(
  out: string,
  options: DemoOptions,
  site: DemoSite,
  clock: ClockSetting,
  progress: Progress,
): Promise<Running> {
  const truth = { day: options.day, speed: options.speed, file: join(out, 'truth.csv') };
  const park = { clock, park: site.park, lines: site.lines.map(({ id, port }) => ({ id, port })), truth };
  await writeFile(join(out, 'park.json'), JSON.stringify(park, null, 1));
  const logs = join(out, 'logs');
  const clockArgs = ['--clock', clockText(clock)];
  const up = [waitFor('meters-ready'), waitFor('sandbox-ready')] as const;
  const meters = supervise('meters', ['meters', '--park', join(out, 'park.json')], logs, up[0].hear);
  const sandbox = supervise(
    'sandbox',
    ['sandbox', '--config', join(out, 'sandbox.yaml'), ...clockArgs],
    logs,
    up[1].hear,
  );
  await Promise.race([Promise.all(up.map(({ heard }) => heard)), meters.gaveUp, sandbox.gaveUp]);
  const gateway = supervise(
    'gateway',
    ['gateway', '--config', join(out, 'site.yaml'), ...clockArgs],
    logs,
    progress.hear,
  );
  return { meters, sandbox, gateway };
}

/** Resolves when the event is heard for the first time. */
function waitFor(event: string): { readonly hear: Heard; readonly heard: Promise<void> } {
  let resolve: () => void;
  const heard = new Promise<void>((done) => {
    resolve = done;
  });
  return { heard, hear: (line) => line.event === event && resolve() };
}

function gaveUp({ meters, sandbox, gateway }: Running): Promise<never> {
  return Promise.race([meters.gaveUp, sandbox.gaveUp, gateway.gaveUp]);
}

/** Lets the day pass. Ends when everything was accepted or patience is over; without --once it goes on until Ctrl-C. */
async function follow(
  options: DemoOptions,
  site: DemoSite,
  clock: Clock,
  running: Running,
  progress: Progress,
  out: string,
): Promise<void> {
  const midnight = marketDaySpan('electricity', options.day, ZONE).start;
  const kills = [...options.kill].sort((a, b) => a.minute - b.minute);
  const expected = expectedRows(site, options.day);
  let lastAllowed: number | undefined;
  for (;;) {
    await clock.sleep(LOOK_EVERY_MS);
    const now = clock.now();
    progress.tick(now);
    while (kills[0] && now >= midnight + kills[0].minute * MINUTE_MS) {
      const { who } = kills.shift()!;
      progress.say(`kill -9 ${who}`);
      running[who].kill();
    }
    if (!options.once || now < site.end) continue;
    lastAllowed ??= clock.monotonicMs() + PATIENCE_MS;
    const accepted = readCsv<AcceptedLine>(await acceptedCsv(join(out, 'sandbox'))).length;
    if (accepted >= expected || clock.monotonicMs() > lastAllowed) return;
  }
}

function expectedRows(site: DemoSite, day: string): number {
  return site.park.meters.reduce((sum, meter) => {
    const { start, end } = marketDaySpan(meter.commodity, day, ZONE);
    return sum + ((end - start) / MINUTE_MS / meter.minutes) * (meter.commodity === 'gas' ? 2 : 1);
  }, 0);
}

/** Writes what is to be handed over, compares, and says how it went. */
async function finish(
  out: string,
  options: DemoOptions,
  site: DemoSite,
  startedAt: number,
  progress: Progress,
): Promise<number> {
  await writeFile(join(out, 'accepted.csv'), await acceptedCsv(join(out, 'sandbox')));
  const messages = await exportMessages(join(out, 'site.yaml'), out);
  const truth = readCsv<TruthLine>(await readFile(join(out, 'truth.csv'), 'utf8'));
  const accepted = readCsv<AcceptedLine>(await readFile(join(out, 'accepted.csv'), 'utf8'));
  const { complaints, ...counts } = compareDays(truth, accepted, parseDecimal(HEAT));
  const { day, seed } = options;
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  const summary = { day, seed, points: site.park.meters.length, ...counts, ...messages, seconds };
  await writeFile(join(out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  for (const complaint of complaints) progress.say(complaint);
  progress.say(JSON.stringify(summary));
  const good = isTrue(counts) && messages.rejected === 0;
  progress.say(good ? 'Everything was accepted and true.' : 'Something is missing or wrong; see above and logs/.');
  return good ? 0 : 1;
}

function isTrue({
  intervalsExpected,
  intervalsAccepted,
  lost,
  doubled,
  wrong,
}: Omit<Comparison, 'complaints'>): boolean {
  return intervalsExpected === intervalsAccepted && lost === 0 && doubled === 0 && wrong === 0;
}

process.exitCode = await main();
