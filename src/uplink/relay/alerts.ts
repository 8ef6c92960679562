import { z } from 'zod';
import { FAILURES, type Failure, type FailureCode } from '../../core/failure.ts';
import { HOUR_MS, isoUtc, type Millis, parseUtc, type UtcMs } from '../../core/time.ts';
import type { Delivered, Publication } from '../../machine/broker.ts';
import { placeOf, topicOf } from './topics.ts';

/** An alert as it stands retained on the broker, until it is taken back by an empty one. */
export interface AlertText extends Failure {
  readonly id: string;
  /** ISO 8601, UTC */
  readonly since: string;
  /** What a later good answer settles, e.g. the commodity and day of a rejected message. */
  readonly about?: string;
}

export interface Alerts {
  /** The same again keeps its `since`. */
  raise(id: string, problem: Failure, about?: string): void;
  clear(id: string): void;
  /** Also where another relay of the centre raised it, which may no longer run. */
  clearEverywhere(id: string): void;
  /** A later message about the same was accepted: what stands about it under a smaller id is settled. */
  clearAbout(about: string, id: string): void;
  /** An alert as the broker has it: what an earlier run of this program left stands until `sweep` or `clear` takes it back. */
  heard(delivered: Delivered): void;
  /** Takes back what was found and not raised again in time, and what stood long enough. */
  sweep(): void;
  /** All that stand; for a new session, whose broker may have forgotten them, and for pages. */
  standing(): readonly AlertText[];
  /** Everything to be said at a new session. */
  publications(): Publication[];
}

export interface AlertsOptions {
  /** So long an alert of an earlier run has to be raised again. */
  readonly settleMs: Millis;
  /** Whether a name is another relay's; nobody's where absent. */
  readonly isRelay?: (name: string) => boolean;
  /** Another relay took an alert of ours back. */
  readonly takenBack?: (id: string) => void;
}

/** Nobody need see a rejection for longer, also where its day was settled on another way. */
const REJECTED_SHOWN_MS: Millis = 30 * 24 * HOUR_MS;
const REJECTED: FailureCode = 'operator-rejected';

const isCode = (code: string): code is FailureCode => Object.hasOwn(FAILURES, code);
const kept = z.object({
  code: z.string().refine(isCode),
  detail: z.string(),
  since: z.iso.datetime(),
  about: z.string().exactOptional(),
});

/** An id of these letters can stand in a topic; others become hyphens. */
export function alertId(...parts: readonly string[]): string {
  return parts
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-');
}

/** @param say hands a publication to the broker, or drops it while there is none: `publications` repeats them all */
export function createAlerts(
  name: string,
  now: () => UtcMs,
  say: (publication: Publication) => void,
  { settleMs, isRelay, takenBack }: AlertsOptions,
): Alerts {
  const standing = new Map<string, AlertText>();
  /** Left by an earlier run, with the time at which we heard of it. */
  const found = new Map<string, UtcMs>();
  /** Taken back, and not yet heard from the broker to be so. */
  const cleared = new Set<string>();
  /** How often we shall hear ourselves take it back. */
  const echoes = new Map<string, number>();
  /** Who else of the centre's relays has an alert of this id standing, and about what. */
  const elsewhere = new Map<string, Map<string, string | undefined>>();
  const topic = (id: string, owner = name) => topicOf(owner, `alert/${id}`);
  const publicationOf = (alert: AlertText): Publication => ({
    topic: topic(alert.id),
    payload: new TextEncoder().encode(JSON.stringify(alert)),
    retain: true,
  });
  const withdrawal = (id: string, owner = name): Publication => ({
    topic: topic(id, owner),
    payload: new Uint8Array(0),
    retain: true,
  });

  function withdraw(id: string): void {
    cleared.add(id);
    echoes.set(id, (echoes.get(id) ?? 0) + 1);
    say(withdrawal(id));
  }

  function clear(id: string): void {
    found.delete(id);
    if (standing.delete(id)) withdraw(id);
  }

  function clearEverywhere(id: string): void {
    clear(id);
    for (const relay of elsewhere.get(id)?.keys() ?? []) say(withdrawal(id, relay));
    elsewhere.delete(id);
  }

  function heardGone(id: string): void {
    cleared.delete(id);
    const expected = echoes.get(id) ?? 0;
    if (expected > 1) echoes.set(id, expected - 1);
    else echoes.delete(id);
    if (expected > 0 || !takenBack) return;
    found.delete(id);
    if (standing.delete(id)) takenBack(id);
  }

  function heardOfOther(relay: string, id: string, alert: AlertText | undefined): void {
    const relays = elsewhere.get(id) ?? new Map<string, string | undefined>();
    if (alert) elsewhere.set(id, relays.set(relay, alert.about));
    else if (relays.delete(relay) && relays.size === 0) elsewhere.delete(id);
  }

  return {
    raise(id, { code, detail }, about) {
      found.delete(id);
      const before = standing.get(id);
      if (before?.code === code && before.detail === detail) return;
      const alert = { id, code, detail, since: before?.since ?? isoUtc(now()), ...(about !== undefined && { about }) };
      standing.set(id, alert);
      cleared.delete(id);
      say(publicationOf(alert));
    },
    clear,
    clearEverywhere,
    clearAbout(about, below) {
      const ours = [...standing.values()].filter((alert) => alert.about === about).map(({ id }) => id);
      const theirs = [...elsewhere].filter(([, relays]) => [...relays.values()].includes(about)).map(([id]) => id);
      for (const id of [...ours, ...theirs]) if (id < below) clearEverywhere(id);
    },
    heard({ topic: heardOn, payload }) {
      const place = placeOf(heardOn);
      if (!place?.what.startsWith('alert/')) return;
      const id = place.what.slice('alert/'.length);
      const alert = readAlert(id, payload);
      if (place.site !== name) {
        if (isRelay?.(place.site)) heardOfOther(place.site, id, alert);
        return;
      }
      if (payload.length === 0) return heardGone(id);
      if (standing.has(id)) return;
      if (!alert || cleared.has(id)) return withdraw(id);
      standing.set(id, alert);
      if (alert.code !== REJECTED) found.set(id, now());
    },
    sweep() {
      const at = now();
      for (const [id, foundAt] of found) if (at - foundAt >= settleMs) clearEverywhere(id);
      for (const { id, code, since } of standing.values())
        if (code === REJECTED && at - parseUtc(since) >= REJECTED_SHOWN_MS) clearEverywhere(id);
    },
    standing: () => [...standing.values()],
    publications() {
      echoes.clear();
      for (const id of cleared) echoes.set(id, 1);
      return [...[...standing.values()].map(publicationOf), ...[...cleared].map((id) => withdrawal(id))];
    },
  };
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
