import { marketDayOf, marketDaySpan, shiftDay } from '../../core/calendar.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, parseUtc, type Span, type UtcMs } from '../../core/time.ts';
import { pause } from '../../machine/timers.ts';
import { seededRandom } from '../../sim/random.ts';
import { createWorld } from '../../sim/world.ts';
import { type Episode, type FaultKind, planEpisodes } from './faults.ts';
import { imagineHeat } from './imagined-heat.ts';
import { type ImaginedMeter, imagineSite, withStatusBits } from './imagined-site.ts';
import { DAY_SETTLES_MS, type Findings, judge } from './judge.ts';
import { MODBUS_GAS } from './kinds.ts';
import { runMeter } from './meters.ts';
import { imagineOperator } from './operator.ts';
import { liveOn } from './site-life.ts';
import { startTrace, timeIn } from './trace.ts';
import { lineWeather } from './weather.ts';

export interface SimOptions {
  readonly seed: number;
  readonly weeks: number;
  readonly faults: readonly FaultKind[];
  readonly points?: number;
  /** Electricity hourly, too. */
  readonly hourly?: boolean;
}

export interface SimReport extends Findings {
  readonly seed: number;
  readonly weeks: number;
  readonly points: number;
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly messages: number;
  readonly hash: string;
  /** Real time. */
  readonly ms: number;
  /** What the first broken invariant is about, or when it was seen: the end of the run where it names no time. Only where one broke. */
  readonly time?: string;
  /** The bad weather and the events until then, only where an invariant broke. */
  readonly trace?: readonly string[];
}

const ZONE = 'Europe/Prague';
/** An interval is made and looked at soon after it. */
const EVENTS_AFTER_MS = 75 * MINUTE_MS;
/** Of a run that came to no end. */
const NOTHING_FOUND = { intervals: 0, accepted: 0, lost: 0, doubled: 0, wrong: 0, unexplained: 0, explained: {} };
const POINTS = 6;
const DAY_MS = 24 * HOUR_MS;
/** A program that breaks its word so often in one run is known well enough, and may take for ever to come to the end. */
const BROKEN_MAX = 100;
/** The weather is calm at the start, and at the end so long that everything can be made good. */
const CALM_START_MS = 2 * HOUR_MS;
const CALM_END_MS = 34 * HOUR_MS;
/** A good disk, a flash card, and one that is worn out: an answer of the operator can be there before the disk has the question. */
const DISK_LATENCIES_MS = [12, 80, 600];
const SAMPLE_EVERY_MS = 15 * MINUTE_MS;
const SAMPLE_GAP_MS = 30 * MINUTE_MS;
/** Where samples are an hour apart and one of them is lost, its boundary lies between the two beside it. */
const SAMPLE_GAP_MS_HOURLY = 90 * MINUTE_MS;
/** A round of the scrubber takes a day or two at most, as it does of a real store at a hundred times the rate. */
const SCRUB_PER_SECOND = 0.1;
/** Where nothing can go wrong nothing is found by looking. */
const SCRUB_PER_SECOND_CALM = 0.01;
/** Runs from here on are about what is given up after months. */
const LONG_WEEKS = 10;
/** The sundays on which the clocks change; short runs begin shortly before one of them, so that most seeds meet it. */
const SWITCHES = ['2026-03-29', '2026-10-25', '2027-03-28', '2027-10-31'];

/** One whole life of a site in virtual time, from a seed. The same options give the same report, but for `ms`. */
export async function simulate(options: SimOptions, monotonicMs: () => number): Promise<SimReport> {
  const report = await liveOnce(options, monotonicMs);
  const at = report.broken.flatMap((what) => timeIn(what) ?? [])[0];
  if (at === undefined) return report;
  // Most is found when all is over: the events of that time are those of another run of the same seed, which is the same.
  const { trace } = await liveOnce(options, monotonicMs, at + EVENTS_AFTER_MS);
  return { ...report, time: isoUtc(at), ...(trace && { trace }) };
}

/** @param traceUntil events are kept up to this instant */
async function liveOnce(options: SimOptions, monotonicMs: () => number, traceUntil?: UtcMs): Promise<SimReport> {
  const startedMs = monotonicMs();
  const { seed, weeks } = options;
  const random = seededRandom(seed);
  const { start, end } = stretchOf(weeks, random.fork('stretch').fraction());
  const world = createWorld(seed);
  const trueNow = (): UtcMs => start + world.monotonicMs();
  const broken: string[] = [];
  let giveUp: (why: Error) => void = () => undefined;
  const enough = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  enough.catch(() => undefined);
  const onFault = (what: string): void => {
    broken.push(`${new Date(trueNow()).toISOString()} ${what}`);
    if (broken.length === BROKEN_MAX) giveUp(new Error(`broken ${BROKEN_MAX} times`));
  };
  const trace = startTrace(trueNow, onFault, traceUntil);
  const isHourly = options.faults.length === 0 || weeks >= LONG_WEEKS;
  const wish = {
    seed,
    points: options.points ?? POINTS,
    hourly: options.hourly ?? false,
    start,
    days: Math.ceil((end - start) / DAY_MS),
    firstDay: marketDayOf('electricity', start, ZONE),
    isDiskSmall: options.faults.includes('store-full') && seed % 3 === 0,
    sampleEveryMs: isHourly ? HOUR_MS : SAMPLE_EVERY_MS,
    // Where nothing can go wrong no sample is lost.
    sampleGapMsMax: isHourly && options.faults.length > 0 ? SAMPLE_GAP_MS_HOURLY : SAMPLE_GAP_MS,
    scrubPerSecond: options.faults.length === 0 ? SCRUB_PER_SECOND_CALM : SCRUB_PER_SECOND,
  };
  const imagined = imagineSite(wish, random.fork('site'));
  const within = { start: start + CALM_START_MS, end: end - CALM_END_MS };
  const episodes = planEpisodes(options.faults, within, random.fork('weather')).filter((episode) =>
    isPossible(episode, imagined.meters),
  );
  const flags = episodes.filter(({ kind }) => kind === 'meter-flag');
  const site = withStatusBits(imagined, (plan) => flags.some((episode) => isFor(episode, plan, imagined.meters)));
  const hit = (count: number, where: number) => Math.floor(where * count);
  const meters = site.meters.map((plan) => {
    const mine = episodes.filter((episode) => isFor(episode, plan, site.meters));
    return runMeter(site, plan, mine, trueNow);
  });
  const heat = imagineHeat(start, end, episodes, trueNow, random.fork('heat'), trace);
  const lineIds = site.site.lines.map(({ id }) => id);
  const weather = new Map(
    site.site.lines.map((line, n) => {
      const mine = episodes.filter(({ where }) => hit(lineIds.length, where) === n);
      return [line.id, lineWeather(line, mine, options.faults, trueNow, random.fork(line.id), trace)];
    }),
  );
  const chance = random.fork('operator');
  const operator = imagineOperator(site, trueNow, trace, () => chance.fraction());
  const life = liveOn({
    world,
    random: random.fork('life'),
    site,
    meters,
    weatherOf: (line) => weather.get(line)!,
    deliver: operator.deliver,
    heat,
    trace,
    operator,
    trueNow,
    diskLatencyMs: options.faults.length === 0 ? 0 : DISK_LATENCIES_MS[seed % DISK_LATENCIES_MS.length]!,
    // Instead of every few seconds; where nothing can go wrong nothing is found by looking.
    waitMostMs: options.faults.length === 0 ? HOUR_MS : 5 * MINUTE_MS,
    onFault,
  });
  const whole = async (): Promise<Findings> => {
    await life.boot();
    for (const episode of episodes) {
      await pause(world, Math.max(0, episode.start - trueNow()));
      life.meet(episode);
    }
    await pause(world, end - trueNow());
    const machine = await life.settled();
    return judge({
      site,
      meters,
      heat,
      episodes,
      operator,
      life,
      buffer: machine.buffer,
      start,
      end: end - DAY_SETTLES_MS,
      trace,
      broken,
    });
  };
  const findings = await world
    .run(() => Promise.race([whole(), enough]))
    .catch((error: unknown) => {
      onFault(`the run came to no end: ${error instanceof Error ? error.stack : String(error)}`);
      return { ...NOTHING_FOUND, broken };
    });
  const isBroken = findings.broken.length > 0;
  return {
    seed,
    weeks,
    points: site.meters.length,
    ...findings,
    faults: trace.faults,
    messages: operator.messages,
    hash: trace.hash(),
    ms: Math.round(monotonicMs() - startedMs),
    ...(isBroken && { time: isoUtc(trueNow()), trace: [...episodes.map(episodeText), ...trace.last()] }),
  };
}

/** The meters that such a thing can happen to. */
function candidates({ kind }: Episode, meters: readonly ImaginedMeter[]): readonly ImaginedMeter[] {
  if (kind === 'meter-freezes-late') return meters.filter(({ stores }) => stores);
  // Modbus ones of the shipped files neither say that something is wrong nor tell their number.
  if (kind === 'meter-alarm' || kind === 'meter-exchanged') return meters.filter(({ framing }) => framing === 'mbus');
  if (kind === 'meter-flag') return meters.filter(({ device }) => device.model === MODBUS_GAS);
  return meters;
}

function isPossible(episode: Episode, meters: readonly ImaginedMeter[]): boolean {
  return candidates(episode, meters).length > 0;
}

function isFor(episode: Episode, plan: ImaginedMeter, meters: readonly ImaginedMeter[]): boolean {
  if (!episode.kind.startsWith('meter-')) return false;
  const all = candidates(episode, meters);
  return all[Math.floor(episode.where * all.length)] === plan;
}

function episodeText({ kind, start, end, where, force }: Episode): string {
  return `${isoUtc(start)} to ${isoUtc(end)} ${kind}, place ${where.toFixed(2)}, force ${force.toFixed(2)}`;
}

/** From an hour before a market day on. A year is a year; a shorter run has a switch of the clocks inside it. */
function stretchOf(weeks: number, chance: number): Span {
  const length = Math.round(weeks * 7);
  const sunday = SWITCHES[Math.floor(chance * SWITCHES.length)]!;
  const before = Math.min(length - 2, 3 + Math.floor((chance * 97) % Math.max(1, length - 5)));
  const first = length > 180 ? '2026-01-01' : shiftDay(sunday, -Math.max(1, before));
  const start = marketDaySpan('electricity', first, ZONE).start - 37 * MINUTE_MS;
  const end = Math.max(start + length * DAY_MS, parseUtc('2026-01-01T00:00:00Z'));
  return { start, end: end + 8 * HOUR_MS };
}
