import { type Failure, failure, OdecetError } from '../core/failure.ts';
import type { PointCode } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import { siteNumberOf } from '../core/message-id.ts';
import { isoUtc, type Millis, type UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import type { DocumentReader, DocumentSaid } from '../machine/reader.ts';
import type { Codec } from '../machine/signer.ts';
import type { FormatPack } from '../message/pack.ts';
import { timeText } from '../message/write.ts';
import { isSignedBy } from '../uplink/relay/frame.ts';
import {
  documentIn,
  ENVELOPE_BYTES_MAX,
  type Envelope,
  type EnvelopeHead,
  openEnvelope,
  REFUSALS,
  type Refusal,
} from '../uplink/relay/protocol.ts';
import type { Registry, SiteLine } from './registry.ts';
import { isOfAll, type Kept, type RelayStore, type SiteMessage, type Standing } from './store.ts';

/** Older than this no message was made that still can be sent. */
const AGE_MS_MAX = 800 * 24 * 3_600_000;

export interface IntakeDeps {
  /** As it stands now: a site that was revoked is refused at once. */
  readonly registry: () => Registry;
  readonly codec: Codec;
  readonly store: RelayStore;
  /** By `name@version`, the same as the reader's. */
  readonly packs: ReadonlyMap<string, FormatPack>;
  readonly zone: string;
  readonly reader: DocumentReader;
  /** The participants that the relay can send for. */
  readonly senders: ReadonlySet<string>;
  /** How far in the future a message may have been made. */
  readonly clockOffMsMax: Millis;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  readonly answer: (message: Addressee, standing: Standing) => void;
  readonly refuse: (message: Addressee, refusal: Refusal, detail: string) => void;
  /** Told of every refusal. */
  readonly refused: (site: string, refusal: Refusal, problem: Failure) => void;
  /** What of a site cannot be kept; undefined when a good message came. */
  readonly alert: (site: string, problem: Failure | undefined) => void;
  /** A message was kept for the first time; what it speaks for. */
  readonly spoke: (message: SiteMessage, points: readonly PointCode[]) => void;
  /** There is something new to send. */
  readonly stored: () => void;
}

/** Whom a receipt is for. */
export interface Addressee {
  readonly site: string;
  readonly id: string;
  readonly hash: string;
}

export interface Intake {
  /** Resolves when the message is on the disk or refused. Rejects when the store does; then there is no receipt. */
  take(site: string, payload: Uint8Array): Promise<void>;
}

interface Waiting {
  readonly message: SiteMessage;
  readonly points: readonly PointCode[];
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Looks at what comes up; what is good is kept, together with whatever came meanwhile, before a receipt says so. */
export function createIntake(deps: IntakeDeps): Intake {
  let waiting: Waiting[] = [];
  let isKeeping = false;

  function refuse(site: string, envelope: Envelope | undefined, refusal: Refusal, more: string): void {
    const detail = `${site}${envelope ? `, message ${envelope.head.id}` : ''}: ${REFUSALS[refusal]}${more && ` (${more})`}`;
    deps.log.warn('envelope-refused', { site, refusal, detail });
    deps.refused(site, refusal, failure('envelope-refused', `${refusal}: ${detail}`));
    if (envelope) deps.refuse({ ...envelope.head, site }, refusal, detail);
  }

  function answer({ message, points, resolve }: Waiting, result: Kept): void {
    if (result.kind === 'taken') {
      const more = [
        ...(result.bySite === message.site ? [] : [`by the site ${result.bySite}`]),
        ...(result.version === message.version ? [] : [`as version ${result.version}, now ${message.version}`]),
      ].join(', ');
      refuse(message.site, openEnvelope(message.envelope), 'changed-content', more);
    } else if (result.kind === 'damaged') {
      // No receipt: its site sends it again and again until somebody has restored the record.
      const problem = failure('store-damaged', `${message.site}, message ${message.id}: ${result.why}`);
      deps.log.error('message-damaged', { ...problem, site: message.site, id: message.id });
      deps.alert(message.site, problem);
    } else {
      deps.log.info('message-kept', { site: message.site, id: message.id, kind: result.kind });
      deps.answer(message, result.standing);
      deps.alert(message.site, undefined);
      if (result.kind === 'new') deps.spoke(message, points);
    }
    resolve();
  }

  async function keepGroup(group: readonly Waiting[]): Promise<void> {
    try {
      const kept = await deps.store.keep(group.map(({ message }) => message));
      for (const [n, one] of group.entries()) answer(one, kept[n]!);
      deps.stored();
    } catch (error) {
      await cannotKeep(group, error);
    }
  }

  /** No receipt: they come again. What the store refuses of several it is offered one by one: it may be about one of them. */
  async function cannotKeep(group: readonly Waiting[], error: unknown): Promise<void> {
    const problem = problemOf(error);
    const { code, detail } = problem;
    deps.log.error('relay-cannot-keep', { code, detail, messages: group.length });
    if (group.length > 1 && !isOfAll(problem)) {
      for (const one of group) await keepGroup([one]);
      return;
    }
    for (const { message, reject } of group) {
      if (!isOfAll(problem))
        deps.alert(message.site, failure(code, `${message.site}, message ${message.id} cannot be kept: ${detail}`));
      reject(error);
    }
  }

  async function keepAll(): Promise<void> {
    isKeeping = true;
    for (let group = waiting; group.length > 0; group = waiting) {
      waiting = [];
      await keepGroup(group);
    }
    isKeeping = false;
  }

  return {
    async take(site, payload) {
      const judged = await judge(site, payload, deps).catch((error: unknown) => {
        // No receipt: it comes again. Who calls us has nobody to tell.
        deps.log.error('relay-cannot-read', { ...problemOf(error), site });
        throw error;
      });
      if (judged.kind === 'refused') return refuse(site, judged.envelope, judged.refusal, judged.more);
      await new Promise<void>((resolve, reject) => {
        waiting.push({ message: judged.message, points: judged.points, resolve, reject });
        if (!isKeeping) void keepAll();
      });
    },
  };
}

function problemOf(error: unknown): Failure {
  return error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
}

type Judged =
  | { readonly kind: 'good'; readonly message: SiteMessage; readonly points: readonly PointCode[] }
  | {
      readonly kind: 'refused';
      readonly refusal: Refusal;
      readonly more: string;
      readonly envelope: Envelope | undefined;
    };

/** @param site whose topic it came on. Nothing is unpacked before the signature holds. */
async function judge(site: string, payload: Uint8Array, deps: IntakeDeps): Promise<Judged> {
  const envelope = openEnvelope(payload);
  const no = (refusal: Refusal, more = ''): Judged => ({ kind: 'refused', refusal, more, envelope });
  if (payload.length > ENVELOPE_BYTES_MAX) return no('too-large', `${payload.length} bytes`);
  if (!envelope) return no('not-an-envelope');
  const receivedAt = deps.clock.now();
  const objection = objectionTo(envelope, site, receivedAt, deps);
  if (objection) return no(...objection);
  const { head } = envelope;
  const pack = deps.packs.get(head.pack);
  if (!pack) return no('bad-document', `the relay has no pack ${head.pack}`);
  const read = await deps.reader.read(documentIn(envelope), head.pack);
  if (read.kind === 'other') return no('bad-hash');
  if (read.kind !== 'document') return no('bad-document', read.why);
  const other = otherThanSaid(read.said, head, pack, deps);
  if (other) return no('bad-document', other);
  // Asked anew: while it was read the site may have been revoked, or given other points.
  const line = deps.registry().find(site);
  if (!line || line.revoked) return no(line ? 'revoked-site' : 'unknown-site');
  // The registry's text, not the document's: a part of a text keeps the whole, and each message that waits would keep 66 kB.
  const sender = line.senders.find((each) => each === read.said.sender);
  if (sender === undefined) return no('wrong-sender', read.said.sender);
  const stranger = strangerAmong(read.said.points, line, sender, deps.registry());
  if (stranger !== undefined) return no('wrong-point', stranger);
  if (!deps.senders.has(sender)) return no('no-way', sender);
  if (head.corrects !== undefined && (await isForeign(head.corrects, line, sender, deps)))
    return no('foreign-correction', head.corrects);
  return { kind: 'good', message: messageOf(envelope, sender, payload, receivedAt), points: read.said.points };
}

/** A point that the site may not speak for: not in its list, or in the list of others only. */
function strangerAmong(points: readonly PointCode[], line: SiteLine, sender: string, registry: Registry) {
  if (line.points) return points.find((point) => !line.points?.includes(point));
  return points.find((point) => registry.ownersOf(point).some((owner) => owner.senders.includes(sender)));
}

/**
 * The operator takes a correction in the place of what it corrects, whoever sent that. A message that the store does not know,
 * because it went another way or was forgotten, is told by the number in its id.
 */
async function isForeign(id: MessageId, line: SiteLine, sender: string, { store, registry }: IntakeDeps) {
  const site = await store.siteOf({ sender, id });
  if (site !== undefined) return site !== line.site;
  const number = siteNumberOf(id);
  if (number === undefined) return false;
  if (line.number !== undefined) return number !== line.number;
  return registry().sites.some((other) => other.number === number && other.senders.includes(sender));
}

type Objection = readonly [refusal: Refusal, more?: string];

/** What is wrong with an envelope as far as its line tells. */
function objectionTo(
  { head, frame }: Envelope,
  site: string,
  receivedAt: UtcMs,
  { registry, codec, clockOffMsMax }: IntakeDeps,
): Objection | undefined {
  if (head.site !== site) return ['wrong-topic', `signed as ${head.site}`];
  const line = registry().find(site);
  if (!line) return ['unknown-site'];
  if (line.revoked) return ['revoked-site'];
  if (!isSignedBy(frame, [line.key], codec)) return ['bad-signature'];
  if (head.madeAt > receivedAt + clockOffMsMax || head.madeAt < receivedAt - AGE_MS_MAX) return ['clock-off'];
  // Ids that were made before the site had its number are good too.
  const number = siteNumberOf(head.id);
  if (line.number === undefined || number === undefined || number === line.number) return undefined;
  return ['wrong-number', `${number}, the registry says ${line.number}; correct "number:" in the site file`];
}

/** Where document and envelope contradict each other, or the time; not every pack writes what a document corrects. */
function otherThanSaid(
  said: DocumentSaid,
  head: EnvelopeHead,
  pack: FormatPack,
  { zone, clockOffMsMax }: Pick<IntakeDeps, 'zone' | 'clockOffMsMax'>,
): string | undefined {
  const { madeAt, corrects, latest } = said;
  if (said.id !== head.id || said.day !== head.day || pack.commodity !== head.kind)
    return 'it says another id, day or commodity than its envelope';
  if (madeAt !== undefined && madeAt !== timeText(head.madeAt, pack.times.message, zone))
    return `it was made at ${madeAt}, its envelope at ${isoUtc(head.madeAt)}`;
  if (corrects !== undefined && corrects !== head.corrects)
    return `it corrects ${corrects}, its envelope says ${head.corrects ?? 'nothing'}`;
  // What is not over cannot have been metered, whatever the document says of its quality.
  if (latest === undefined || latest.end <= head.madeAt + clockOffMsMax) return undefined;
  return `the interval from ${isoUtc(latest.start)} was not over when it was made, ${isoUtc(head.madeAt)}`;
}

function messageOf({ head }: Envelope, sender: string, envelope: Uint8Array, receivedAt: UtcMs): SiteMessage {
  const { id, site, version, hash, day } = head;
  return { sender, id, site, version, hash, day, receivedAt, envelope };
}
