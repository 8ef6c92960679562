import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { shiftDay } from '../../../src/core/calendar.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { cost, type Figure } from '../figure.ts';
import type { Away } from './away.ts';
import { DAY, messageOf } from './messages.ts';
import { openPlace, type Place, siteName } from './place.ts';
import { type BenchSite, startBenchSite, until } from './sites.ts';

/** A large site that was away for a month comes back while others send what is fresh. */
const DAYS = 30;
const POINTS_EACH = 10;
const DRAIN_LIMIT_S = 60;
const DELAY_LIMIT_S = 2;
/** As systemd/odecet-gateway.service has it. */
const MEMORY_LIMIT_MB = 80;
const MB = 1_000_000;
const PATIENCE_MS = 1_800_000;
/** Far below what the relay can do: what is measured is who waits for whom. */
const FRESH_EVERY_MS = 100;
/** Fresh messages before anything is measured, for a program that is warm, and of each measurement. */
const WARMING = 100;
const SAMPLES = 300;
/** As `GATEWAY_NODE_OPTIONS` and `GATEWAY_ENVIRONMENT` of scripts/lib.sh. */
const GATEWAY_NODE = ['--max-semi-space-size=1', '--optimize-for-size'];
const GATEWAY_ENVIRONMENT = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '32768',
  MALLOC_TRIM_THRESHOLD_: '65536',
};

const clock = hostClock();

interface Month {
  readonly drainS: number;
  readonly delayS: number;
  readonly allMb: number;
  readonly ownMb: number;
}

/** @param perDay messages of the site for each day, of 10 points each */
export function monthFigures(others: number, perDay: number): (() => Promise<Figure>)[] {
  let measured: Promise<Month> | undefined;
  const of = (make: (month: Month) => Figure) => async () => {
    measured ??= catchUp(others, perDay);
    return make(await measured);
  };
  const what = `${DAYS} days of one site, ${DAYS * perDay} messages of ${POINTS_EACH} points`;
  return [
    of(({ drainS }) => cost(`${what}, are accepted`, drainS, 's', DRAIN_LIMIT_S, 1)),
    of(({ delayS }) =>
      cost(
        `fresh messages of other sites meanwhile, later than without it, p99 of ${SAMPLES}`,
        delayS,
        's',
        DELAY_LIMIT_S,
        1,
      ),
    ),
    of(({ ownMb }) => cost("memory of the site's sender meanwhile, its own", ownMb, 'MB', MEMORY_LIMIT_MB, 1)),
    of(({ allMb }) => cost('the same with pages of files', allMb, 'MB', MEMORY_LIMIT_MB, 0)),
  ];
}

async function catchUp(others: number, perDay: number): Promise<Month> {
  const firstSite = 1 + others;
  const place = await openPlace({ sites: firstSite + perDay, pointsEach: POINTS_EACH, relays: 1, store: 'level' });
  const folder = await mkdtemp(join(tmpdir(), 'odecet-bench-'));
  const sites = Array.from({ length: others }, (_, n) => startBenchSite(place, 1 + n));
  const fresh = freshOf(sites);
  try {
    await writeFile(join(folder, 'away.json'), JSON.stringify(awayOf(place, perDay, firstSite)), { mode: 0o600 });
    await ended(startAway(folder, 'fill'));
    await until(() => sites.every((site) => site.isOnline()), PATIENCE_MS, 'all are there');
    await fresh(WARMING);
    const alone = await fresh(SAMPLES);
    const from = clock.monotonicMs();
    const child = startAway(folder, 'drain');
    const told = lastLineOf(child).then((line) => ({ line, drainS: (clock.monotonicMs() - from) / 1_000 }));
    const [{ line, drainS }, meanwhile] = await Promise.all([told, fresh(SAMPLES), ended(child)]);
    const { all, own } = JSON.parse(line) as { all: number; own: number };
    return { drainS, delayS: Math.max(0, p99(meanwhile) - p99(alone)), allMb: all / MB, ownMb: own / MB };
  } finally {
    await Promise.all(sites.map((site) => site.stop()));
    await place.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function awayOf(place: Place, perDay: number, firstSite: number): Away {
  const { mosquitto, pems, relayKey } = place;
  return {
    url: mosquitto.url,
    site: siteName(0),
    keyPem: pems[0]!,
    relayKey,
    days: DAYS,
    perDay,
    firstSite,
    pointsEach: POINTS_EACH,
  };
}

function startAway(folder: string, what: 'fill' | 'drain'): ChildProcess {
  const program = fileURLToPath(new URL('./away.js', import.meta.url));
  return spawn(process.execPath, [...GATEWAY_NODE, program, folder, what], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...GATEWAY_ENVIRONMENT },
  });
}

async function ended(child: ChildProcess): Promise<void> {
  child.stdout?.resume();
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the site that was away ended with ${code}`);
}

/** What it says when nothing waits any more. */
async function lastLineOf({ stdout }: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: stdout! })) if (line.startsWith('{')) return line;
  throw new Error('the site that was away said nothing');
}

/** Sends so many fresh messages, one after the other, each of another site or day; how long each took to be accepted, in seconds. */
function freshOf(sites: readonly BenchSite[]): (count: number) => Promise<number[]> {
  let sent = 0;
  return async (count) => {
    const began: { site: BenchSite; id: string; at: number }[] = [];
    for (let n = 0; n < count; n++, sent++) {
      const which = sent % sites.length;
      const day = shiftDay(DAY, -Math.floor(sent / sites.length));
      const message = messageOf(1 + which, POINTS_EACH, Date.now(), day);
      began.push({ site: sites[which]!, id: message.id, at: clock.monotonicMs() });
      sites[which]!.add(message);
      await clock.sleep(FRESH_EVERY_MS);
    }
    await until(() => sites.every((site) => site.waiting() === 0), PATIENCE_MS, 'what is fresh is accepted');
    return began.map(({ site, id, at }) => ((site.endedAt.get(id) ?? Number.NaN) - at) / 1_000);
  };
}

function p99(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * 0.99))] ?? Number.NaN;
}
