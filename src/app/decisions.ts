import type { AuditEntry, Buffer, Delivery } from '../buffer/index.ts';
import { parseDecimal } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import { cut } from '../core/schedule.ts';
import { contains, parseUtc, type Span, type UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import { type ChannelPlan, missingInterval } from '../profile/interval.ts';
import { chained, isBelieved } from './audit-chain.ts';
import { readAudit, type SubstituteText } from './audit-texts.ts';
import { auditText, substituted } from './substitute.ts';

/**
 * What a person decided stands twice: in the interval, and in the audit log, which says who and why. Where the interval's record
 * is lost, the readings would say again what the person found wrong, so the log has the word: the decision is put back from it,
 * marked, under the same name and reason. Where the log itself cannot be read, and the lost record may have been a person's,
 * nothing is put in its place: the interval is missing, the day is held by that and told, until a person enters it.
 */
export interface Decisions {
  /** Of a channel in a span; gives how many intervals. Nothing else may write intervals meanwhile. */
  putBack(plan: ChannelPlan, span: Span): Promise<number>;
}

/** The last that was decided of an interval. */
interface Decision extends Span {
  /** The entry of the audit log. */
  readonly entry: number;
  readonly said: SubstituteText;
  readonly version: number;
  readonly value: string;
}

interface DecisionsParts {
  readonly buffer: Buffer;
  readonly clock: Pick<Clock, 'now'>;
}

interface Known {
  /** By point and channel, then by start. */
  readonly decisions: ReadonlyMap<string, ReadonlyMap<UtcMs, Decision>>;
  /** Of an interval that starts before this an entry that cannot be read may have decided. */
  readonly doubtedBefore: UtcMs;
}

export function createDecisions({ buffer, clock }: DecisionsParts): Decisions {
  let entries = -1;
  let last: Known = { decisions: new Map(), doubtedBefore: Number.NEGATIVE_INFINITY };

  /** Read again only when something was added: entries are never changed, and one that is given back is added. */
  async function known(): Promise<Known> {
    const now = buffer.entries('audit');
    if (now !== entries) {
      last = knownFrom(await buffer.auditLog());
      entries = now;
    }
    return last;
  }

  /** Those whose record is not there any more, and was not given up with its day. */
  async function undone(plan: ChannelPlan, decided: readonly Decision[]): Promise<[Decision, Interval | undefined][]> {
    const { point, channel } = plan;
    const range = rangeOf(decided);
    const standing = new Map((await buffer.intervals(point, channel, range)).map((one) => [one.start, one]));
    const lost: [Decision, Interval | undefined][] = [];
    for (const one of decided) {
      const stands = standing.get(one.start);
      if (stands && isDecided(stands, one)) continue;
      const versions = stands ? await buffer.intervalVersions(point, channel, one.start) : [];
      if (!versions.some((version) => isDecided(version, one))) lost.push([one, stands]);
    }
    if (lost.length === 0) return [];
    const gone = await buffer.givenUp(point, channel, range);
    return lost.filter(([{ start }]) => !gone.some((span) => contains(span, start)));
  }

  async function restore(plan: ChannelPlan, decided: readonly Decision[]): Promise<number> {
    const lost = await undone(plan, decided);
    for (const entry of new Set(lost.map(([one]) => one.entry))) {
      const own = lost.filter(([one]) => one.entry === entry);
      const { said } = own[0]![0];
      const before = new Map(own.flatMap(([{ start }, stands]) => (stands ? [[start, stands] as const] : [])));
      const made: Interval[] = [];
      for (const [{ start, end, version, value }, stands] of own) {
        const versions = await buffer.intervalVersions(plan.point, plan.channel, start);
        made.push(
          substituted(plan, { start, end }, parseDecimal(value), {
            version: Math.max(version, (stands?.version ?? 0) + 1),
            madeAt: clock.now(),
            origins: versions.at(-1)?.origins ?? [],
            findings: ['decision-restored'],
          }),
        );
      }
      await buffer.keepAudited(made, (earlier, kept) =>
        chained(earlier, auditText({ ...said, restores: entry }, plan.channel, kept, before, clock.now())),
      );
    }
    return lost.length;
  }

  /** A person's value that was told stands as such; what was told as another's was no person's, but for the minutes before a correction. */
  async function hold(plan: ChannelPlan, spans: readonly Span[]): Promise<number> {
    const { point, channel } = plan;
    const { rows } = await buffer.ledger([{ point, channel, spans }], 'records');
    const lost = rows.filter(({ state }) => state === 'lost');
    if (lost.length === 0) return 0;
    const stored = await buffer.intervals(point, channel, rangeOf(lost));
    const isHeld = new Set(
      stored.filter(({ findings }) => findings.includes('decision-unknown')).map(({ start }) => start),
    );
    const made = lost
      .filter(({ start, deliveries }) => !isHeld.has(start) && mayBeDecided(deliveries))
      .map(({ start, end, version = 0 }) =>
        missingInterval(plan, { start, end }, 'decision-unknown', clock.now(), version + 1),
      );
    if (made.length > 0) await buffer.keepIntervals(made);
    return made.length;
  }

  return {
    async putBack(plan, span) {
      const { decisions, doubtedBefore } = await known();
      const own = decisions.get(nameOf(plan));
      if (!own && span.start >= doubtedBefore) return 0;
      const spans = cut(span, plan.minutes);
      const decided = spans.flatMap(({ start, end }) => {
        const one = own?.get(start);
        // The point may have had intervals of another length then.
        return one?.end === end ? [one] : [];
      });
      const doubted = spans.filter(({ start }) => start < doubtedBefore);
      const restored = decided.length > 0 ? await restore(plan, decided) : 0;
      return restored + (doubted.length > 0 ? await hold(plan, doubted) : 0);
    },
  };
}

function isDecided({ quality, version }: Interval, decision: Decision): boolean {
  return quality === 'substituted' && version >= decision.version;
}

function mayBeDecided(deliveries: readonly Delivery[]): boolean {
  const newest = deliveries.toSorted((a, b) => a.version - b.version).at(-1);
  return newest?.told === undefined || newest.told.endsWith(' substituted');
}

function rangeOf(spans: readonly Span[]): Span {
  return {
    start: spans.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY),
    end: spans.reduce((most, { end }) => Math.max(most, end), Number.NEGATIVE_INFINITY),
  };
}

function nameOf({ point, channel }: Pick<SubstituteText, 'point' | 'channel'>): string {
  return `${point} ${channel}`;
}

function knownFrom(log: readonly AuditEntry[]): Known {
  const decisions = new Map<string, Map<UtcMs, Decision>>();
  let doubtedBefore = Number.NEGATIVE_INFINITY;
  let isDoubted = false;
  for (const [n, entry] of log.entries()) {
    const before = log[n - 1];
    isDoubted ||= entry.number !== (before?.number ?? 0) + 1 || !isBelieved(entry, before);
    const said = isBelieved(entry, before) ? readAudit(entry.text) : undefined;
    if (!said) continue;
    // Nobody can decide on what is not over yet.
    if (isDoubted) doubtedBefore = parseUtc(said.at);
    isDoubted = false;
    if (said.what !== 'substitute') continue;
    const own = decisions.get(nameOf(said)) ?? new Map<UtcMs, Decision>();
    decisions.set(nameOf(said), own);
    for (const { start, end, version, value } of said.intervals)
      own.set(parseUtc(start), {
        start: parseUtc(start),
        end: parseUtc(end),
        entry: entry.number,
        said,
        version,
        value,
      });
  }
  return { decisions, doubtedBefore: isDoubted ? Number.POSITIVE_INFINITY : doubtedBefore };
}
