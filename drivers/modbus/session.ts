import type { Session, Step } from '../../src/core/driver.ts';
import { type Failure, failure } from '../../src/core/failure.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Exchange, Framing } from './framing.ts';
import type { Inquiry } from './inquiry.ts';
import { type Ask, askText } from './pdu.ts';
import type { Answer } from './registers.ts';

/**
 * One dialogue: the inquiry's requests one after the other, each judged by the framing. The first failure ends it, but a device
 * that says it is busy (exceptions 5 and 6) is asked the same again, after a rest that is never shorter than BUSY_REST_MS
 * (V1.1b3 clause 7: "retransmit the message later").
 */

/** Late answers to earlier requests that are skipped while waiting for one; more is not lateness but a fault. */
const OLDER_ANSWERS_MAX = 8;
/** So often a request is sent once more when the device is busy; then the collector's back-off is the better wait. */
const BUSY_RETRIES_MAX = 3;
/** Before the first of them, twice that before the second, and so on: asked again at once it would be busy with refusing. */
const BUSY_REST_MS: Millis = 100;

export interface Link {
  readonly framing: Framing;
  readonly unit: number;
  readonly replyWithinMs: Millis;
  /** The longest silence inside an answer. */
  readonly gapMs: Millis;
}

export class ModbusSession implements Session {
  readonly #link: Link;
  readonly #inquiry: Inquiry;
  readonly #answers: Answer[] = [];
  #open: Ask[] = [];
  #asking: { readonly ask: Ask; readonly exchange: Exchange } | undefined;
  #received: Uint8Array = new Uint8Array();
  #olderAnswers = 0;
  #busyAnswers = 0;
  /** Set when the dialogue is over; a spent session keeps saying how it ended. */
  #end: Step | undefined;

  constructor(link: Link, inquiry: Inquiry) {
    this.#link = link;
    this.#inquiry = inquiry;
  }

  start(): Step {
    return this.#end ?? this.#askNext();
  }

  received(bytes: Uint8Array): Step {
    if (this.#end) return this.#end;
    const asking = this.#asking;
    if (!asking) return this.#miss(failure('foreign-answer', `${bytes.length} bytes before anything was asked`));
    this.#received = joined(this.#received, bytes);
    for (;;) {
      const judged = asking.exchange.judge(this.#received);
      switch (judged.kind) {
        case 'more':
          return this.#wait();
        case 'broken':
          return this.#refused(asking.ask, judged.failure);
        case 'answer':
          if (asking.ask.kind === 'read') this.#answers.push({ range: asking.ask.range, bytes: judged.data });
          return this.#askNext();
        case 'older':
          this.#olderAnswers += 1;
          if (this.#olderAnswers > OLDER_ANSWERS_MAX) {
            const detail = `more than ${OLDER_ANSWERS_MAX} answers to earlier requests; is another program on this line?`;
            return this.#miss(failure('foreign-answer', detail));
          }
          this.#received = this.#received.slice(judged.length);
      }
    }
  }

  silent(): Step {
    if (this.#end) return this.#end;
    const count = this.#received.length;
    if (count > 0) return this.#miss(failure('frame-truncated', `silence after ${count} bytes of the answer`));
    const late = this.#olderAnswers > 0 ? `; ${this.#olderAnswers} answers to earlier requests were skipped` : '';
    return this.#miss(failure('no-answer', `nothing within ${this.#link.replyWithinMs} ms${late}`));
  }

  #askNext(): Step {
    if (this.#open.length === 0) this.#open = [...this.#inquiry.next(this.#answers)];
    const ask = this.#open.shift();
    if (!ask) {
      this.#end = { kind: 'read', result: this.#inquiry.result(this.#answers) };
      return this.#end;
    }
    this.#busyAnswers = 0;
    return this.#ask(ask);
  }

  #ask(ask: Ask, restMs?: Millis): Step {
    const exchange = this.#link.framing.ask(this.#link.unit, ask);
    this.#asking = { ask, exchange };
    this.#received = new Uint8Array();
    this.#olderAnswers = 0;
    const { replyWithinMs } = this.#link;
    return { kind: 'send', bytes: exchange.frame, replyWithinMs, ...(restMs === undefined ? {} : { restMs }) };
  }

  #refused(ask: Ask, why: Failure): Step {
    if (why.code !== 'device-busy' || this.#busyAnswers >= BUSY_RETRIES_MAX) return this.#miss(why);
    this.#busyAnswers += 1;
    return this.#ask(ask, BUSY_REST_MS * 2 ** (this.#busyAnswers - 1));
  }

  /** Inside an answer the gap counts; with nothing of it here yet, the whole time for an answer. */
  #wait(): Step {
    return { kind: 'wait', atMostMs: this.#received.length > 0 ? this.#link.gapMs : this.#link.replyWithinMs };
  }

  #miss({ code, detail }: Failure): Step {
    const asked = this.#asking ? `, ${askText(this.#asking.ask)}` : '';
    this.#end = { kind: 'missed', failure: failure(code, `unit ${this.#link.unit}${asked}: ${detail}`) };
    return this.#end;
  }
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}
