import { type BackoffRule, backoffMs } from '../core/backoff.ts';
import { OdecetError } from '../core/failure.ts';
import { MINUTE_MS, type Millis, SECOND_MS, type UtcMs } from '../core/time.ts';
import type { Publication } from '../machine/broker.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Log } from '../machine/log.ts';
import type { Codec, Signer } from '../machine/signer.ts';
import {
  answerResult,
  COMMAND_BYTES_MAX,
  type CommandAnswer,
  type CommandHead,
  type CommandRefusal,
  forgedMarkOf,
  markOf,
  type Outcome,
  openAnswer,
  openCommand,
  packCommand,
  VALID_MS_MAX,
} from '../uplink/relay/command.ts';
import { readOrder } from '../uplink/relay/command-bodies.ts';
import { isSignedBy } from '../uplink/relay/frame.ts';
import { topicOf } from '../uplink/relay/topics.ts';
import type { Registry } from './registry.ts';

/** Until the site says that it has it, a command goes again like this; afterwards now and then, in case its answer got lost. */
const UNTAKEN: BackoffRule = { firstMs: 5 * SECOND_MS, factor: 2, mostMs: MINUTE_MS, jitter: 0.2 };
const TAKEN: BackoffRule = { firstMs: 20 * SECOND_MS, factor: 1, mostMs: 20 * SECOND_MS, jitter: 0.2 };
/** What a site has taken it may work on for longer than the command was valid: a site file on trial, a long archive. */
const WORKS_MS_MAX: Millis = 2 * 3_600_000;
const LOOK_EVERY_MS: Millis = SECOND_MS;
const BAD_SIGNATURE: CommandRefusal = 'bad-signature';
/** So many may be open at once. */
const OPEN_MAX = 1_000;

/** A command as the centre's log keeps it: enough to make the same bytes again after a restart. */
export interface GivenCommand extends Pick<CommandHead, 'site' | 'id' | 'kind' | 'by' | 'madeAt' | 'expiresAt'> {
  readonly body: string;
}

/** How a command ended; `unanswered`: it is not known what became of it. */
export interface EndedCommand {
  readonly id: string;
  readonly outcome: Exclude<Outcome, 'taken'> | 'unanswered';
  readonly reason: string;
  readonly detail: string;
  /** By the relay's clock. */
  readonly at: UtcMs;
  /** JSON. */
  readonly result: string;
}

/** Append-only and chained. What resolves is on the disk. */
export interface CommandLog {
  given(command: GivenCommand): Promise<void>;
  ended(end: EndedCommand): Promise<void>;
  /** Given and not ended, at the start. */
  readonly open: readonly GivenCommand[];
}

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

interface Open {
  readonly command: GivenCommand;
  readonly payload: Uint8Array;
  readonly mark: string;
  readonly forgedMark: string;
  tries: number;
  isTaken: boolean;
  dueAt: number;
  isEnding: boolean;
  readonly told: Set<(progress: Progress) => void>;
  readonly ended: Set<(end: EndedCommand) => void>;
}

/** The centre's end of commands: sent again until the site has answered or it is too late; every one in the log before it leaves. */
export function createCommander(deps: CommanderDeps): Commander {
  const { name, registry, signer, codec, commandLog, clock, entropy, log } = deps;
  const open = new Map<string, Open>();

  function opened(command: GivenCommand): Open {
    const { body, ...head } = command;
    const payload = packCommand({ ...head, relay: name }, body, signer, codec);
    const made = openCommand(payload);
    if (!made) throw new OdecetError('usage', `a command of ${payload.length} bytes; it may have ${COMMAND_BYTES_MAX}`);
    return {
      command,
      payload,
      mark: markOf(made, codec),
      forgedMark: forgedMarkOf(made, codec),
      tries: 0,
      isTaken: false,
      dueAt: clock.monotonicMs(),
      isEnding: false,
      told: new Set(),
      ended: new Set(),
    };
  }

  for (const command of commandLog.open) open.set(command.id, opened(command));

  function checked({ site, kind, body, by, validMs }: CommandWish): GivenCommand {
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
    return { site, id, kind, by, madeAt, expiresAt: madeAt + validMs, body };
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
    if (!one || one.command.site !== site) return;
    // Of a forged copy of these words it says nothing about this one.
    const mark = answer.head.reason === BAD_SIGNATURE ? one.forgedMark : one.mark;
    if (mark !== answer.head.of) return;
    await settle(one, answer);
  }

  async function settle(one: Open, answer: CommandAnswer): Promise<void> {
    const { outcome, reason, detail } = answer.head;
    if (outcome === 'taken') {
      if (one.isTaken) return;
      one.isTaken = true;
      one.tries = 0;
      one.dueAt = clock.monotonicMs() + backoffMs(TAKEN, 1, entropy.fraction());
      for (const tell of one.told) tell('taken');
      return;
    }
    const result = answerResult(answer, codec);
    if (result !== undefined) await end(one, { outcome, reason, detail, result });
  }

  async function send(one: Open): Promise<void> {
    one.tries += 1;
    one.dueAt = clock.monotonicMs() + backoffMs(one.isTaken ? TAKEN : UNTAKEN, one.tries, entropy.fraction());
    try {
      await deps.publish({ topic: topicOf(one.command.site, 'command'), payload: one.payload });
      for (const tell of one.told) tell('sent');
    } catch {
      // There is no broker now; the next turn tries again.
    }
  }

  async function look(): Promise<void> {
    for (const one of [...open.values()]) {
      const lastAt = one.command.expiresAt + (one.isTaken ? WORKS_MS_MAX : MINUTE_MS);
      if (clock.now() > lastAt) await end(one, unanswered(one));
      else if (one.dueAt <= clock.monotonicMs()) await send(one);
    }
  }

  return {
    async give(wish, tell, signal) {
      const command = checked(wish);
      const one = opened(command);
      await commandLog.given(command);
      open.set(command.id, one);
      log.info('command-given', { site: wish.site, id: command.id, kind: wish.kind, by: wish.by });
      one.told.add(tell);
      tell('given');
      const ended = new Promise<EndedCommand>((resolve, reject) => {
        one.ended.add(resolve);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
      ended.catch(() => undefined);
      await send(one);
      return ended.finally(() => one.told.delete(tell));
    },
    heard(site, payload) {
      take(site, payload).catch((error: unknown) => log.error('command-stumbled', { site, why: String(error) }));
    },
    siteIsHere(site) {
      for (const one of open.values()) if (one.command.site === site && !one.isTaken) one.dueAt = clock.monotonicMs();
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

function unanswered({ isTaken, tries, command }: Open): Omit<EndedCommand, 'id' | 'at'> {
  const detail = isTaken
    ? 'the site took it and never said what became of it'
    : `the site never said that it had it; it was sent ${tries} times to ${topicOf(command.site, 'command')}`;
  return { outcome: 'unanswered', reason: 'command-unanswered', detail, result: 'null' };
}
