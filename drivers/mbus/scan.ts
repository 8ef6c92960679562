import type { Step } from '../../src/core/driver.ts';
import { type Failure, failure } from '../../src/core/failure.ts';
import type { Millis } from '../../src/core/time.ts';
import type { MbusHeader } from './header.ts';
import { joined } from './reply.ts';

/**
 * A scan is played like a session: do the step, then call received() with what came or silent() when the time passed. `done`
 * ends it; `missed` says that nothing can be found out on this line. What has been found so far can be read at any time.
 */
export type ScanStep = Extract<Step, { kind: 'send' | 'wait' | 'missed' }> | { readonly kind: 'done' };

export interface Scan {
  start(): ScanStep;
  received(bytes: Uint8Array): ScanStep;
  silent(): ScanStep;
  /** 0 to 1. */
  readonly progress: number;
  readonly found: readonly FoundMeter[];
  /** Where something answered that could not be told apart or understood: two meters of one address, or noise. */
  readonly unclear: readonly string[];
}

export interface FoundMeter {
  /** In a scan of primary addresses. */
  readonly address?: number;
  /** As the site file wants it; missing where the meter does not say who it is. */
  readonly secondary?: string;
  readonly header: MbusHeader;
}

export interface ScanTiming {
  /** Must be longer than the slowest meter and converter take: a late answer would be taken for that of the next address. */
  readonly replyWithinMs: Millis;
  /** Silence after which nobody goes on answering. */
  readonly gapMs: Millis;
}

/** What a scan writes down while it goes on. */
export interface Notes {
  progress: number;
  readonly found: FoundMeter[];
  readonly unclear: string[];
}

/** Yields a request and is given all that came until the line was silent; returns the failure that ended it, if any. */
export type Inquiry = Generator<Uint8Array, Failure | undefined, Uint8Array>;

/** More than this in answer to one request is no meter. */
const HEARD_MAX = 4096;
const NOTHING = new Uint8Array(0);

/** Plays an inquiry. Unlike a session it listens until silence even after a whole frame: a second meter may follow the first. */
export class InquiryScan implements Scan {
  readonly #timing: ScanTiming;
  readonly #notes: Notes;
  readonly #inquiry: Inquiry;
  #heard: Uint8Array<ArrayBuffer> = NOTHING;

  constructor(timing: ScanTiming, inquiry: (notes: Notes) => Inquiry) {
    this.#timing = timing;
    this.#notes = { progress: 0, found: [], unclear: [] };
    this.#inquiry = inquiry(this.#notes);
  }

  get progress(): number {
    return this.#notes.progress;
  }

  get found(): readonly FoundMeter[] {
    return this.#notes.found;
  }

  get unclear(): readonly string[] {
    return this.#notes.unclear;
  }

  start(): ScanStep {
    return this.#step(this.#inquiry.next());
  }

  received(bytes: Uint8Array): ScanStep {
    this.#heard = joined(this.#heard, bytes);
    if (this.#heard.length <= HEARD_MAX) return { kind: 'wait', atMostMs: this.#timing.gapMs };
    return {
      kind: 'missed',
      failure: failure('dialogue-too-long', `over ${HEARD_MAX} bytes in answer to one request`),
    };
  }

  silent(): ScanStep {
    const heard = this.#heard;
    this.#heard = NOTHING;
    return this.#step(this.#inquiry.next(heard));
  }

  #step(result: IteratorResult<Uint8Array, Failure | undefined>): ScanStep {
    if (!result.done) return { kind: 'send', bytes: result.value, replyWithinMs: this.#timing.replyWithinMs };
    if (result.value) return { kind: 'missed', failure: result.value };
    this.#notes.progress = 1;
    return { kind: 'done' };
  }
}
