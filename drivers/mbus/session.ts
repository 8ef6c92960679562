import type { ReadRequest, Session, Step } from '../../src/core/driver.ts';
import { type Failure, type FailureCode, failure } from '../../src/core/failure.ts';
import type { Millis } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import {
  ADDRESS_PRIMARY_MAX,
  ADDRESS_SELECTED,
  ADDRESS_TEST,
  answerFault,
  type Frame,
  reqUd2,
  sndNke,
} from './frame.ts';
import { isBusy, type MbusHeader } from './header.ts';
import { isNext, type KnownLink, type LinkMemory } from './link-memory.ts';
import type { MbusRecord } from './record.ts';
import { Reply } from './reply.ts';
import { isSatisfied, resultOf, type Wanted, wantedOf } from './result.ts';
import { fits, parseSecondary, type SecondaryAddress, secondaryText, selectFrame } from './secondary.ts';
import { isEncrypted } from './security.ts';
import { decodeFrame, type MbusTelegram } from './telegram.ts';

/** A meter that says "more" for ever would hold the line. */
const TELEGRAMS_MAX = 64;
/** Some meters do not answer a deselection, so silence must not cost a whole reply time. By the standard 330 bit times and 50 ms are enough. */
const DESELECT_WITHIN_MS_MAX = 500;

type Stage = 'select' | 'deselect' | 'reset' | 'data';
const ASKED: Record<Stage, string> = {
  select: 'its selection',
  deselect: 'SND_NKE to 253',
  reset: 'SND_NKE',
  data: 'REQ_UD2',
};

/**
 * SND_NKE -> E5 -> REQ_UD2 -> RSP_UD, and REQ_UD2 again with the frame count bit changed while the meter has more telegrams
 * (DIF 1F) and a reading is still missing. Repeating after a fault is the collector's: a new session starts with SND_NKE,
 * so that the meter begins with its first telegram again. Where the link is known from the dialogue before, SND_NKE is left
 * out; an answer that does not show to be the next one is thrown away, and SND_NKE and all the rest follow.
 *
 * By secondary address the selection comes first, which deselects every other meter and makes this one forget its frame count bit
 * (EN 13757-3:2018, clause 11); then REQ_UD2 to 253. Where a selection is not relied on for that, SND_NKE to 253 follows it, to
 * which the meter answers because it is selected, and then the selection again.
 */
export class MbusSession implements Session {
  readonly #device: BoundDevice;
  readonly #request: ReadRequest;
  readonly #wanted: Wanted;
  readonly #secondary: SecondaryAddress | undefined;
  readonly #replyWithinMs: Millis;
  readonly #links: LinkMemory;
  /** How the dialogue before ended, until an answer of this one is believed. */
  #last: KnownLink | undefined;
  readonly #reply = new Reply();
  #stage: Stage = 'reset';
  #deselection: 'none' | 'due' | 'done';
  #frameCountBit = true;
  #header: MbusHeader = {};
  #records: readonly MbusRecord[] = [];
  #isPartlyPlain = false;
  #seen: string[] = [];

  /** Throws RangeError when the device cannot be asked for this. */
  constructor(device: BoundDevice, request: ReadRequest, links: LinkMemory) {
    const { id, address, secondary, replyTimeoutMs } = device.config;
    this.#secondary = secondary === undefined ? undefined : parseSecondary(secondary);
    const known = this.#secondary ? [ADDRESS_SELECTED] : [ADDRESS_TEST];
    if (!known.includes(address) && (this.#secondary || address > ADDRESS_PRIMARY_MAX)) {
      throw new RangeError(
        `${id}: M-Bus address ${address}; 0 to 250, 254 for a lone meter, 253 with a secondary address`,
      );
    }
    this.#device = device;
    this.#request = request;
    this.#links = links;
    this.#wanted = wantedOf(device, request);
    this.#deselection = device.model.mbus.deselect ? 'due' : 'none';
    this.#replyWithinMs = replyTimeoutMs ?? device.model.replyTimeoutMs;
  }

  start(): Step {
    // Asked for even where it is of no use: whatever comes of this dialogue, what was known before it is so no longer.
    const last = this.#links.take(this.#device, this.#request);
    if (this.#secondary) {
      if (this.#links.isUnsure(this.#device)) this.#deselection = 'due';
      return this.#select(this.#secondary);
    }
    if (!last) return this.#ask('reset', sndNke(this.#address));
    this.#last = last;
    this.#frameCountBit = last.frameCountBit;
    return this.#askForData();
  }

  received(bytes: Uint8Array): Step {
    const parsed = this.#reply.add(bytes);
    if (parsed.state === 'more') return { kind: 'wait', atMostMs: this.#device.model.gapTimeoutMs };
    if (parsed.state === 'broken') return this.#missed(parsed.failure);
    this.#reply.clear();
    return this.#stage === 'data' ? this.#afterData(parsed.frame) : this.#afterCommand(parsed.frame);
  }

  silent(): Step {
    if (this.#stage === 'deselect' && this.#secondary && this.#reply.isEmpty) return this.#select(this.#secondary);
    const who = this.#secondary ? `meter ${secondaryText(this.#secondary)}` : `address ${this.#address}`;
    return this.#missed(this.#reply.silence(`${who} did not answer ${ASKED[this.#stage]}`, this.#replyWithinMs));
  }

  get #address(): number {
    return this.#device.config.address;
  }

  #afterCommand(frame: Frame): Step {
    if (frame.kind !== 'ack') {
      return this.#fail(
        'wrong-function',
        `a ${frame.kind} frame came where ${ASKED[this.#stage]} is acknowledged by e5`,
      );
    }
    if (this.#stage === 'deselect' && this.#secondary) return this.#select(this.#secondary);
    if (this.#deselection === 'due') return this.#deselect();
    return this.#askForData();
  }

  #deselect(): Step {
    this.#deselection = 'done';
    return this.#ask('deselect', sndNke(this.#address));
  }

  #select(address: SecondaryAddress): Step {
    return this.#ask('select', selectFrame(address));
  }

  #afterData(frame: Frame): Step {
    // A meter may end its telegrams by having no more of them.
    if (frame.kind === 'ack' && this.#seen.length > 0) return this.#result();
    const fault = answerFault(frame, this.#address);
    if (fault) return this.#missed(fault);
    const decoded = decodeFrame(frame, this.#device.decrypt);
    if (!decoded.ok) return this.#missed(decoded.failure);
    const { telegram } = decoded;
    const isToBeNew = this.#secondary && this.#deselection === 'none' && this.#seen.length === 0;
    const isRepeated = isToBeNew && this.#links.isLastHeard(telegram.header);
    this.#links.heard(this.#device, telegram.header);
    if (isRepeated) return this.#askAnew();
    if (this.#last && !isNext(telegram.header, this.#last)) return this.#askAnew();
    this.#last = undefined;
    const refused = this.#add(telegram);
    if (refused) return this.#missed(refused);
    if (telegram.moreFollows && !isSatisfied(this.#wanted, this.#records)) return this.#askForNext();
    const end = this.#result();
    const isOnlyOne = this.#seen.length === 1 && !telegram.moreFollows && !this.#secondary;
    if (end.kind === 'read' && isOnlyOne) {
      this.#links.keep(this.#device, telegram.header, this.#frameCountBit, this.#request.now);
    }
    return end;
  }

  #result(): Step {
    const result = resultOf(this.#device, this.#request, this.#wanted, this.#header, this.#records);
    if ('code' in result) return this.#missed(this.#isPartlyPlain ? plainBehind(result) : result);
    this.#links.ended(this.#device);
    return { kind: 'read', result };
  }

  /** Perhaps the last telegram again, or somebody else has asked: the meter is made to begin anew, and not relied on again. */
  #askAnew(): Step {
    this.#links.distrust(this.#device);
    this.#last = undefined;
    this.#frameCountBit = true;
    return this.#secondary ? this.#deselect() : this.#ask('reset', sndNke(this.#address));
  }

  #askForData(): Step {
    this.#links.asked(this.#device);
    return this.#ask('data', reqUd2(this.#address, this.#frameCountBit));
  }

  /** Takes a telegram of the dialogue, or says why it does not belong there. */
  #add({ header, records, manufacturerData, encryptedRecords }: MbusTelegram): Failure | undefined {
    if (isBusy(header)) return failure('device-busy', 'the status byte says that the application is busy');
    const first = this.#seen.length === 0;
    const stranger = first ? this.#strangerAtStart(header) : this.#strangerLater(header);
    if (stranger) return stranger;
    const mayBePlain = !this.#device.decrypt || this.#device.model.mbus.alsoPlain;
    if (!mayBePlain && !isEncrypted(header)) {
      return failure('telegram-plain', `its keyFile says that meter ${header.id ?? this.#address} encrypts`);
    }
    const content = [...records.map(({ raw }) => raw), manufacturerData].join();
    if (this.#seen.includes(content)) {
      return failure(
        'foreign-answer',
        'the same telegram came again instead of the next; the frame count bit was not heeded',
      );
    }
    this.#seen.push(content);
    // What follows the encrypted blocks is not under the key: anybody on the wire can append it, and the checksum too.
    const believed = mayBePlain ? records : records.slice(0, encryptedRecords);
    if (believed.length < records.length) this.#isPartlyPlain = true;
    this.#records = first ? believed : [...this.#records, ...believed];
    const status = (this.#header.status ?? 0) | (header.status ?? 0);
    this.#header = header.status === undefined ? header : { ...header, status };
    return undefined;
  }

  /** At 253 any selected meter answers; only its header says that it is the one that was meant. */
  #strangerAtStart(header: MbusHeader): Failure | undefined {
    if (!this.#secondary || fits(header, this.#secondary)) return undefined;
    const asked = secondaryText(this.#secondary);
    if (header.id !== undefined)
      return failure('wrong-address', `meter ${asked} was selected and ${header.id} answered`);
    return failure('frame-unsupported', `an answer without a long header does not say whether it is from ${asked}`);
  }

  #strangerLater({ id }: MbusHeader): Failure | undefined {
    if (id === this.#header.id) return undefined;
    return failure('wrong-address', `meter ${this.#header.id} began the answer and ${id} went on with it`);
  }

  #askForNext(): Step {
    if (this.#seen.length === TELEGRAMS_MAX) {
      return this.#fail('frame-unsupported', `more than ${TELEGRAMS_MAX} telegrams in one answer`);
    }
    this.#frameCountBit = !this.#frameCountBit;
    return this.#askForData();
  }

  #ask(stage: Stage, bytes: Uint8Array): Step {
    this.#stage = stage;
    const replyWithinMs = this.#replyWithinMs;
    if (stage !== 'deselect') return { kind: 'send', bytes, replyWithinMs };
    return { kind: 'send', bytes, replyWithinMs: Math.min(replyWithinMs, DESELECT_WITHIN_MS_MAX), isOptional: true };
  }

  #fail(code: FailureCode, detail: string): Step {
    return this.#missed(failure(code, detail));
  }

  #missed(cause: Failure): Step {
    return { kind: 'missed', failure: this.#reply.shown(cause) };
  }
}

/** A value that is missed because it stands where it is not believed is another thing than one that the meter does not send. */
function plainBehind({ code, detail }: Failure): Failure {
  if (code !== 'value-missing') return failure(code, detail);
  return failure('telegram-plain', `${detail}; records behind the encrypted blocks are plain and not believed`);
}
