import type { Buffer, LedgerRow } from '../buffer/index.ts';
import { type Failure, failure } from '../core/failure.ts';
import type { Channel, Interval } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import { cut } from '../core/schedule.ts';
import { isoUtc, type Span } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import { entryOf } from '../profile/findings.ts';
import { exchangesOf, type ToldExchange } from './exchanges.ts';
import { isOfLength } from './other-length.ts';
import type { PointPlan } from './plan.ts';

/** A point's day that is over and looked through. */
export interface PointDay {
  readonly plan: PointPlan;
  readonly intervals: Readonly<Partial<Record<Channel, readonly Interval[]>>>;
  readonly rows: readonly LedgerRow[];
  /** Where an interval says that there was one. */
  readonly exchanges: readonly ToldExchange[];
}

export async function pointDayOf(buffer: Buffer, plan: PointPlan, day: Span): Promise<PointDay> {
  return withRows(buffer, plan, day, await channelsOf(buffer, plan, day));
}

/** Undefined where an interval is not there: what may have become of it need not be looked for in the journal. */
export async function wholePointDay(buffer: Buffer, plan: PointPlan, day: Span): Promise<PointDay | undefined> {
  const channels = await channelsOf(buffer, plan, day);
  const expected = cut(day, plan.minutes).length;
  return channels.some(([, found]) => found.length < expected) ? undefined : withRows(buffer, plan, day, channels);
}

type Channels = readonly (readonly [Channel, readonly Interval[]])[];

function channelsOf(buffer: Buffer, plan: PointPlan, day: Span): Promise<Channels> {
  return Promise.all(
    plan.published.map(async (channel) => {
      const stored = await buffer.intervals(plan.code, channel, day);
      return [channel, stored.filter((one) => isOfLength(one, plan))] as const;
    }),
  );
}

async function withRows(buffer: Buffer, plan: PointPlan, day: Span, channels: Channels): Promise<PointDay> {
  const spans = cut(day, plan.minutes);
  const expected = plan.published.map((channel) => ({ point: plan.code, channel, spans }));
  const { rows } = await buffer.ledger(expected, 'records');
  const isExchanged = channels.some(([, found]) => found.some(({ findings }) => findings.includes('meter-exchanged')));
  const exchanges = isExchanged ? await exchangesOf(buffer, plan.counted, day) : [];
  return { plan, intervals: Object.fromEntries(channels), rows, exchanges };
}

export function isSettled({ rows }: PointDay): boolean {
  return rows.every(({ state }) => state === 'accepted' || state === 'given-up');
}

export type Wish =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'send' }
  | { readonly kind: 'correct'; readonly message: MessageId }
  | { readonly kind: 'incomplete'; readonly failure: Failure };

/** What a finished point-day wants: nothing while an answer is awaited or a person must decide on a rejection. */
export function wishOf(day: PointDay, site: Site): Wish {
  const { rows } = day;
  const incomplete = incompleteness(day, site);
  if (incomplete) return { kind: 'incomplete', failure: incomplete };
  const told = rows.flatMap((row) => row.deliveries);
  const isNews = rows.some((row) => !row.deliveries.some((delivery) => delivery.version === row.version));
  if (!isNews || told.some(({ state }) => state === 'prepared' || state === 'sent' || state === 'unknown'))
    return { kind: 'nothing' };
  // What was accepted and superseded by a message that was not is what the operator has.
  const accepted = told
    .filter((delivery) => delivery.accepted)
    .map((delivery) => delivery.message)
    .sort()
    .at(-1);
  return accepted ? { kind: 'correct', message: accepted } : { kind: 'send' };
}

function incompleteness({ plan, rows, intervals, exchanges }: PointDay, site: Site): Failure | undefined {
  for (const channel of plan.published) {
    const lost = rows.filter((row) => row.channel === channel && row.state === 'lost');
    // An older version that is still there is not what was told or is to be told.
    if (lost.length > 0) {
      const first = isoUtc(lost[0]!.start);
      return failure(
        'day-incomplete',
        `point ${plan.code}, ${channel}: ${lost.length} intervals were there and are lost, the first of ${first}; what was told of one: odecet trace ${plan.code} ${first}; to enter it again: odecet substitute`,
      );
    }
    const valued = (intervals[channel] ?? []).filter((interval) => interval.value).length;
    const expected = rows.filter((row) => row.channel === channel).length;
    if (valued === expected) continue;
    if (channel === 'energy') {
      const detail = `point ${plan.code}: ${expected - valued} of ${expected} hours have no energy; give the gas day's combustion heat in the site file of ${site.site}, or import it: odecet heat import`;
      return failure('heat-missing', detail);
    }
    const own = intervals[channel] ?? [];
    const found = new Set(own.flatMap((interval) => (interval.value ? [] : interval.findings)));
    // What stands in the place of the others has the length that the site file stated before.
    const others = own.length < expected ? [`${expected - own.length} of another length`] : [];
    const reasons = [...others, ...found].join(', ') || 'no reading';
    const missing = `${expected - valued} of ${expected} intervals are missing (${reasons})`;
    const seen = exchanges.map(exchangeText).join('; ');
    return failure(
      'day-incomplete',
      seen === ''
        ? `point ${plan.code}, ${channel}: ${missing}`
        : `point ${plan.code}, ${channel}: ${missing}; ${seen}`,
    );
  }
  return undefined;
}

function exchangeText({ device, from, to, lastSeen, firstSeen }: ToldExchange): string {
  return `${device}: meter ${from}, seen last ${lastSeen}, was exchanged for ${to}, seen first ${firstSeen}`;
}

/** How many of the day's intervals carry each finding that somebody should look at. */
export function doubtsOf({ intervals }: PointDay): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const interval of Object.values(intervals).flat())
    for (const code of interval.findings) if (entryOf(code)?.level === 'doubt') counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}
