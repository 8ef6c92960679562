import { failure } from '../../core/failure.ts';
import type { Commodity } from '../../core/interval.ts';
import type { Message, MessageId } from '../../core/message.ts';
import { isoUtc, MINUTE_MS, type Millis, SECOND_MS, type UtcMs } from '../../core/time.ts';
import type { Clock } from '../../machine/clock.ts';
import { readAnswer } from '../../message/answer.ts';
import type { FormatPack } from '../../message/pack.ts';
import { type DocumentRow, type ReadDocument, readDocument } from '../../message/read.ts';
import { answerDocument } from '../../sandbox/answer.ts';
import type { Entry } from '../../sandbox/journal.ts';
import { intervalKey, type Problem, problemsOf } from '../../sandbox/market.ts';
import { answeredBy, type Delivery } from '../../uplink/direct.ts';
import type { FaultKind } from './faults.ts';
import type { ImaginedSite } from './imagined-site.ts';
import { ownDay, ownSpans } from './own-days.ts';
import type { Trace } from './trace.ts';

/** An accepted interval, and the message it stands in. */
export interface Held {
  readonly message: MessageId;
  readonly row: DocumentRow;
  readonly at: UtcMs;
}

export type OperatorFault = Extract<FaultKind, `operator-${string}`>;

/** The operator of an imagined market: what it took, and what must never happen to it. */
export interface Operator {
  /** One try of the gateway; the ways of DirectDeps.deliver with the wire and the signature left out. */
  deliver(message: Message, clock: Clock, signal: AbortSignal): Promise<Delivery>;
  /** Meets the next messages, one each. */
  order(fault: OperatorFault, times: number): void;
  down(isDown: boolean): void;
  /** Accepted intervals by key; every value that was ever accepted, the one that holds last. */
  readonly held: ReadonlyMap<string, readonly Held[]>;
  readonly rejected: ReadonlySet<MessageId>;
  /** Intervals that came again in a message that corrects nothing. */
  readonly doubles: readonly string[];
  /** Profiles that are not exactly the intervals of the day that their message names, by the judge's own calendar. */
  readonly strays: readonly string[];
  /** Ids that came with two contents. */
  readonly reused: readonly MessageId[];
  /** Messages that were tried again and again without a rest. */
  readonly knocked: ReadonlySet<MessageId>;
  readonly messages: number;
}

const ANSWER_WITHIN_MS: Millis = 60 * SECOND_MS;
const WIRE_MS: Millis = 40;
const THINKS_MS: Millis = 300;
const SLOW_MOST_MS: Millis = 90 * SECOND_MS;
/** Back-off allows a message about ten tries in this time; whenever the operator comes back, and after a start, one more. */
const KNOCKS_WITHIN_MS: Millis = 10 * MINUTE_MS;
const KNOCKS_MAX = 40;

export function imagineOperator(
  { site, packs, meters }: ImaginedSite,
  trueNow: () => UtcMs,
  trace: Trace,
  chance: () => number,
): Operator {
  const points = new Map(
    meters.map(({ point, commodity, minutes }) => [point, { code: point, commodity, minutes }] as const),
  );
  const held = new Map<string, Held[]>();
  const entries = new Map<MessageId, { readonly xml: string; readonly entry: Entry }>();
  const rejected = new Set<MessageId>();
  const doubles: string[] = [];
  const strays: string[] = [];
  const reused: MessageId[] = [];
  const knocked = new Set<MessageId>();
  const knocks = new Map<MessageId, readonly UtcMs[]>();
  const ordered: OperatorFault[] = [];
  let isDown = false;
  const answerWithinMs = ANSWER_WITHIN_MS;

  function judge(xml: string, commodity: Commodity, pack: FormatPack, refuse: boolean): Entry {
    const read = readDocument(pack, xml, site.zone);
    if (read.kind === 'refused') throw new Error(`the operator cannot read the document: ${read.why}`);
    const { document } = read;
    const market = {
      zone: site.zone,
      pointOf: (code: string) => points.get(code),
      holder: (row: DocumentRow) => held.get(keyOf(row))?.at(-1)?.message,
    };
    const found: Problem[] = refuse
      ? [{ code: 'SANDBOX-VALUE', text: 'Zpráva odmítnuta na přání zkoušky' }]
      : problemsOf(document, commodity, market);
    for (const { code, text } of found) if (code === 'SANDBOX-DOUBLE') doubles.push(text);
    strays.push(...straysOf(document, commodity));
    if (found.length === 0)
      for (const row of document.rows) {
        const key = keyOf(row);
        const place = held.get(key);
        const one = { message: document.id, row, at: trueNow() };
        if (place) place.push(one);
        else held.set(key, [one]);
      }
    else rejected.add(document.id);
    return {
      id: document.id,
      commodity,
      sender: document.sender,
      problems: found,
      answerId: String(30_000_000_000_001 + entries.size),
      receivedAt: isoUtc(trueNow()),
      sha256: '',
      xml: '',
      rows: [],
    };
  }

  function knock(id: MessageId): void {
    const now = trueNow();
    const before = (knocks.get(id) ?? []).filter((at) => at > now - KNOCKS_WITHIN_MS);
    knocks.set(id, [...before, now]);
    if (before.length >= KNOCKS_MAX) knocked.add(id);
  }

  /** The same message again gets the same answer; nothing is entered twice. */
  function receive({ id, xml, commodity }: Message, refuse: boolean): Entry {
    const earlier = entries.get(id);
    if (earlier && earlier.xml !== xml) reused.push(id);
    if (earlier) return earlier.entry;
    const entry = judge(xml, commodity, packs.get(commodity)!, refuse);
    entries.set(id, { xml, entry });
    trace.note('operator-received', `${id} ${entry.problems.map(({ code }) => code).join() || 'accepted'}`);
    return entry;
  }

  return {
    held,
    rejected,
    doubles,
    strays,
    reused,
    knocked,
    get messages() {
      return entries.size;
    },
    order: (fault, times) => {
      for (let n = 0; n < times; n++) ordered.push(fault);
    },
    down: (isNow) => {
      isDown = isNow;
    },
    async deliver(message, clock, signal) {
      knock(message.id);
      if (isDown) {
        trace.count('operator-down');
        await clock.sleep(WIRE_MS, signal);
        return failed('not-sent', 'operator-unreachable', 'nobody listens');
      }
      const fault = ordered.shift();
      if (fault) trace.count(fault);
      const thinksMs = fault === 'operator-slow' ? Math.ceil(chance() * SLOW_MOST_MS) : THINKS_MS;
      await clock.sleep(WIRE_MS, signal);
      if (fault === 'operator-lost-request') return unanswered(clock, signal);
      if (fault === 'operator-fault') return failed('fault', 'operator-fault', 'SOAP fault Server: not now');
      const entry = take(message, fault);
      if (fault === 'operator-lost-answer' || thinksMs > answerWithinMs) return unanswered(clock, signal);
      await clock.sleep(thinksMs + WIRE_MS, signal);
      const told = entry ?? entryOfNothing(message, trueNow());
      const answer = fault === 'operator-unknown' ? unclear(told) : answerDocument(told, site.zone);
      return answeredBy(readAnswer(packs.get(message.commodity)!, answer, message.id, clock.now()));
    },
  };

  /** What nobody understands says nothing of whether the message was taken. */
  function take(message: Message, fault: OperatorFault | undefined): Entry | undefined {
    const isTaken = fault !== 'operator-unknown' || chance() < 0.5;
    const entry = isTaken ? receive(message, fault === 'operator-reject') : undefined;
    if (fault === 'operator-twice') receive(message, false);
    return entry;
  }

  /** A code that no table knows; every other one is a whole acceptance of another message. */
  function unclear(told: Entry): string {
    if (entries.size % 2 === 0) return answerDocument(told, site.zone, true);
    return answerDocument({ ...told, id: otherThan(told.id), problems: [] }, site.zone);
  }

  async function unanswered(clock: Clock, signal: AbortSignal): Promise<Delivery> {
    await clock.sleep(answerWithinMs, signal);
    return failed('no-answer', 'operator-no-answer', `not finished within ${answerWithinMs} ms`);
  }
}

function straysOf({ id, day, rows }: ReadDocument, commodity: Commodity): string[] {
  const starts = new Map<string, { readonly minutes: number; readonly at: Set<UtcMs> }>();
  for (const { point, channel, minutes, start } of rows) {
    const profile = starts.get(`${point} ${channel}`) ?? { minutes, at: new Set() };
    starts.set(`${point} ${channel}`, profile);
    profile.at.add(start);
  }
  return [...starts].flatMap(([name, { minutes, at }]) => {
    const spans = ownSpans(ownDay(commodity, day), minutes);
    const isWhole = spans.length === at.size && spans.every(({ start }) => at.has(start));
    return isWhole ? [] : [`message ${id}: ${name} is not whole over ${commodity} day ${day}`];
  });
}

function entryOfNothing({ id, commodity }: Message, at: UtcMs): Entry {
  const bare = { sender: 'none', problems: [], rows: [], sha256: '', xml: '' };
  return { ...bare, id, commodity, answerId: '30000000000000', receivedAt: isoUtc(at) };
}

/** The message before it. */
function otherThan(id: MessageId): MessageId {
  return String(Number(id) - 1).padStart(id.length, '0');
}

function failed(
  outcome: 'not-sent' | 'no-answer' | 'fault',
  code: 'operator-unreachable' | 'operator-no-answer' | 'operator-fault',
  why: string,
): Delivery {
  return { outcome, detail: `${code}: ${why}`, failure: failure(code, why) };
}

function keyOf(row: DocumentRow): string {
  return intervalKey({ ...row, start: isoUtc(row.start) });
}
