import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { stringify } from 'yaml';
import { type ClockSetting, clockFrom, clockText } from '../../src/app/clock.ts';
import { PROJECT_FOLDER } from '../../src/app/project.ts';
import { compareSites, hasBegun, isTrue, tellResult, totalOf } from './finish.ts';
import { follow, gaveUp, killsOf } from './follow.ts';
import { makeKeys } from './keys.ts';
import type { DemoOptions } from './options.ts';
import { freePorts, type Supervised, supervise, waitFor } from './processes.ts';
import { createProgress, type Progress } from './progress.ts';
import { type DemoSite, demoSite, expectedRows, LINE_IDS, sandboxFile, siteFile } from './site.ts';

/** The rehearsed clock starts when all processes are up. */
const START_AFTER_MS = 3_000;

interface Running {
  readonly meters: Supervised;
  readonly sandbox: Supervised;
  readonly gateway: Supervised;
}

/** `--uplink direct`: one site that sends to the operator's stand-in itself. Gives the exit status. */
export async function oneSite(options: DemoOptions, out: string, signal: AbortSignal): Promise<number> {
  const startedAt = Date.now();
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
  const expected = expectedRows(site, options.day);
  const followed = {
    options,
    clock: clockFrom(setting),
    end: site.end,
    expected,
    out,
    events: killsOf(options, { ...running }, progress.say),
    tick: progress.tick,
  };
  try {
    await Promise.race([follow(followed, options.once, signal), gaveUp(Object.values(running))]);
  } finally {
    await Promise.all([running.gateway.stop(), running.sandbox.stop(), running.meters.stop()]);
  }
  const taken = { site, siteFile: join(out, 'site.yaml'), truthFile: join(out, 'truth.csv'), out };
  if (!hasBegun([taken])) return 1;
  const results = await compareSites(out, [taken]);
  const total = totalOf(results, options, startedAt);
  return tellResult(out, total, results, isTrue(total), progress.say);
}

async function layOut(out: string, options: DemoOptions, site: DemoSite, sandboxPort: number): Promise<void> {
  await mkdir(join(out, 'logs'), { recursive: true });
  await makeKeys(join(out, 'keys'));
  await writeFile(join(out, 'site.yaml'), stringify(siteFile(site, options.day, sandboxPort)));
  const packs = join(PROJECT_FOLDER, 'format-packs', 'ote');
  await writeFile(join(out, 'sandbox.yaml'), stringify(sandboxFile([site], sandboxPort, relative(out, packs))));
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
  await writePark(out, site, options, clock);
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

/** The file that `odecet meters` reads. */
export async function writePark(
  folder: string,
  { park, lines }: DemoSite,
  { day, speed }: DemoOptions,
  clock: ClockSetting,
): Promise<void> {
  const truth = { day, speed, file: join(folder, 'truth.csv') };
  const file = { clock, park, lines: lines.map(({ id, port }) => ({ id, port })), truth };
  await writeFile(join(folder, 'park.json'), JSON.stringify(file, null, 1));
}
