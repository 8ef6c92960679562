import type { LedgerRow } from '../../buffer/index.ts';
import type { Channel, Interval } from '../../core/interval.ts';
import { HOUR_MS, isoUtc, type MarketDay, type Span } from '../../core/time.ts';
import { intervalKey } from '../../sandbox/market.ts';
import { type Case, type ChannelDay, type JudgeParts, type Tally, witnessOf } from './case.ts';
import { excuseOf, isCorrectionRejected, isLostWithMachine, isRecordHit, isTouched } from './excuses.ts';
import { personComplaints } from './judge-persons.ts';
import { judgeStore } from './judge-store.ts';
import { judgeEnergy, judgeEstimates, judgeValues } from './judge-values.ts';
import type { Held } from './operator.ts';
import { dayAfter, ownDay, ownDayOf, ownSpans } from './own-days.ts';
import { reachOf } from './reach.ts';
import { truthOf } from './truth.ts';

/** The verdict over a run. Everything is held against the operator's desk and the meters, which the gateway cannot see. */
export interface Findings {
  readonly intervals: number;
  readonly accepted: number;
  /** The gateway believes that it is accepted, or had it and has it no more, and no damage explains it. */
  readonly lost: number;
  readonly doubled: number;
  /** Accepted, and not what the meter counted. */
  readonly wrong: number;
  /** Not accepted, without a cause. */
  readonly unexplained: number;
  /** Not accepted, with a cause: by cause. */
  readonly explained: Readonly<Record<string, number>>;
  /** Every invariant that did not hold. */
  readonly broken: readonly string[];
}

export async function judge(parts: JudgeParts): Promise<Findings> {
  const { site, meters, episodes, operator, life } = parts;
  const tally: Tally = {
    intervals: 0,
    accepted: 0,
    lost: 0,
    wrong: 0,
    unexplained: 0,
    explained: {},
    broken: [...parts.broken],
  };
  const { complaints, standing } = await judgeStore(parts.buffer, life, parts.trace.damaged);
  const lineIds = site.site.lines.map(({ id }) => id);
  const gapMs = site.site.profile.sampleGapMsMax;
  for (const meter of meters) {
    const reach = reachOf(meter, episodes, lineIds.indexOf(meter.plan.device.line), life, lineIds.length, gapMs);
    const truth = truthOf(meter, life, reach, parts.buffer, parts.end, gapMs);
    await judgePoint({ parts, meter, reach, truth, tally, standing });
  }
  for (const what of operator.doubles) tally.broken.push(`sent twice: ${what}`);
  for (const what of operator.strays) tally.broken.push(`another day: ${what}`);
  for (const id of operator.reused) tally.broken.push(`message id ${id} was used for two contents`);
  for (const id of operator.knocked) tally.broken.push(`message ${id} was tried again and again without a rest`);
  tally.broken.push(...complaints, ...(await personComplaints(parts)));
  return { ...tally, doubled: operator.doubles.length };
}

/** The run goes on for so long after the last day that counts. */
export const DAY_SETTLES_MS = 8 * HOUR_MS;
const CHANNELS = { gas: ['volume', 'energy'], electricity: ['import'] } as const;

async function judgePoint(one: Case): Promise<void> {
  const { parts, meter } = one;
  for (const what of await one.truth.falseReadings({ start: parts.start, end: parts.end }))
    one.tally.broken.push(`a reading that is not true: ${meter.plan.device.id} ${what}`);
  const { commodity } = meter.plan;
  const begun = ownDayOf(commodity, parts.start);
  const first = ownDay(commodity, begun).start === parts.start ? begun : dayAfter(begun);
  const days: MarketDay[] = [];
  for (let day = first; ownDay(commodity, day).end <= parts.end; day = dayAfter(day)) days.push(day);
  const told = await ledgerOf(one, days);
  for (const day of days) await judgeDay(one, day, told);
  await judgeEstimates(one, { start: ownDay(commodity, first).start, end: parts.end });
}

type Told = ReadonlyMap<string, readonly LedgerRow[]>;

/** All days in one question: the ledger goes through the whole journal for what has no record, after months most of them. */
async function ledgerOf({ parts, meter }: Case, days: readonly MarketDay[]): Promise<Told> {
  const { commodity, point, minutes } = meter.plan;
  const expected = days.flatMap((day) => {
    const spans = ownSpans(ownDay(commodity, day), minutes);
    return CHANNELS[commodity].map((channel) => ({ day, point, channel, spans }));
  });
  const { rows } = await parts.buffer.ledger(expected, 'records');
  const told = new Map<string, readonly LedgerRow[]>();
  let at = 0;
  for (const { day, channel, spans } of expected) {
    told.set(toldName(channel, day), rows.slice(at, at + spans.length));
    at += spans.length;
  }
  return told;
}

function toldName(channel: Channel, day: MarketDay): string {
  return `${channel} ${day}`;
}

async function judgeDay(one: Case, day: MarketDay, told: Told): Promise<void> {
  const { parts, meter, tally } = one;
  const { commodity, point, minutes } = meter.plan;
  const spans = ownSpans(ownDay(commodity, day), minutes);
  const channels = await Promise.all(CHANNELS[commodity].map((channel) => channelDay(one, channel, day, spans, told)));
  const causes = causesOf(one, channels);
  const mayWait = causes.some((cause) => cause !== 'none');
  const complaints = channels.flatMap(({ channel, rows, held }) =>
    rows.flatMap((row, n) => ledgerComplaint(one, channel, row, held[n], mayWait)),
  );
  for (const what of complaints) tally.broken.push(what);
  tally.intervals += spans.length * channels.length;
  for (const { held, channel } of channels)
    for (const [n, all] of held.entries()) {
      if (!all) continue;
      tally.accepted++;
      const last = all.at(-1)!;
      parts.trace.judged(`${point} ${channel} ${isoUtc(spans[n]!.start)} ${last.row.value} ${last.row.quality}`);
    }
  for (const one_ of channels) if (one_.channel !== 'energy') await judgeValues(one, one_);
  const [volume, energy] = channels;
  if (volume && energy) judgeEnergy(one, volume, energy);
  if (channels.some(({ held }) => held.includes(undefined))) explainDay(one, channels, causes);
}

async function channelDay(
  one: Case,
  channel: Channel,
  day: MarketDay,
  spans: readonly Span[],
  told: Told,
): Promise<ChannelDay> {
  const { parts, meter } = one;
  const { point } = meter.plan;
  const span = { start: spans[0]!.start, end: spans.at(-1)!.end };
  const intervals = await parts.buffer.intervals(point, channel, span);
  const held = spans.map(({ start }) => parts.operator.held.get(intervalKey({ point, channel, start: isoUtc(start) })));
  return {
    day,
    channel,
    spans,
    rows: told.get(toldName(channel, day))!,
    intervals: new Map(intervals.map((interval) => [interval.start, interval])),
    held,
  };
}

/**
 * What the ledger says must be so at the operator's desk; it may know less only where a record is damaged.
 * @param mayWait an interval of the day has a cause for not being there, and a correction goes whole or not at all
 */
function ledgerComplaint(
  one: Case,
  channel: Channel,
  row: LedgerRow,
  held: readonly Held[] | undefined,
  mayWait: boolean,
): string[] {
  const { tally } = one;
  const where = `${row.point} ${channel} ${isoUtc(row.start)}`;
  if ((row.state === 'accepted' || row.state === 'given-up') && !held) {
    tally.lost++;
    return [`lost: ${where} counts as ${row.state}, the operator has nothing of it`];
  }
  const isDamaged = isTouched(one.standing, row) || isRecordHit(one.parts.life, row);
  if (row.doubled) return [`doubled in the ledger: ${where}`];
  // Without its messages it can be known only by their age.
  const isKnown = row.deliveries.length > 0 || isPastRetention(one, row);
  if (row.state === 'lost' && isKnown && isLostWithMachine(one.parts.life, row)) return tellsOlder(row, where);
  if (row.state === 'lost' && !isDamaged) {
    tally.lost++;
    return [`lost: ${where} was there and is no more`];
  }
  if (held && (row.version === undefined || row.state === 'given-up') && isPastRetention(one, row)) return [];
  if (held && row.state !== 'accepted' && !isDamaged && !mayWait && !mayBeCorrected(one, held, row))
    return [`the ledger says ${row.state} of ${where}, the operator accepted message ${held.at(-1)!.message}`];
  return [];
}

/** A version that is lost still stands at the operator's: nothing takes its place that is older, and the ledger says so. */
function tellsOlder({ deliveries }: LedgerRow, where: string): string[] {
  const [newest] = deliveries.toSorted((a, b) => b.version - a.version);
  const older =
    newest && deliveries.find(({ version, message }) => version < newest.version && message > newest.message);
  if (!older) return [];
  return [`${where} was told in version ${newest.version}, and message ${older.message} tells an older one again`];
}

/** What was accepted is given up at this age, and nothing else is. */
function isPastRetention({ parts }: Case, { end }: LedgerRow): boolean {
  return end <= parts.end + DAY_SETTLES_MS - parts.site.site.storage.retention.intervalsDays * 24 * HOUR_MS;
}

/** A newer version that could not be sent yet, or was rejected, stands beside the accepted one. */
function mayBeCorrected({ parts }: Case, held: readonly Held[], row: LedgerRow): boolean {
  return isCorrectionRejected(parts.operator.rejected, held.at(-1)!.message, row) || row.quality === 'missing';
}

/** Why an interval of a day that was not sent is no reason to send it; undefined where it waits for the others. */
function causeOf(one: Case, row: LedgerRow, interval: Interval | undefined): string | undefined {
  if (row.state === 'rejected') return 'rejected';
  if (row.state === 'lost' || isTouched(one.standing, row)) return 'damaged';
  if (row.state !== 'missing') return undefined;
  if (isRecordHit(one.parts.life, row)) return 'damaged';
  const isSaid = interval?.quality === 'missing' && interval.findings.length > 0;
  return (isSaid && excuseOf(witnessOf(one), row)) || 'none';
}

function causesOf(one: Case, channels: readonly ChannelDay[]): string[] {
  return channels.flatMap(({ rows, intervals, day }) =>
    rows.flatMap((row) => (isHeldBack(one, row, day) ? 'held' : (causeOf(one, row, intervals.get(row.start)) ?? []))),
  );
}

/** A fresh machine that does not know what was sent since its backup waits for a person with days that were over. */
function isHeldBack({ parts, meter }: Case, { state }: LedgerRow, day: MarketDay): boolean {
  const { end } = ownDay(meter.plan.commodity, day);
  return state !== 'accepted' && parts.life.replacements.some((one) => one.holdsDays && end <= one.end);
}

/** Of the day, or of a message that carries something of it. */
function wasTold({ parts: { trace }, meter }: Case, channels: readonly ChannelDay[]): boolean {
  if (trace.isTold(meter.plan.point, channels[0]!.day)) return true;
  return channels.some(({ rows }) =>
    rows.some(({ deliveries }) => deliveries.some(({ message }) => trace.isAlerted(message))),
  );
}

/** Only whole days are sent: one interval that has a cause excuses the others of its day. */
function explainDay(one: Case, channels: readonly ChannelDay[], causes: readonly string[]): void {
  const { tally, meter } = one;
  const { day } = channels[0]!;
  // Damage is told by the name of its record.
  if (!causes.includes('damaged') && !wasTold(one, channels))
    tally.broken.push(`not accepted, and nobody was told: ${meter.plan.device.id} ${meter.plan.point} day ${day}`);
  const absent = channels.flatMap(({ held }) => held).filter((held) => !held).length;
  if (causes.length > 0 && !causes.includes('none')) {
    const cause = [...new Set(causes)].sort().join('+');
    tally.explained[cause] = (tally.explained[cause] ?? 0) + absent;
    return;
  }
  tally.unexplained += absent;
  const rows = channels.flatMap((channel) => channel.rows);
  const counts = [...new Set(rows.map(({ state }) => state))].map(
    (state) => `${rows.filter((row) => row.state === state).length} ${state}`,
  );
  const first = rows.find((row) => row.state === 'missing');
  tally.broken.push(
    `not accepted without a cause: ${meter.plan.device.id} (${meter.plan.model.model}) ${meter.plan.point} day ${day}: ${counts.join(', ')}; first missing ${first ? isoUtc(first.start) : 'none'}`,
  );
}
