import type { LineSetting } from '../core/driver.ts';
import { OdecetError } from '../core/failure.ts';
import type { Millis } from '../core/time.ts';
import { Inbox } from '../machine/inbox.ts';
import type { Line } from '../machine/line.ts';
import type { Timers } from '../machine/timers.ts';
import { type Pace, PacedWire } from './line-pace.ts';
import type { Random } from './random.ts';

export interface SimReply {
  readonly reply: Uint8Array;
  /** After the last byte of the request; several replies make an answer that comes in pieces. */
  readonly afterMs: Millis;
}

/** A meter on the line: hears every request, answers those that are for it. */
export type SimMeter = (request: Uint8Array) => readonly SimReply[];

/** What the weather does to one exchange. */
export type LineFault =
  | { readonly kind: 'silence' }
  | { readonly kind: 'late'; readonly byMs: Millis }
  /** Only the first bytes of each reply come. */
  | { readonly kind: 'truncated'; readonly keep: number }
  /** So many bits of each reply are turned over. */
  | { readonly kind: 'noise'; readonly flips: number }
  /** Another's answer comes in place of the right one. */
  | { readonly kind: 'foreign'; readonly bytes: Uint8Array }
  /** The connection breaks after the request went out. */
  | { readonly kind: 'disconnect' };

export interface SimLineOptions {
  readonly name?: string;
  readonly meters: readonly SimMeter[];
  readonly random: Random;
  /** Asked at every request for which no fault was ordered with faultNext. */
  readonly weather?: (request: Uint8Array) => LineFault | undefined;
  /** A converter hands a late answer to whoever is connected then; a meter's own socket loses it. Default false. */
  readonly lateAfterReopen?: boolean;
  /** Bytes take their time on the wire; without it they are there at once. */
  readonly pace?: Pace;
}

export interface SimLine extends Line {
  /** Orders faults for the next requests, one each; undefined lets one pass. */
  faultNext(...faults: (LineFault | undefined)[]): void;
  /** The other end closes the connection. */
  hangUp(): void;
  /** Whether it can be opened from now on. */
  reachable(isReachable: boolean): void;
}

interface Connection {
  readonly inbox: Inbox;
  isOpen: boolean;
}

/** A line between the collector and any number of simulated meters, in virtual time. */
export function simLine(timers: Timers, options: SimLineOptions): SimLine {
  return new ImaginedLine(timers, options);
}

class ImaginedLine implements SimLine {
  readonly #timers: Timers;
  readonly #options: SimLineOptions;
  readonly #name: string;
  readonly #ordered: (LineFault | undefined)[] = [];
  readonly #wire: PacedWire | undefined;
  #connection: Connection | undefined;
  #isReachable = true;

  constructor(timers: Timers, options: SimLineOptions) {
    this.#timers = timers;
    this.#options = options;
    this.#name = options.name ?? 'simulated line';
    this.#wire = options.pace && new PacedWire(timers, options.pace, options.random);
  }

  get isOpen(): boolean {
    return this.#connection?.isOpen === true;
  }

  async open(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.isOpen) return;
    if (!this.#isReachable) throw new OdecetError('line-unreachable', `${this.#name}: nobody listens`);
    this.#connection = { inbox: new Inbox(this.#timers), isOpen: true };
  }

  async write(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const connection = this.#connection;
    if (!connection?.isOpen) throw this.#lost('it is not open');
    const request = bytes.slice();
    await this.#wire?.send(bytes.length, signal);
    if (!connection.isOpen) throw this.#lost('it went away while bytes were being sent');
    const fault = this.#ordered.length > 0 ? this.#ordered.shift() : this.#options.weather?.(request);
    this.#options.meters.forEach((meter, n) => {
      if (this.#wire && !this.#wire.hears(n)) return;
      for (const reply of meter(request)) this.#answer(connection, reply, fault);
    });
    if (fault?.kind === 'disconnect') this.hangUp();
  }

  async read(withinMs: Millis, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#inbox().read(withinMs, signal);
  }

  async drain(quietMs: Millis, atMostMs: Millis, signal?: AbortSignal): Promise<number> {
    return this.#inbox().drain(quietMs, atMostMs, signal);
  }

  async set(setting: LineSetting): Promise<void> {
    this.#wire?.set(setting);
  }

  async close(): Promise<void> {
    this.#end('it was closed');
    this.#connection = undefined;
  }

  faultNext(...faults: (LineFault | undefined)[]): void {
    this.#ordered.push(...faults);
  }

  hangUp(): void {
    this.#end('the other end closed the connection');
  }

  reachable(isReachable: boolean): void {
    this.#isReachable = isReachable;
  }

  #answer(connection: Connection, { reply, afterMs }: SimReply, fault: LineFault | undefined): void {
    if (fault?.kind === 'silence' || fault?.kind === 'disconnect') return;
    const lateMs = fault?.kind === 'late' ? fault.byMs : 0;
    const bytes = fault ? this.#spoilt(reply, fault) : reply.slice();
    if (this.#wire) this.#wire.answer(bytes, afterMs + lateMs, (byte) => this.#deliver(connection, byte));
    else this.#timers.after(afterMs + lateMs, () => this.#deliver(connection, bytes));
  }

  #deliver(askedOn: Connection, bytes: Uint8Array): void {
    if (askedOn.isOpen) askedOn.inbox.push(bytes);
    else if (this.#options.lateAfterReopen && this.#connection?.isOpen) this.#connection.inbox.push(bytes);
  }

  #spoilt(reply: Uint8Array, fault: LineFault): Uint8Array {
    if (fault.kind === 'foreign') return fault.bytes.slice();
    if (fault.kind === 'truncated') return reply.slice(0, fault.keep);
    const bytes = reply.slice();
    const flips = fault.kind === 'noise' && bytes.length > 0 ? fault.flips : 0;
    for (let n = 0; n < flips; n++) {
      const place = this.#options.random.below(bytes.length);
      bytes[place] = bytes[place]! ^ (1 << this.#options.random.below(8));
    }
    return bytes;
  }

  #end(why: string): void {
    if (!this.#connection) return;
    this.#connection.isOpen = false;
    this.#connection.inbox.end(this.#lost(why));
  }

  #inbox(): Inbox {
    if (!this.#connection) throw this.#lost('it is not open');
    return this.#connection.inbox;
  }

  #lost(why: string): OdecetError {
    return new OdecetError('line-lost', `${this.#name}: ${why}`);
  }
}
