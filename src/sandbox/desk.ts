import { createHash } from 'node:crypto';
import { marketDayOf } from '../core/calendar.ts';
import type { MessageId } from '../core/message.ts';
import { remembering } from '../core/remember.ts';
import { isoUtc, type MarketDay, parseUtc } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import { readCaptured, readDocumentElement } from '../message/read.ts';
import { attributeOf, elements, type XmlElement } from '../message/xml.ts';
import type { SandboxConfig } from './config.ts';
import { type Answered, type Journal, type NewEntry, runsOf } from './journal.ts';
import { type Market, type Problem, problemsOf } from './market.ts';
import type { CheckedPack } from './packs.ts';
import type { SignedDocument } from './seal-check.ts';

/** The first answer's number is this plus one: 14 digits, as the operator's are. */
const ANSWER_NUMBERS_FROM = 30_000_000_000_000;

/** Where messages are judged and entered, one after another. */
export interface Desk {
  /**
   * What the journal says about a document: an entry made now, or the one made when it came first. Resolves when the journal has
   * it. Rejects with Error when the document cannot even be told apart (no pack knows it, no id), and as Journal.append does.
   */
  receive(document: SignedDocument, refuse: boolean): Promise<Answered>;
}

interface Arrival {
  readonly id: MessageId;
  readonly sender: string;
  readonly utf8: Buffer;
  readonly sha256: string;
}

/** Where a profile of a message stands; the day is that of its start, UTC in ISO 8601. */
interface Placed {
  readonly point: string;
  readonly channel: string;
  readonly start: string;
}

/** What is remembered of an entry; its document and its rows are the journal's. */
interface Known {
  readonly answered: Answered;
  /** The keys that it holds. */
  readonly held: readonly string[];
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

  function enter(answered: Answered, profiles: readonly Placed[], kept: Promise<void>): Known {
    const { id, commodity, answerId, problems } = answered;
    const dayOf = remembering((start: string) => marketDayOf(commodity, parseUtc(start), zone));
    const held = problems.length > 0 ? [] : heldKeys(profiles, dayOf);
    for (const key of held) {
      const before = holders.get(key);
      if (before) before.push(id);
      else holders.set(key, [id]);
    }
    lastAnswer = Math.max(lastAnswer, Number(answerId));
    const entered = { answered, held, kept };
    known.set(id, entered);
    return entered;
  }

  /** As if it had never come: the journal does not have it. */
  function withdraw(id: MessageId): void {
    for (const key of known.get(id)?.held ?? []) {
      const left = (holders.get(key) ?? []).filter((holder) => holder !== id);
      if (left.length > 0) holders.set(key, left);
      else holders.delete(key);
    }
    known.delete(id);
  }

  for (const { xml: _xml, rows, ...answered } of journal.entries) enter(answered, rows, Promise.resolve());

  function judge(document: SignedDocument, arrival: Arrival, checked: CheckedPack, refuse: boolean): NewEntry {
    const { pack, complaint } = checked;
    const { commodity } = pack;
    const answerId = String(lastAnswer + 1);
    const base = { ...arrival, commodity, answerId, receivedAt: isoUtc(clock.now()), runs: [] };
    const rejected = (...problems: Problem[]): NewEntry => ({ ...base, problems });
    if (refuse) return rejected({ code: 'SANDBOX-VALUE', text: 'Zpráva odmítnuta na přání zkoušky' });
    const invalid = checkSchema ? complaint(document.xml) : undefined;
    if (invalid !== undefined) return rejected({ code: 'SANDBOX-SCHEMA', text: `Chybná struktura zprávy: ${invalid}` });
    const read =
      'element' in document
        ? readDocumentElement(pack, document.element, zone)
        : readCaptured(document.pack, document.captured, zone);
    if (read.kind === 'refused') return rejected({ code: 'SANDBOX-SCHEMA', text: `Chybný obsah zprávy: ${read.why}` });
    const { corrects, rows } = read.document;
    const holder: Market['holder'] = ({ point, channel }, day) => holders.get(holderKey(point, channel, day))?.at(-1);
    const problems = problemsOf(read.document, commodity, { zone, pointOf: (code) => pointsByCode.get(code), holder });
    if (problems.length > 0) return rejected(...problems);
    return { ...base, problems, runs: runsOf(rows), ...(corrects !== undefined && { corrects: ownText(corrects) }) };
  }

  function take(document: SignedDocument, refuse: boolean): Pick<Known, 'answered' | 'kept'> {
    const checked = packOf(document, packs);
    const arrival = arrivalOf(document);
    const earlier = known.get(arrival.id);
    if (earlier) {
      const isSame = earlier.answered.sha256 === arrival.sha256;
      return isSame ? earlier : { answered: usedBefore(earlier.answered), kept: earlier.kept };
    }
    // Nothing else is judged between here and `enter`: a double that comes at the same time sees this one.
    const entry = judge(document, arrival, checked, refuse);
    const { utf8: _utf8, runs, ...answered } = entry;
    const kept = journal.append(entry).catch((error: unknown) => {
      withdraw(answered.id);
      throw error;
    });
    return enter(answered, runs, kept);
  }

  return {
    // Whoever waits for the disk holds on to the answer alone: a document is five hundred elements.
    async receive(document, refuse) {
      const { answered, kept } = take(document, refuse);
      return kept.then(() => answered);
    },
  };
}

function packOf(document: SignedDocument, packs: readonly CheckedPack[]): CheckedPack {
  const { name, namespace } =
    'element' in document ? document.element : { name: document.pack.family, namespace: document.pack.namespace };
  const found = packs.find(({ pack }) => pack.family === name && pack.namespace === namespace);
  if (!found) throw new Error(`no pack knows {${namespace}}${name}`);
  return found;
}

function usedBefore(earlier: Answered): Answered {
  const text = `Číslo zprávy ${earlier.id} již bylo použito pro jiný obsah`;
  return { ...earlier, problems: [{ code: 'SANDBOX-DOUBLE', text }] };
}

function holderKey(point: string, channel: string, day: MarketDay): string {
  return `${point} ${channel} ${day}`;
}

/** The keys of an accepted message; all its rows are of one market day. */
function heldKeys(profiles: readonly Placed[], dayOf: (start: string) => MarketDay): string[] {
  const [first] = profiles;
  if (!first) return [];
  const day = dayOf(first.start);
  return [...new Set(profiles.map(({ point, channel }) => ownText(holderKey(point, channel, day))))];
}

/** Id and sender stand at the same place in all of the operator's own messages. */
function arrivalOf(document: SignedDocument): Arrival {
  const { utf8 } = document;
  const [id = '', sender] =
    'element' in document
      ? headOf(document.element)
      : [document.captured.get('message.id'), document.captured.get('sender.id')];
  if (id === '') throw new Error('the document has no id');
  const sha256 = createHash('sha256').update(utf8).digest('hex');
  return { id: ownText(id), sender: ownText(sender ?? 'unknown'), utf8, sha256 };
}

function headOf(element: XmlElement): [id: string | undefined, sender: string | undefined] {
  const sender = elements(element).find(({ name }) => name === 'SenderIdentification');
  return [attributeOf(element, 'id'), sender && attributeOf(sender, 'id')];
}

/** What is remembered must not be a part of a text: that would keep the whole message. */
function ownText(text: string): string {
  return Buffer.from(text).toString();
}
