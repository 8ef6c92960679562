import { createHash } from 'node:crypto';
import { marketDayOf } from '../core/calendar.ts';
import type { MessageId } from '../core/message.ts';
import { isoUtc, type MarketDay, parseUtc } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import { type DocumentRow, readDocumentElement } from '../message/read.ts';
import { attributeOf, elements, type XmlElement } from '../message/xml.ts';
import { canonical } from '../uplink/canonical.ts';
import type { SandboxConfig } from './config.ts';
import type { Answered, Entry, EntryRow, Journal } from './journal.ts';
import { type Market, type Problem, problemsOf } from './market.ts';
import type { CheckedPack } from './packs.ts';

/** The first answer's number is this plus one: 14 digits, as the operator's are. */
const ANSWER_NUMBERS_FROM = 30_000_000_000_000;

/** Where messages are judged and entered, one after another. */
export interface Desk {
  /**
   * What the journal says about a document: an entry made now, or the one made when it came first. Resolves when the journal has
   * it. Rejects with Error when the document cannot even be told apart (no pack knows it, no id), and as Journal.append does.
   */
  receive(document: XmlElement, refuse: boolean): Promise<Answered>;
}

interface Arrival {
  readonly document: XmlElement;
  readonly id: MessageId;
  readonly sender: string;
  readonly xml: string;
  readonly sha256: string;
}

/** An entry of which only the answer is remembered. */
interface Known {
  readonly answered: Answered;
  /** Settled when the journal has it, or not. */
  readonly kept: Promise<void>;
}

export function openDesk(
  config: Pick<SandboxConfig, 'points' | 'zone'> & Partial<Pick<SandboxConfig, 'checkSchema'>>,
  packs: readonly CheckedPack[],
  journal: Journal,
  clock: Pick<Clock, 'now'>,
): Desk {
  const { points, zone, checkSchema = true } = config;
  const pointsByCode = new Map(points.map((point) => [point.code, point]));
  const known = new Map<MessageId, Known>();
  /** By point, channel and day, which is accepted whole or not at all; the last one holds it, the others it corrects. */
  const holders = new Map<string, MessageId[]>();
  let lastAnswer = ANSWER_NUMBERS_FROM;

  function enter({ xml: _xml, rows, ...answered }: Entry, kept: Promise<void>): void {
    const { id, commodity, answerId, problems } = answered;
    known.set(id, { answered, kept });
    lastAnswer = Math.max(lastAnswer, Number(answerId));
    if (problems.length > 0) return;
    for (const key of heldKeys(rows, (start) => marketDayOf(commodity, parseUtc(start), zone))) {
      const before = holders.get(key);
      if (before) before.push(id);
      else holders.set(key, [id]);
    }
  }

  /** As if it had never come: the journal does not have it. */
  function withdraw({ id, commodity, rows }: Entry): void {
    known.delete(id);
    for (const key of heldKeys(rows, (start) => marketDayOf(commodity, parseUtc(start), zone))) {
      const left = (holders.get(key) ?? []).filter((holder) => holder !== id);
      if (left.length > 0) holders.set(key, left);
      else holders.delete(key);
    }
  }

  for (const entry of journal.entries) enter(entry, Promise.resolve());

  function judge(arrival: Arrival, { pack, complaint }: CheckedPack, refuse: boolean): Entry {
    const { document, ...told } = arrival;
    const { commodity } = pack;
    const base = { ...told, commodity, answerId: String(lastAnswer + 1), receivedAt: isoUtc(clock.now()), rows: [] };
    const rejected = (...problems: Problem[]): Entry => ({ ...base, problems });
    if (refuse) return rejected({ code: 'SANDBOX-VALUE', text: 'Zpráva odmítnuta na přání zkoušky' });
    const invalid = checkSchema ? complaint(arrival.xml) : undefined;
    if (invalid !== undefined) return rejected({ code: 'SANDBOX-SCHEMA', text: `Chybná struktura zprávy: ${invalid}` });
    const read = readDocumentElement(pack, document, zone);
    if (read.kind === 'refused') return rejected({ code: 'SANDBOX-SCHEMA', text: `Chybný obsah zprávy: ${read.why}` });
    const { corrects, rows } = read.document;
    const holder: Market['holder'] = ({ point, channel }, day) => holders.get(holderKey(point, channel, day))?.at(-1);
    const problems = problemsOf(read.document, commodity, { zone, pointOf: (code) => pointsByCode.get(code), holder });
    if (problems.length > 0) return rejected(...problems);
    return { ...base, problems, rows: entryRows(rows), ...(corrects !== undefined && { corrects }) };
  }

  return {
    async receive(document, refuse) {
      const arrival = arrivalOf(document);
      const { name, namespace } = document;
      const checked = packs.find(({ pack }) => pack.family === name && pack.namespace === namespace);
      if (!checked) throw new Error(`no pack knows {${namespace}}${name}`);
      const earlier = known.get(arrival.id);
      if (earlier) {
        await earlier.kept;
        return earlier.answered.sha256 === arrival.sha256 ? earlier.answered : usedBefore(earlier.answered);
      }
      // Nothing else is judged between here and `enter`: a double that comes at the same time sees this one.
      const entry = judge(arrival, checked, refuse);
      const kept = journal.append(entry);
      enter(entry, kept);
      try {
        await kept;
      } catch (error) {
        withdraw(entry);
        throw error;
      }
      const { xml: _xml, rows: _rows, ...answered } = entry;
      return answered;
    },
  };
}

/** Every point has the same intervals, so each start is written out once. */
function entryRows(rows: readonly DocumentRow[]): EntryRow[] {
  const texts = new Map([...new Set(rows.map(({ start }) => start))].map((start) => [start, isoUtc(start)]));
  return rows.map((row) => ({ ...row, start: texts.get(row.start)! }));
}

function usedBefore(earlier: Answered): Answered {
  const text = `Číslo zprávy ${earlier.id} již bylo použito pro jiný obsah`;
  return { ...earlier, problems: [{ code: 'SANDBOX-DOUBLE', text }] };
}

function holderKey(point: string, channel: string, day: MarketDay): string {
  return `${point} ${channel} ${day}`;
}

/** The keys of an accepted message; all its rows are of one market day. */
function heldKeys(rows: readonly EntryRow[], dayOf: (start: string) => MarketDay): Set<string> {
  const [first] = rows;
  if (!first) return new Set();
  const day = dayOf(first.start);
  return new Set(rows.map(({ point, channel }) => holderKey(point, channel, day)));
}

/** Id and sender stand at the same place in all of the operator's own messages. */
function arrivalOf(document: XmlElement): Arrival {
  const id = attributeOf(document, 'id') ?? '';
  if (id === '') throw new Error('the document has no id');
  const sender = elements(document).find(({ name }) => name === 'SenderIdentification');
  const xml = canonical(document);
  const sha256 = createHash('sha256').update(xml).digest('hex');
  return { document, id, sender: (sender && attributeOf(sender, 'id')) ?? 'unknown', xml, sha256 };
}
