import type { Session, Step } from '../../src/core/driver.ts';
import { type Failure, failure } from '../../src/core/failure.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Exchange, Framing } from './framing.ts';
import type { Inquiry } from './inquiry.ts';
import { type Answer, type RegisterRange, rangeText } from './registers.ts';

/** One dialogue: the inquiry's requests one after the other, each judged by the framing. The first failure ends it. */

/** Late answers to earlier requests that are skipped while waiting for one; more is not lateness but a fault. */
const OLDER_ANSWERS_MAX = 8;

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
  #open: RegisterRange[] = [];
  #asking: { readonly range: RegisterRange; readonly exchange: Exchange } | undefined;
  #received: Uint8Array = new Uint8Array();
  #olderAnswers = 0;
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
          return this.#miss(judged.failure);
        case 'answer':
          this.#answers.push({ range: asking.range, bytes: judged.data });
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
    const range = this.#open.shift();
    if (!range) {
      this.#end = { kind: 'read', result: this.#inquiry.result(this.#answers) };
      return this.#end;
    }
    const exchange = this.#link.framing.ask(this.#link.unit, range);
    this.#asking = { range, exchange };
    this.#received = new Uint8Array();
    this.#olderAnswers = 0;
    return { kind: 'send', bytes: exchange.frame, replyWithinMs: this.#link.replyWithinMs };
  }

  /** Inside an answer the gap counts; with nothing of it here yet, the whole time for an answer. */
  #wait(): Step {
    return { kind: 'wait', atMostMs: this.#received.length > 0 ? this.#link.gapMs : this.#link.replyWithinMs };
  }

  #miss({ code, detail }: Failure): Step {
    const asked = this.#asking ? `, ${rangeText(this.#asking.range)}` : '';
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
