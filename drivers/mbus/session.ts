import type { ReadRequest, Session, Step } from '../../src/core/driver.ts';
import { type Failure, type FailureCode, failure } from '../../src/core/failure.ts';
import type { Millis } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { ADDRESS_PRIMARY_MAX, ADDRESS_TEST, answerFault, type Frame, parseFrame, reqUd2, sndNke } from './frame.ts';
import { isBusy, type MbusHeader } from './header.ts';
import { hex } from './hex.ts';
import type { MbusRecord } from './record.ts';
import { isSatisfied, resultOf, type Wanted, wantedOf } from './result.ts';
import { decodeFrame, type MbusTelegram } from './telegram.ts';

/** A meter that says "more" for ever would hold the line. */
const TELEGRAMS_MAX = 64;

/**
 * SND_NKE -> E5 -> REQ_UD2 -> RSP_UD, and REQ_UD2 again with the frame count bit changed while the meter has more telegrams
 * (DIF 1F) and a reading is still missing. Repeating after a fault is the collector's: a new session starts with SND_NKE,
 * so that the meter begins with its first telegram again.
 */
export class MbusSession implements Session {
  readonly #device: BoundDevice;
  readonly #request: ReadRequest;
  readonly #wanted: Wanted;
  readonly #replyWithinMs: Millis;
  #stage: 'reset' | 'data' | 'over' = 'reset';
  #frameCountBit = true;
  #pending = new Uint8Array(0);
  #header: MbusHeader = {};
  #records: readonly MbusRecord[] = [];
  #seen: string[] = [];

  /** Throws RangeError when the device cannot be asked for this. */
  constructor(device: BoundDevice, request: ReadRequest) {
    const { address } = device.config;
    if (address > ADDRESS_PRIMARY_MAX && address !== ADDRESS_TEST) {
      throw new RangeError(
        `${device.config.id}: ${address} is no primary M-Bus address (0 to 250, or 254 for a lone meter)`,
      );
    }
    this.#device = device;
    this.#request = request;
    this.#wanted = wantedOf(device, request);
    this.#replyWithinMs = device.config.replyTimeoutMs ?? device.model.replyTimeoutMs;
  }

  start(): Step {
    return this.#send(sndNke(this.#address));
  }

  received(bytes: Uint8Array): Step {
    this.#pending = joined(this.#pending, bytes);
    const parsed = parseFrame(this.#pending);
    if (parsed.state === 'more') return { kind: 'wait', atMostMs: this.#device.model.gapTimeoutMs };
    if (parsed.state === 'broken') return this.#missed(parsed.failure);
    this.#pending = new Uint8Array(0);
    return this.#stage === 'reset' ? this.#afterReset(parsed.frame) : this.#afterData(parsed.frame);
  }

  silent(): Step {
    if (this.#pending.length === 0) {
      const asked = this.#stage === 'reset' ? 'SND_NKE' : 'REQ_UD2';
      return this.#fail(
        'no-answer',
        `address ${this.#address} did not answer ${asked} within ${this.#replyWithinMs} ms`,
      );
    }
    const parsed = parseFrame(this.#pending);
    const missing = parsed.state === 'more' ? parsed.missing : 0;
    return this.#fail('frame-truncated', `${this.#pending.length} byte(s) came and at least ${missing} are missing`);
  }

  get #address(): number {
    return this.#device.config.address;
  }

  #afterReset(frame: Frame): Step {
    if (frame.kind !== 'ack') {
      return this.#fail('wrong-function', `a ${frame.kind} frame came where SND_NKE is acknowledged by e5`);
    }
    this.#stage = 'data';
    return this.#send(reqUd2(this.#address, this.#frameCountBit));
  }

  #afterData(frame: Frame): Step {
    const fault = answerFault(frame, this.#address);
    if (fault) return this.#missed(fault);
    const decoded = decodeFrame(frame);
    if (!decoded.ok) return this.#missed(decoded.failure);
    const refused = this.#add(decoded.telegram);
    if (refused) return this.#missed(refused);
    if (decoded.telegram.moreFollows && !isSatisfied(this.#wanted, this.#records)) return this.#askForNext();
    const result = resultOf(this.#device, this.#request, this.#wanted, this.#header, this.#records);
    if ('code' in result) return this.#missed(result);
    this.#stage = 'over';
    return { kind: 'read', result };
  }

  /** Takes a telegram of the dialogue, or says why it does not belong there. */
  #add({ header, records, manufacturerData }: MbusTelegram): Failure | undefined {
    if (isBusy(header.status ?? 0)) return failure('device-busy', 'the status byte says that the application is busy');
    const first = this.#seen.length === 0;
    if (!first && header.id !== this.#header.id) {
      return failure('wrong-address', `meter ${this.#header.id} began the answer and ${header.id} went on with it`);
    }
    const content = [...records.map(({ raw }) => raw), manufacturerData].join();
    if (this.#seen.includes(content)) {
      return failure(
        'foreign-answer',
        'the same telegram came again instead of the next; the frame count bit was not heeded',
      );
    }
    this.#seen.push(content);
    this.#records = first ? records : [...this.#records, ...records];
    const status = (this.#header.status ?? 0) | (header.status ?? 0);
    this.#header = header.status === undefined ? header : { ...header, status };
    return undefined;
  }

  #askForNext(): Step {
    if (this.#seen.length === TELEGRAMS_MAX) {
      return this.#fail('frame-unsupported', `more than ${TELEGRAMS_MAX} telegrams in one answer`);
    }
    this.#frameCountBit = !this.#frameCountBit;
    return this.#send(reqUd2(this.#address, this.#frameCountBit));
  }

  #send(bytes: Uint8Array): Step {
    return { kind: 'send', bytes, replyWithinMs: this.#replyWithinMs };
  }

  #fail(code: FailureCode, detail: string): Step {
    return this.#missed(failure(code, detail));
  }

  #missed(cause: Failure): Step {
    this.#stage = 'over';
    const bytes = this.#pending.length > 0 ? `; received ${hex(this.#pending)}` : '';
    return { kind: 'missed', failure: failure(cause.code, `${cause.detail}${bytes}`) };
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
