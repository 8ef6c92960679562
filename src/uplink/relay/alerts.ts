import { z } from 'zod';
import { FAILURES, type Failure, type FailureCode, failure } from '../../core/failure.ts';
import type { PointCode } from '../../core/interval.ts';
import { HOUR_MS, isoUtc, type Millis, type MonotonicMs, parseUtc } from '../../core/time.ts';
import type { Delivered, Publication } from '../../machine/broker.ts';
import type { Clock } from '../../machine/clock.ts';
import { placeOf, topicOf } from './topics.ts';

/** An alert as it stands retained on the broker, until it is taken back by an empty one. */
export interface AlertText extends Failure {
  readonly id: string;
  /** ISO 8601, UTC */
  readonly since: string;
  /** What later good answers settle: the commodity and day of a rejected message, and of its points those that are not yet. */
  readonly about?: string;
  readonly points?: readonly PointCode[];
  /** The site that a relay says it of. */
  readonly site?: string;
  /** The relay that said it, where all of a centre have one place for it. */
  readonly by?: string;
}

export type AlertMore = Pick<AlertText, 'about' | 'points' | 'site'>;

/** What an accepted message settles. */
export interface Settling {
  readonly about: string;
  readonly points: readonly PointCode[];
  /** Id of its own alert: only what stands under a smaller one is earlier. */
  readonly id: string;
  /** Id of the alert of the message that it corrects. */
  readonly corrects?: string;
}

export interface Alerts {
  /** The same again keeps its `since`. Where another relay that is there says it too, its word stands. */
  raise(id: string, problem: Failure, more?: AlertMore): void;
  /** Takes it back, whoever raised it. */
  clear(id: string): void;
  /** A message was accepted: what stands about the same goes when no point of it is left, or with its correction. */
  settle(by: Settling): void;
  /** Whether anything stands that such a message may settle. */
  isAbout(about: string): boolean;
  /** An alert as the broker has it: what an earlier run of this program left stands until `sweep` or `clear` takes it back. */
  heard(delivered: Delivered): void;
  /** Takes back what was found and not raised again in time, and what stood long enough. */
  sweep(): void;
  /** All that stand; for a new session, whose broker may have forgotten them, and for pages. */
  standing(): readonly AlertText[];
  /** Everything to be said at a new session. */
  publications(): Publication[];
  /** Before a new session: what others said will be heard again, if it still stands. */
  forgetOthers(): void;
}

export interface AlertsOptions {
  /** So long an alert of an earlier run has to be raised again. */
  readonly settleMs: Millis;
  /** Where all relays of a centre speak in one place. */
  readonly shared?: {
    /** Our own name. */
    readonly by: string;
    /** Whether another relay is there, and looks after what it said. */
    readonly isThere: (relay: string) => boolean;
    /** Another relay took an alert back that stood. */
    readonly takenBack: (id: string) => void;
  };
  /** So many stand on the broker at once; for the others stands one that says so. No bound where absent. */
  readonly most?: number;
}

/** What somebody reads in a list. */
const DETAIL_MAX = 2_000;
/** A relay takes a longer one back, and a broker ends the session of whoever says much more. */
export const ALERT_BYTES_MAX = 16_000;
/** What is left of the detail of one that would be longer. */
const LONG_DETAIL_MAX = 500;
const MORE_ALERT = 'more';
/**
 * Nobody need see a rejection for longer, also where its day was settled on another way: by the wall clock since it was said, and by
 * the time that passed since this program knows it. A wall clock that was set ahead for a moment took it back at site and centre, and
 * nothing says it again.
 */
const REJECTED_SHOWN_MS: Millis = 30 * 24 * HOUR_MS;
const REJECTED: FailureCode = 'operator-rejected';

const isCode = (code: string): code is FailureCode => Object.hasOwn(FAILURES, code);
const kept = z.object({
  code: z.string().refine(isCode),
  detail: z.string(),
  since: z.iso.datetime(),
  about: z.string().exactOptional(),
  points: z.array(z.string()).exactOptional(),
  site: z.string().exactOptional(),
  by: z.string().exactOptional(),
});

/** An id of these letters can stand in a topic; others become hyphens. */
export function alertId(...parts: readonly string[]): string {
  return parts
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-');
}

/**
 * @param name whose topic it is
 * @param say hands a publication to the broker, or drops it while there is none: `publications` repeats them all
 */
export function createAlerts(
  name: string,
  clock: Pick<Clock, 'now' | 'monotonicMs'>,
  say: (publication: Publication) => void,
  { settleMs, shared, most = Number.POSITIVE_INFINITY }: AlertsOptions,
): Alerts {
  const standing = new Map<string, AlertText>();
  /** Those that are on the broker. */
  const shown = new Set<string>();
  /** Left by an earlier run, or said by another relay, with the time at which we heard of it. */
  const found = new Map<string, MonotonicMs>();
  /** Rejections, with the time at which a sweep first met them. */
  const rejected = new Map<string, MonotonicMs>();
  /** Taken back, and not yet heard from the broker to be so. */
  const cleared = new Set<string>();
  /** How often we shall hear ourselves take it back. */
  const echoes = new Map<string, number>();
  const topic = (id: string) => topicOf(name, `alert/${id}`);
  const publicationOf = (alert: AlertText): Publication => ({
    topic: topic(alert.id),
    payload: payloadOf(alert),
    retain: true,
  });
  const withdrawal = (id: string): Publication => ({ topic: topic(id), payload: new Uint8Array(0), retain: true });
  const isOthers = ({ by }: AlertText) => shared !== undefined && by !== undefined && by !== shared.by;
  const isLookedAfter = (alert: AlertText) => isOthers(alert) && shared?.isThere(alert.by ?? '') === true;

  const isFull = () => shown.size - Number(shown.has(MORE_ALERT)) >= most;

  function withdraw(id: string): void {
    shown.delete(id);
    cleared.add(id);
    echoes.set(id, (echoes.get(id) ?? 0) + 1);
    say(withdrawal(id));
  }

  function show(alert: AlertText): void {
    if (isFull() && !shown.has(alert.id) && alert.id !== MORE_ALERT) {
      const detail = `more than ${most} alerts stand; others are shown when some of these are over`;
      raise(MORE_ALERT, failure('too-many-alerts', detail));
      return;
    }
    shown.add(alert.id);
    cleared.delete(alert.id);
    say(publicationOf(alert));
  }

  /** Somebody's place became free. */
  function showNext(): void {
    if (!shown.has(MORE_ALERT)) return;
    const [next, second] = [...standing.values()].filter(({ id }) => !shown.has(id));
    if (next && !isFull()) show(next);
    if (!second) clear(MORE_ALERT);
  }

  function raise(id: string, { code, detail: said }: Failure, more: AlertMore = {}): void {
    const before = standing.get(id);
    const detail = said.length > DETAIL_MAX ? `${said.slice(0, DETAIL_MAX)}…` : said;
    if (before?.code === code && isLookedAfter(before)) return;
    found.delete(id);
    if (before?.code === code && before.detail === detail && !isOthers(before)) return;
    const since = before?.since ?? isoUtc(clock.now());
    const alert = { id, code, detail, since, ...more, ...(shared && { by: shared.by }) };
    standing.set(id, alert);
    show(alert);
  }

  function clear(id: string): void {
    found.delete(id);
    if (!standing.delete(id)) return;
    if (shown.has(id)) withdraw(id);
    if (id !== MORE_ALERT) showNext();
  }

  /** What does not say its points, or none, is settled by its correction only. */
  function settleOne(alert: AlertText, { points: settled, corrects }: Settling): void {
    const { id, points = [] } = alert;
    const left = points.filter((point) => !settled.includes(point));
    const isOver = points.length > 0 && left.length === 0;
    if (isOver || id === corrects) clear(id);
    else if (left.length !== points.length) showFewer({ ...alert, points: left });
  }

  function showFewer(alert: AlertText): void {
    const { id } = alert;
    const fewer = { ...alert, ...(shared && { by: shared.by }) };
    standing.set(id, fewer);
    found.delete(id);
    if (shown.has(id)) show(fewer);
  }

  function heardGone(id: string): void {
    cleared.delete(id);
    const expected = echoes.get(id) ?? 0;
    if (expected > 1) echoes.set(id, expected - 1);
    else echoes.delete(id);
    if (expected > 0 || !shared) return;
    found.delete(id);
    shown.delete(id);
    if (standing.delete(id)) shared.takenBack(id);
  }

  /** What stands on the broker counts. */
  function heardAgain(id: string, alert: AlertText): void {
    if (!shared || (standing.get(id)?.by === alert.by && !isOthers(alert))) return;
    standing.set(id, alert);
    if (isOthers(alert) && alert.code !== REJECTED) found.set(id, clock.monotonicMs());
    else found.delete(id);
  }

  function sweepRejected(at: MonotonicMs): void {
    for (const id of rejected.keys()) if (standing.get(id)?.code !== REJECTED) rejected.delete(id);
    for (const { id, code, since } of standing.values()) {
      if (code !== REJECTED) continue;
      const knownAt = rejected.get(id) ?? at;
      rejected.set(id, knownAt);
      if (Math.min(at - knownAt, clock.now() - parseUtc(since)) >= REJECTED_SHOWN_MS) clear(id);
    }
  }

  return {
    raise,
    clear,
    isAbout: (about) => [...standing.values()].some((alert) => alert.about === about),
    settle(by) {
      const earlier = [...standing.values()].filter(({ id, about }) => about === by.about && id < by.id);
      for (const alert of earlier) settleOne(alert, by);
    },
    heard({ topic: heardOn, payload }) {
      const place = placeOf(heardOn);
      if (place?.site !== name || !place.what.startsWith('alert/')) return;
      const id = place.what.slice('alert/'.length);
      if (payload.length === 0) return heardGone(id);
      const alert = readAlert(id, payload);
      if (alert && standing.has(id)) return heardAgain(id, alert);
      if (standing.has(id)) return;
      if (!alert || cleared.has(id)) return withdraw(id);
      standing.set(id, alert);
      shown.add(id);
      if (alert.code !== REJECTED) found.set(id, clock.monotonicMs());
    },
    sweep() {
      const at = clock.monotonicMs();
      for (const [id, foundAt] of found) {
        const alert = standing.get(id);
        if (alert && isLookedAfter(alert)) found.set(id, at);
        else if (at - foundAt >= settleMs) clear(id);
      }
      sweepRejected(at);
    },
    standing: () => [...standing.values()],
    publications() {
      echoes.clear();
      for (const id of cleared) echoes.set(id, 1);
      const ours = [...standing.values()].filter((alert) => shown.has(alert.id) && !isOthers(alert));
      return [...ours.map(publicationOf), ...[...cleared].map(withdrawal)];
    },
    forgetOthers() {
      for (const alert of standing.values()) {
        if (!isOthers(alert)) continue;
        standing.delete(alert.id);
        found.delete(alert.id);
        shown.delete(alert.id);
      }
    },
  };
}

/**
 * One about hundreds of points goes without them: this program still knows them, and after a restart it is settled by its
 * correction or its age. With some of them it would be settled too soon.
 */
function payloadOf(alert: AlertText): Uint8Array {
  const payload = new TextEncoder().encode(JSON.stringify(alert));
  if (payload.length <= ALERT_BYTES_MAX) return payload;
  const { points: _, ...short } = alert;
  return new TextEncoder().encode(JSON.stringify({ ...short, detail: alert.detail.slice(0, LONG_DETAIL_MAX) }));
}

/** Undefined where it is none: empty, or not of this program's making. */
function readAlert(id: string, payload: Uint8Array): AlertText | undefined {
  try {
    const read = kept.safeParse(JSON.parse(new TextDecoder().decode(payload)));
    return read.success ? { id, ...read.data } : undefined;
  } catch {
    return undefined;
  }
}
