import { type BackoffRule, backoffMs } from '../core/backoff.ts';
import { OdecetError } from '../core/failure.ts';
import { HOUR_MS, MINUTE_MS, type Millis, type MonotonicMs, SECOND_MS } from '../core/time.ts';
import { onAbort } from '../machine/abort.ts';
import type { Publication } from '../machine/broker.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Log } from '../machine/log.ts';
import type { Codec, Signer } from '../machine/signer.ts';
import type { Cancel } from '../machine/timers.ts';
import {
  answerResult,
  COMMAND_BYTES_MAX,
  type Command,
  type CommandAnswer,
  openAnswer,
  openCommand,
  packCommand,
  packSignedWords,
  signedWords,
  VALID_MS_MAX,
} from '../uplink/relay/command.ts';
import { readOrder } from '../uplink/relay/command-bodies.ts';
import { isSignedBy } from '../uplink/relay/frame.ts';
import { topicOf } from '../uplink/relay/topics.ts';
import type { CommandLog, EndedCommand, GivenCommand } from './given-command.ts';
import { isAbout, isNotBelieved, type KnownCommand, knownCommand, Unanswered } from './known-command.ts';
import type { Registry } from './registry.ts';

/** Until the site says that it has it, a command goes again like this; afterwards now and then, in case its answer got lost. */
const UNTAKEN: BackoffRule = { firstMs: 5 * SECOND_MS, factor: 2, mostMs: HOUR_MS, jitter: 0.2 };
const TAKEN: BackoffRule = { firstMs: 20 * SECOND_MS, factor: 2, mostMs: 10 * MINUTE_MS, jitter: 0.2 };
/** The broker keeps one copy for a site that is away, which gets another when it comes; this is for a broker that forgot. */
const AWAY_EVERY_MS: Millis = 6 * HOUR_MS;
/** What was open before a start is asked for once more, and its answer waited for, however late it is. */
const ASKED_MS: Millis = MINUTE_MS;
/** What a site has taken it may work on for longer than the command was valid: a site file on trial, a long archive. */
const WORKS_MS_MAX: Millis = 2 * 3_600_000;
const LOOK_EVERY_MS: Millis = SECOND_MS;
/** So many may be open at once. */
const OPEN_MAX = 1_000;

export interface CommandWish {
  readonly site: string;
  readonly kind: string;
  /** JSON. */
  readonly body: string;
  readonly by: string;
  readonly validMs: Millis;
}

export type Progress = 'given' | 'sent' | 'taken';

export interface CommanderDeps {
  readonly name: string;
  readonly registry: () => Registry;
  readonly signer: Signer;
  readonly codec: Codec;
  readonly commandLog: CommandLog;
  readonly publish: (publication: Publication) => Promise<void>;
  /** The broker says so; false where it says nothing. */
  readonly isAway: (site: string) => boolean;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface Commander {
  /**
   * Signs and sends a command and waits for its end. Throws OdecetError usage for an unknown site or kind, a body that does not
   * fit, or one too many. When the signal aborts the command stands; only nobody waits any more.
   */
  give(wish: CommandWish, tell: (progress: Progress) => void, signal: AbortSignal): Promise<EndedCommand>;
  /** What a site said on its topic `answer`; never throws, whatever it is. */
  heard(site: string, payload: Uint8Array): void;
  /** The site has just come: what it does not have yet goes at once. */
  siteIsHere(site: string): void;
  run(signal: AbortSignal): Promise<void>;
}

interface Open extends KnownCommand {
  readonly command: GivenCommand;
  readonly payload: Uint8Array;
  /** From before this start: the site may have done it already. */
  readonly isOlder: boolean;
  tries: number;
  isTaken: boolean;
  sentAt: MonotonicMs;
  dueAt: MonotonicMs;
  /** It does not end unanswered before. */
  heededUntil: MonotonicMs;
  isEnding: boolean;
  readonly told: Set<(progress: Progress) => void>;
  readonly ended: Set<(end: EndedCommand) => void>;
}

/** The centre's end of commands: sent again until the site has answered or it is too late; every one in the log before it leaves. */
export function createCommander(deps: CommanderDeps): Commander {
  const { name, registry, signer, codec, commandLog, clock, entropy, log } = deps;
  const open = new Map<string, Open>();
  const unanswered = new Unanswered();

  function opened(command: GivenCommand, payload: Uint8Array, made: Command, isTaken?: boolean): Open {
    const isOlder = isTaken !== undefined;
    return {
      ...knownCommand(made, codec),
      command,
      payload,
      isOlder,
      tries: 0,
      isTaken: isTaken === true,
      sentAt: 0,
      dueAt: clock.monotonicMs(),
      heededUntil: isOlder ? Number.POSITIVE_INFINITY : 0,
      isEnding: false,
      told: new Set(),
      ended: new Set(),
    };
  }

  for (const { command, isTaken } of commandLog.open) {
    const payload = packSignedWords(command.signed, command.body, codec);
    const made = openCommand(payload);
    if (made) open.set(command.id, opened(command, payload, made, isTaken));
    else log.error('command-unreadable', { site: command.site, id: command.id });
  }
  for (const { id, signed } of commandLog.unanswered) {
    const made = openCommand(packSignedWords(signed, '', codec));
    if (made) unanswered.add(id, knownCommand(made, codec));
  }

  /** Checked and signed, neither kept nor sent. */
  function made({ site, kind, body, by, validMs }: CommandWish): Open {
    const line = registry().find(site);
    if (!line || line.revoked)
      throw new OdecetError('usage', `the registry has no site "${site}" that may be commanded`);
    const order = readOrder(kind, body);
    if (!order.ok) throw new OdecetError('usage', `${order.reason}: ${order.why}`);
    if (validMs < SECOND_MS || validMs > VALID_MS_MAX)
      throw new OdecetError('usage', `a command is valid for a second to ${VALID_MS_MAX / (24 * 60 * MINUTE_MS)} days`);
    if (open.size >= OPEN_MAX) throw new OdecetError('usage', `${open.size} commands are not answered yet`);
    const id = Array.from(entropy.bytes(16), (byte) => byte.toString(16).padStart(2, '0')).join('');
    const madeAt = clock.now();
    const head = { site, id, kind, by, madeAt, expiresAt: madeAt + validMs };
    const payload = packCommand({ ...head, relay: name }, body, signer, codec);
    const signed = openCommand(payload);
    if (!signed)
      throw new OdecetError('usage', `a command of ${payload.length} bytes; it may have ${COMMAND_BYTES_MAX}`);
    return opened({ ...head, body, signed: signedWords(signed.frame) }, payload, signed);
  }

  async function end(one: Open, how: Omit<EndedCommand, 'id' | 'at'>): Promise<void> {
    if (one.isEnding) return;
    one.isEnding = true;
    const ended = { ...how, id: one.command.id, at: clock.now() };
    try {
      await commandLog.ended(ended);
    } finally {
      one.isEnding = false;
    }
    open.delete(ended.id);
    if (ended.outcome === 'unanswered') unanswered.add(ended.id, one);
    log.info('command-ended', { site: one.command.site, id: ended.id, outcome: ended.outcome, reason: ended.reason });
    for (const done of one.ended) done(ended);
  }

  async function take(site: string, payload: Uint8Array): Promise<void> {
    const answer = openAnswer(payload);
    const line = registry().find(site);
    if (!answer || !line || line.revoked || answer.head.site !== site || !isSignedBy(answer.frame, [line.key], codec)) {
      log.warn('command-answer-not-believed', { site });
      return;
    }
    const one = open.get(answer.head.id);
    if (!one) return amend(answer);
    if (isAbout(one, answer)) await settle(one, answer);
  }

  async function settle(one: Open, answer: CommandAnswer): Promise<void> {
    const { outcome, reason, detail } = answer.head;
    if (outcome === 'taken') return taken(one);
    if (isNotBelieved(answer.head) && one.isOlder) return end(one, lost(NO_LONGER_BELIEVED));
    const result = answerResult(answer, codec);
    if (result !== undefined) await end(one, { outcome, reason, detail, result });
  }

  async function taken(one: Open): Promise<void> {
    if (one.isTaken) return;
    one.isTaken = true;
    one.tries = 0;
    one.dueAt = clock.monotonicMs() + backoffMs(TAKEN, 1, entropy.fraction());
    for (const tell of one.told) tell('taken');
    await commandLog.taken(one.command.id, clock.now());
  }

  /** The log said that nothing is known of it; now something is. */
  async function amend(answer: CommandAnswer): Promise<void> {
    const { site, id, outcome, reason, detail } = answer.head;
    const result = answerResult(answer, codec);
    if (outcome === 'taken' || result === undefined || !unanswered.endsWith(answer)) return;
    log.info('command-answered-late', { site, id, outcome, reason });
    await commandLog.ended({ id, outcome, reason, detail, result, at: clock.now() });
  }

  async function send(one: Open): Promise<void> {
    // While there is no broker the next turn tries again: what did not leave is no try.
    one.dueAt = clock.monotonicMs() + UNTAKEN.firstMs;
    try {
      await deps.publish({ topic: topicOf(one.site, 'command'), payload: one.payload });
    } catch {
      return;
    }
    one.tries += 1;
    one.sentAt = clock.monotonicMs();
    one.dueAt = one.sentAt + backoffMs(one.isTaken ? TAKEN : UNTAKEN, one.tries, entropy.fraction());
    if (one.heededUntil === Number.POSITIVE_INFINITY) one.heededUntil = one.sentAt + ASKED_MS;
    for (const tell of one.told) tell('sent');
  }

  function isDue(one: Open): boolean {
    const now = clock.monotonicMs();
    return now >= one.dueAt && (one.tries === 0 || now >= one.sentAt + AWAY_EVERY_MS || !deps.isAway(one.site));
  }

  function isOver({ command, isTaken, heededUntil }: Open): boolean {
    const lastAt = command.expiresAt + (isTaken ? WORKS_MS_MAX : MINUTE_MS);
    return clock.now() > lastAt && clock.monotonicMs() > heededUntil;
  }

  async function look(): Promise<void> {
    for (const one of [...open.values()]) {
      if (isOver(one)) await end(one, lost(one.isTaken ? NEVER_ENDED : neverTaken(one)));
      else if (isDue(one)) await send(one);
    }
  }

  return {
    async give(wish, tell, signal) {
      const one = made(wish);
      const { command } = one;
      await commandLog.given(command);
      open.set(command.id, one);
      log.info('command-given', { site: wish.site, id: command.id, kind: wish.kind, by: wish.by });
      one.told.add(tell);
      tell('given');
      let leave: Cancel = () => undefined;
      const ended = new Promise<EndedCommand>((resolve, reject) => {
        one.ended.add(resolve);
        leave = onAbort(signal, () => reject(signal.reason));
      });
      ended.catch(() => undefined);
      await send(one);
      return ended.finally(() => {
        leave();
        one.told.delete(tell);
      });
    },
    heard(site, payload) {
      take(site, payload).catch((error: unknown) => log.error('command-stumbled', { site, why: String(error) }));
    },
    siteIsHere(site) {
      for (const one of open.values()) if (one.site === site) one.dueAt = clock.monotonicMs();
    },
    async run(signal) {
      while (!signal.aborted) {
        await look().catch((error: unknown) => log.error('command-stumbled', { why: String(error) }));
        await clock.sleep(LOOK_EVERY_MS, signal).catch((reason: unknown) => {
          if (!signal.aborted) throw reason;
        });
      }
    },
  };
}

const NEVER_ENDED = 'the site took it and never said what became of it; if it does yet, --list shows it';
const NO_LONGER_BELIEVED =
  "the site does not believe the key that it was signed with (was the relay's key changed?); what it did of it before stands in its audit log";

function neverTaken({ tries, site }: Open): string {
  return `the site never said that it had it; it was sent ${tries} times to ${topicOf(site, 'command')} since the relay's start`;
}

function lost(detail: string): Omit<EndedCommand, 'id' | 'at'> {
  return { outcome: 'unanswered', reason: 'command-unanswered', detail, result: 'null' };
}
