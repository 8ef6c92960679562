import { createHash } from 'node:crypto';
import type { MessageId } from '../core/message.ts';
import { isoUtc } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import { readDocument } from '../message/read.ts';
import { elementText } from '../uplink/xml.ts';
import type { SandboxConfig } from './config.ts';
import type { Entry, Journal } from './journal.ts';
import { intervalKey, type Problem, problemsOf } from './market.ts';
import type { CheckedPack } from './packs.ts';

/** The first answer's number is this plus one: 14 digits, as the operator's are. */
const ANSWER_NUMBERS_FROM = 30_000_000_000_000;

/** Where messages are judged and entered, one after another. */
export interface Desk {
  /**
   * What the journal says about a document: an entry made now, or the one made when it came first.
   * Throws Error when the document cannot even be told apart (no pack knows it, no id).
   */
  receive(document: Element, refuse: boolean): Promise<Entry>;
}

interface Arrival {
  readonly id: MessageId;
  readonly sender: string;
  readonly xml: string;
  readonly sha256: string;
}

export function openDesk(
  config: Pick<SandboxConfig, 'points' | 'zone'> & Partial<Pick<SandboxConfig, 'checkSchema'>>,
  packs: readonly CheckedPack[],
  journal: Journal,
  clock: Pick<Clock, 'now'>,
): Desk {
  const { points, zone, checkSchema = true } = config;
  const byId = new Map<MessageId, Entry>();
  const holders = new Map<string, MessageId>();
  let turn: Promise<unknown> = Promise.resolve();

  function enter(entry: Entry): void {
    byId.set(entry.id, entry);
    if (entry.problems.length === 0) for (const row of entry.rows) holders.set(intervalKey(row), entry.id);
  }

  for (const entry of journal.entries) enter(entry);

  async function judge(arrival: Arrival, { pack, complaint }: CheckedPack, refuse: boolean): Promise<Entry> {
    const { commodity } = pack;
    const answerId = String(ANSWER_NUMBERS_FROM + journal.entries.length + 1);
    const base = { ...arrival, commodity, answerId, receivedAt: isoUtc(clock.now()), rows: [] };
    const rejected = (...problems: Problem[]): Entry => ({ ...base, problems });
    if (refuse) return rejected({ code: 'SANDBOX-VALUE', text: 'Zpráva odmítnuta na přání zkoušky' });
    const invalid = checkSchema ? await complaint(arrival.xml) : undefined;
    if (invalid !== undefined) return rejected({ code: 'SANDBOX-SCHEMA', text: `Chybná struktura zprávy: ${invalid}` });
    const read = readDocument(pack, arrival.xml, zone);
    if (read.kind === 'refused') return rejected({ code: 'SANDBOX-SCHEMA', text: `Chybný obsah zprávy: ${read.why}` });
    const { corrects, rows } = read.document;
    const problems = problemsOf(read.document, commodity, { zone, points, holder: (key) => holders.get(key) });
    if (problems.length > 0) return rejected(...problems);
    const kept = rows.map((row) => ({ ...row, start: isoUtc(row.start) }));
    return { ...base, problems, rows: kept, ...(corrects !== undefined && { corrects }) };
  }

  async function receiveNow(document: Element, refuse: boolean): Promise<Entry> {
    const known = packs.find(
      ({ pack }) => pack.family === document.localName && pack.namespace === document.namespaceURI,
    );
    if (!known) throw new Error(`no pack knows {${document.namespaceURI}}${document.localName}`);
    const arrival = arrivalOf(document);
    const earlier = byId.get(arrival.id);
    if (earlier?.sha256 === arrival.sha256) return earlier;
    if (earlier) {
      const text = `Číslo zprávy ${arrival.id} již bylo použito pro jiný obsah`;
      return { ...earlier, rows: [], problems: [{ code: 'SANDBOX-DOUBLE', text }] };
    }
    const entry = await judge(arrival, known, refuse);
    await journal.append(entry);
    enter(entry);
    return entry;
  }

  return {
    receive(document, refuse) {
      const result = turn.then(() => receiveNow(document, refuse));
      turn = result.catch(() => undefined);
      return result;
    },
  };
}

/** Id and sender stand at the same place in all of the operator's own messages. */
function arrivalOf(document: Element): Arrival {
  const id = document.getAttribute('id') ?? '';
  if (id === '') throw new Error('the document has no id');
  const xml = elementText(document);
  const sender = document.getElementsByTagNameNS(document.namespaceURI, 'SenderIdentification').item(0);
  const sha256 = createHash('sha256').update(xml).digest('hex');
  return { id, sender: sender?.getAttribute('id') ?? 'unknown', xml, sha256 };
}
