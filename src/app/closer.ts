import type { Buffer, ChangeItems } from '../buffer/index.ts';
import { marketDayOf, marketDaySpan, shiftDay } from '../core/calendar.ts';
import { type Failure, OdecetError } from '../core/failure.ts';
import type { Commodity } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import { cut } from '../core/schedule.ts';
import { contains, HOUR_MS, type MarketDay, type Millis, type Span, type UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import { createFinishedDays } from './finished-days.ts';
import { packOf, type SitePacks } from './packs.ts';
import type { PointPlan } from './plan.ts';
import { doubtsOf, isSettled, type PointDay, pointDayOf, wholePointDay, wishOf } from './point-day.ts';
import type { Profiler } from './profiler.ts';
import { queueDay } from './queue-day.ts';

export interface CloserParts extends SitePacks {
  readonly site: Site;
  readonly points: readonly PointPlan[];
  readonly buffer: Buffer;
  readonly profiler: Profiler;
  readonly clock: Clock;
  readonly log: Log;
  /** When this gateway was installed: days that began before it are not answered for unless the site file says so. */
  readonly installedAt: UtcMs;
}

/** Makes the messages of days that are over. Reads everything from the buffer, so a restart is the same as a pause. */
export interface Closer {
  /** Makes what can be made now, or until the signal aborts; gives the number of messages queued. */
  closeDays(signal?: AbortSignal): Promise<number>;
}

/** Days further back are history: that they are passed over is told. */
export const DAYS_BACK_MAX = 400;
/** Accepted intervals are given up by whole days (UTC), and a wall clock may have been ahead. */
export const GIVEN_UP_EARLY_MS: Millis = 3 * 24 * HOUR_MS;

export function createCloser(parts: CloserParts): Closer {
  const { site, points, packs, buffer, profiler, clock, log, installedAt } = parts;
  const firstDays = new Map(points.map((point) => [point.code, firstDayOf(point, installedAt, site.zone)]));
  const told = new Map<string, string>();
  /** Days that were looked through and about which nothing has changed since; whether all of the day was accepted. */
  const quiet = new Map<string, boolean>();
  /** The day on which the days that are not done were last looked through. */
  const lookedOn = new Map<Commodity, MarketDay>();
  /** Until which day every day is quiet, so that a pass has nothing to look for. */
  const quietUntil = new Map<Commodity, MarketDay>();
  const finished = createFinishedDays(buffer);

  /** The days of a commodity that are over and may still want something, oldest first. */
  async function openDays(commodity: Commodity, today: MarketDay): Promise<MarketDay[]> {
    const first = points
      .filter((point) => point.commodity === commodity)
      .map(({ code }) => firstDays.get(code)!)
      .sort()[0];
    if (!first) return [];
    if (lookedOn.get(commodity) !== today) lookAgain(commodity);
    lookedOn.set(commodity, today);
    const done = await buffer.cursor(cursorName(commodity));
    const wanted = [first, ...(done > 0 ? [marketDayOf(commodity, done, site.zone)] : [])].sort().at(-1)!;
    const oldest = shiftDay(today, -DAYS_BACK_MAX);
    if (wanted < oldest && !told.has(commodity)) {
      told.set(commodity, wanted);
      log.warn('days-passed-over', { commodity, from: wanted, before: oldest });
    }
    const days: MarketDay[] = [];
    for (let day = [wanted, oldest].sort().at(-1)!; day < today; day = shiftDay(day, 1)) days.push(day);
    return days;
  }

  /** Once a day at what is not done, even if nothing was heard of it: a lost record makes no sound. */
  function lookAgain(commodity: Commodity): void {
    for (const [key, isDone] of quiet) if (!isDone && key.startsWith(dayKey(commodity, ''))) quiet.delete(key);
    finished.forgetAll();
  }

  /**
   * A day that was accepted and given up for its age, its messages perhaps with it, would be sent twice if it were made again
   * from readings that are kept longer. What was given up is written down, since the site file may state other days now; that an
   * old day is not wholly here says the same. One that was never accepted is all here, its missing intervals too.
   */
  async function mayBeGivenUp(
    { commodity, counted, minutes }: PointPlan,
    day: MarketDay,
    span: Span,
  ): Promise<boolean> {
    const keptMs = site.storage.retention.intervalsDays * 24 * HOUR_MS;
    const isOld = span.start < clock.now() - keptMs + GIVEN_UP_EARLY_MS;
    const expected = cut(span, minutes).length;
    for (const { point, channel } of counted) {
      const gone = await buffer.givenUp(point, channel, span);
      if (!isOld && gone.length === 0) continue;
      const here = await buffer.intervals(point, channel, span);
      // What a person entered since is news; what was made again is not.
      const isAgain = here.some(
        ({ start, quality }) => quality !== 'substituted' && gone.some((one) => contains(one, start)),
      );
      if (here.length === expected && !isAgain) continue;
      tellGivenUp(commodity, day);
      return true;
    }
    return false;
  }

  /** A failure is told once for each point and day, and again when it changes. */
  function tell(point: PointPlan, day: MarketDay, found: Failure | undefined): void {
    const key = `${point.code}/${day}`;
    if (told.get(key) === (found?.detail ?? '')) return;
    told.set(key, found?.detail ?? '');
    if (found) log.warn('day-not-complete', { point: point.code, day, ...found });
  }

  /** The newest such day of each commodity stands for all before it. */
  function tellGivenUp(commodity: Commodity, day: MarketDay): void {
    const key = `${commodity}/given-up`;
    if (told.has(key)) return;
    told.set(key, day);
    const { intervalsDays } = site.storage.retention;
    log.warn('day-given-up', { commodity, day, intervalsDays, send: 'odecet substitute, all intervals of the day' });
  }

  /** What validation doubts in a day goes out all the same, but never without a word. */
  function tellDoubts(found: PointDay, day: MarketDay): void {
    const doubts = doubtsOf(found);
    const key = `${found.plan.code}/${day}/doubts`;
    const text = JSON.stringify(doubts);
    if ((told.get(key) ?? '{}') === text) return;
    told.set(key, text);
    log.warn('day-doubtful', { point: found.plan.code, day, findings: doubts });
  }

  function queue(
    commodity: Commodity,
    day: MarketDay,
    days: readonly PointDay[],
    corrects?: MessageId,
  ): Promise<number> {
    const tellOf = ({ plan }: PointDay, found: Failure) => tell(plan, day, found);
    const messages = { commodity, day, points: days, ...(corrects && { corrects }) };
    return queueDay(
      { site, pack: packOf(parts, commodity, clock.now(), site.zone), buffer, clock, log, tell: tellOf },
      messages,
    );
  }

  /** A point's day with the last word on it; undefined where nothing of it is wanted any more. */
  async function wantedDay(plan: PointPlan, day: MarketDay, span: Span): Promise<PointDay | undefined> {
    const standing = await wholePointDay(buffer, plan, span);
    if ((standing && isSettled(standing)) || (await mayBeGivenUp(plan, day, span))) return undefined;
    // What happens to a day's messages does not change its last word: only readings and intervals do.
    if (standing && finished.has(plan.code, day)) return standing;
    await finished.note(plan.code, day, () => profiler.finish(plan, span));
    return pointDayOf(buffer, plan, span);
  }

  /** Everything the day's points want now, whole days only; a point that is not complete does not hold the others. */
  async function closeDay(commodity: Commodity, day: MarketDay): Promise<{ queued: number; done: boolean }> {
    const span = marketDaySpan(commodity, day, site.zone);
    const plans = points.filter((point) => point.commodity === commodity && firstDays.get(point.code)! <= day);
    const fresh: PointDay[] = [];
    const corrections = new Map<MessageId, PointDay[]>();
    let done = true;
    for (const plan of plans) {
      const found = await wantedDay(plan, day, span);
      if (!found) continue;
      done &&= isSettled(found);
      const wish = wishOf(found, site);
      tell(plan, day, wish.kind === 'incomplete' ? wish.failure : undefined);
      tellDoubts(found, day);
      if (wish.kind === 'send') fresh.push(found);
      if (wish.kind === 'correct') corrections.set(wish.message, [...(corrections.get(wish.message) ?? []), found]);
    }
    let queued = fresh.length > 0 ? await queue(commodity, day, fresh) : 0;
    for (const [message, days] of corrections) queued += await queue(commodity, day, days, message);
    return { queued, done };
  }

  /** Forgets the quiet of every day that something has happened to since the last pass. */
  async function listen(): Promise<void> {
    await newItems('delivery', async (items) => {
      // A message that is made, or on its way, wants as little of its day as one that waits.
      const heard = items.filter(({ what }) => what !== 'queued' && what !== 'began');
      for (const message of new Set(heard.map((item) => item.message))) await hearOf(message);
    });
    await newItems('intervals', async (items) => {
      const days = new Set<string>();
      for (const { point, start } of items) {
        const commodity = points.find(({ code }) => code === point)?.commodity;
        if (!commodity) continue;
        const day = marketDayOf(commodity, start, site.zone);
        const key = dayKey(commodity, day);
        finished.forget(point, day);
        if (quiet.delete(key)) quietUntil.delete(commodity);
        if (!days.has(key)) await reopen(commodity, start);
        days.add(key);
      }
    });
  }

  /** What happens to a message concerns its day alone. Where the message cannot be read, any day may be meant. */
  async function hearOf(id: MessageId): Promise<void> {
    if (quiet.size === 0) return;
    const found = await dayOfMessage(id);
    if (found) quiet.delete(found);
    else quiet.clear();
    quietUntil.clear();
  }

  async function dayOfMessage(id: MessageId): Promise<string | undefined> {
    try {
      const message = await buffer.messageHead(id);
      return message && dayKey(message.commodity, message.day);
    } catch (error) {
      if (error instanceof OdecetError && error.failure.code === 'store-damaged') return undefined;
      throw error;
    }
  }

  /** A correction of a day that was done long ago: the closer goes back to it. Written down before the change is passed over. */
  async function reopen(commodity: Commodity, at: UtcMs): Promise<void> {
    const { start } = marketDaySpan(commodity, marketDayOf(commodity, at, site.zone), site.zone);
    if (start >= (await buffer.cursor(cursorName(commodity)))) return;
    await buffer.setCursor(cursorName(commodity), start);
    quietUntil.delete(commodity);
  }

  async function newItems<S extends 'intervals' | 'delivery'>(
    stream: S,
    heed: (items: readonly ChangeItems[S][]) => Promise<void>,
  ): Promise<void> {
    const cursor = `closer/${stream}`;
    for (;;) {
      const changes = await buffer.changes(stream, await buffer.cursor(cursor), CHANGES_AT_ONCE);
      const last = changes.at(-1);
      if (!last) return;
      await heed(changes.flatMap((change) => change.items));
      buffer.advanceCursor(cursor, last.sequence);
      // There were no more; what has come since rings.
      if (changes.length < CHANGES_AT_ONCE) return;
    }
  }

  /** Newest day first: what has waited long can wait a little longer. */
  async function closeCommodity(commodity: Commodity, signal: AbortSignal | undefined): Promise<number> {
    const today = marketDayOf(commodity, clock.now() - site.sendAfterMs, site.zone);
    if (quietUntil.get(commodity) === today) return 0;
    const days = await openDays(commodity, today);
    const done = new Set<MarketDay>();
    let queued = 0;
    for (const day of [...days].reverse()) {
      if (signal?.aborted) return queued;
      const key = dayKey(commodity, day);
      const isDone = quiet.get(key);
      const result = isDone === undefined ? await closeDay(commodity, day) : { queued: 0, done: isDone };
      quiet.set(key, result.done);
      queued += result.queued;
      if (result.done) done.add(day);
    }
    const firstOpen = days.findIndex((day) => !done.has(day));
    const last = days[(firstOpen < 0 ? days.length : firstOpen) - 1];
    if (last) await buffer.setCursor(cursorName(commodity), marketDaySpan(commodity, last, site.zone).end);
    quietUntil.set(commodity, today);
    return queued;
  }

  return {
    async closeDays(signal) {
      await listen();
      let queued = 0;
      for (const commodity of packs.keys()) queued += await closeCommodity(commodity, signal);
      return queued;
    },
  };
}

const CHANGES_AT_ONCE = 500;

function dayKey(commodity: Commodity, day: MarketDay): string {
  return `${commodity}/${day}`;
}

/** The first market day that is answered for: as the site file says, else the first whole day after the installation. */
export function firstDayOf(point: PointPlan, installedAt: UtcMs, zone: string): MarketDay {
  if (point.from) return point.from;
  const day = marketDayOf(point.commodity, installedAt, zone);
  return marketDaySpan(point.commodity, day, zone).start === installedAt ? day : shiftDay(day, 1);
}

/** Until when every day is done. */
export function cursorName(commodity: Commodity): string {
  return `closer/${commodity}`;
}
