import type { LineSetting, Session, Step } from '../../src/core/driver.ts';
import { type Failure, failure } from '../../src/core/failure.ts';
import type { Millis } from '../../src/core/time.ts';
import { ADDRESS_SELECTED, sndNke, sndUd } from './frame.ts';
import { Reply } from './reply.ts';
import { parseSecondary, selectFrame } from './secondary.ts';

/** Commands for setting up a meter; none of them touches what it has counted. Each is a dialogue that reads no values. */
export interface MbusTarget {
  /** Primary address; 253 with `secondary`. */
  readonly address: number;
  readonly secondary?: string;
  readonly replyWithinMs: Millis;
  readonly gapTimeoutMs: Millis;
}

const CI_APPLICATION_RESET = 0x50;
/** EN 13757-3:2018 table 2: CI B8 to BD, answered at the old speed. */
const CI_BY_BAUD: Readonly<Record<number, number>> = {
  300: 0xb8,
  600: 0xb9,
  1200: 0xba,
  2400: 0xbb,
  4800: 0xbc,
  9600: 0xbd,
};
export const MBUS_BAUDS: readonly number[] = Object.keys(CI_BY_BAUD).map(Number);
/** Between the acknowledgement and the first byte at the new speed. */
const BAUD_CHANGE_MS = 100;

interface Ask {
  readonly kind: 'ask';
  readonly what: string;
  readonly bytes: Uint8Array;
  /** Without an answer the line goes back to this setting and the dialogue has failed; otherwise silence is `no-answer`. */
  readonly onSilence?: 'go-on' | LineSetting;
}
type Stage = Ask | { readonly kind: 'line'; readonly setting: LineSetting };

/** Resets the link: the meter begins with its first telegram again; at 253 it is also deselected. */
export function linkReset(target: MbusTarget): Session {
  return new SetupSession(target, [{ kind: 'ask', what: 'SND_NKE', bytes: sndNke(target.address) }]);
}

/** Application reset (CI 50). @param subcode selects what the meter sends afterwards, EN 13757-3:2018 table 3 */
export function applicationReset(target: MbusTarget, subcode?: number): Session {
  const data = subcode === undefined ? new Uint8Array(0) : Uint8Array.of(subcode);
  const bytes = sndUd(target.address, CI_APPLICATION_RESET, data);
  return new SetupSession(target, [...reached(target), { kind: 'ask', what: 'the application reset', bytes }]);
}

/**
 * Sets the meter's speed, changes the line and proves the new speed by a link reset; when the meter does not answer there, the
 * line is set back, as the meter does by itself. Throws RangeError for a speed that the standard has no code for.
 */
export function baudSwitch(target: MbusTarget, from: LineSetting, baud: number): Session {
  const ci = CI_BY_BAUD[baud];
  if (ci === undefined) throw new RangeError(`${baud} is no M-Bus speed; there are ${MBUS_BAUDS.join(', ')}`);
  const { address } = target;
  return new SetupSession(target, [
    ...reached(target),
    { kind: 'ask', what: `the change to ${baud} baud`, bytes: sndUd(address, ci) },
    { kind: 'line', setting: { ...from, baud } },
    { kind: 'ask', what: `SND_NKE at ${baud} baud`, bytes: sndNke(address), onSilence: from },
  ]);
}

/** What makes the meter listen: the link reset, and by secondary address the selection. */
function reached({ address, secondary }: MbusTarget): Stage[] {
  if (secondary === undefined) return [{ kind: 'ask', what: 'SND_NKE', bytes: sndNke(address) }];
  if (address !== ADDRESS_SELECTED) throw new RangeError(`a secondary address goes with 253, not with ${address}`);
  return [
    { kind: 'ask', what: 'the deselection', bytes: sndNke(address), onSilence: 'go-on' },
    { kind: 'ask', what: 'its selection', bytes: selectFrame(parseSecondary(secondary)) },
  ];
}

/** Plays stages one after the other; each request wants E5. */
class SetupSession implements Session {
  readonly #target: MbusTarget;
  readonly #stages: readonly Stage[];
  readonly #reply = new Reply();
  #at = 0;
  #failed: Failure | undefined;

  constructor(target: MbusTarget, stages: readonly Stage[]) {
    this.#target = target;
    this.#stages = stages;
  }

  start(): Step {
    return this.#step();
  }

  received(bytes: Uint8Array): Step {
    if (this.#failed) return { kind: 'missed', failure: this.#failed };
    if (this.#stages[this.#at]?.kind === 'line') return this.#next();
    const parsed = this.#reply.add(bytes);
    if (parsed.state === 'more') return { kind: 'wait', atMostMs: this.#target.gapTimeoutMs };
    if (parsed.state === 'broken') return { kind: 'missed', failure: this.#reply.shown(parsed.failure) };
    const { frame } = parsed;
    if (frame.kind === 'ack') return this.#next();
    const detail = `a ${frame.kind} frame came where e5 was due`;
    return { kind: 'missed', failure: this.#reply.shown(failure('wrong-function', detail)) };
  }

  silent(): Step {
    const stage = this.#stages[this.#at];
    if (stage?.kind !== 'ask') throw new RangeError('silent() while nothing was asked');
    if (stage.onSilence === 'go-on' && this.#reply.isEmpty) return this.#next();
    const { address, secondary, replyWithinMs } = this.#target;
    this.#failed = this.#reply.silence(`meter ${secondary ?? address} did not answer ${stage.what}`, replyWithinMs);
    if (typeof stage.onSilence === 'object') return { kind: 'line', setting: stage.onSilence, thenMs: BAUD_CHANGE_MS };
    return { kind: 'missed', failure: this.#failed };
  }

  #next(): Step {
    this.#reply.clear();
    this.#at += 1;
    return this.#step();
  }

  #step(): Step {
    const stage = this.#stages[this.#at];
    if (!stage) return { kind: 'read', result: { values: [], identity: {}, unusable: [] } };
    if (stage.kind === 'line') return { kind: 'line', setting: stage.setting, thenMs: BAUD_CHANGE_MS };
    const isOptional = stage.onSilence === 'go-on';
    return {
      ...{ kind: 'send', bytes: stage.bytes, replyWithinMs: this.#target.replyWithinMs },
      ...(isOptional && { isOptional }),
    };
  }
}
