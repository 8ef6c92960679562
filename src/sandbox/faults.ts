import { z } from 'zod';

/**
 * What can be made to go wrong, on demand.
 * slow          the answer comes `ms` later
 * down          the connection is cut before the message is read
 * soap-fault    a SOAP fault, nothing taken
 * reject        a reasoned rejection, whatever the message
 * unknown-code  the message is taken, the answer carries a code that no table knows
 * lost-answer   the message is taken, then the connection is cut
 * bad-signature the message is taken, the answer's signature does not fit
 */
export const FAULT_KINDS = [
  'slow',
  'down',
  'soap-fault',
  'reject',
  'unknown-code',
  'lost-answer',
  'bad-signature',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export const faultSchema = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  /** How many messages it meets; until cleared when absent. */
  times: z.int().min(1).optional(),
  /** Only for slow. */
  ms: z.int().min(0).default(0),
});

export type Fault = z.output<typeof faultSchema>;

/** The faults that wait for a message. Each message asks for each kind once. */
export class FaultBox {
  #waiting: Fault[];

  constructor(faults: readonly Fault[]) {
    this.#waiting = [...faults];
  }

  add(fault: Fault): void {
    this.#waiting.push(fault);
  }

  clear(): void {
    this.#waiting = [];
  }

  list(): readonly Fault[] {
    return this.#waiting;
  }

  /** The next fault of a kind, used up by one. */
  take(kind: FaultKind): Fault | undefined {
    const index = this.#waiting.findIndex((fault) => fault.kind === kind);
    const fault = this.#waiting[index];
    if (!fault) return undefined;
    if (fault.times === 1) this.#waiting.splice(index, 1);
    else if (fault.times !== undefined) this.#waiting[index] = { ...fault, times: fault.times - 1 };
    return fault;
  }
}
