import type { Codec } from '../machine/signer.ts';
import {
  type Command,
  type CommandAnswer,
  type CommandRefusal,
  forgedMarkOf,
  markOf,
} from '../uplink/relay/command.ts';

const BAD_SIGNATURE: CommandRefusal = 'bad-signature';
/** Of so many commands that ended without an answer one is still heeded; the oldest is forgotten first. */
const HEEDED_MAX = 1_000;

/** Enough to know an answer by. */
export interface KnownCommand {
  readonly site: string;
  readonly mark: string;
  readonly forgedMark: string;
}

export function knownCommand(made: Command, codec: Codec): KnownCommand {
  return { site: made.head.site, mark: markOf(made, codec), forgedMark: forgedMarkOf(made, codec) };
}

/** Whether a site's answer is about these very words. */
export function isAbout({ site, mark, forgedMark }: KnownCommand, { head }: CommandAnswer): boolean {
  // Of a forged copy of these words it says nothing about this one.
  return head.site === site && head.of === (isNotBelieved(head) ? forgedMark : mark);
}

export function isNotBelieved({ reason }: { readonly reason: string }): boolean {
  return reason === BAD_SIGNATURE;
}

/** Commands that ended without an answer: one may come yet. */
export class Unanswered {
  readonly #known = new Map<string, KnownCommand>();

  add(id: string, { site, mark, forgedMark }: KnownCommand): void {
    this.#known.set(id, { site, mark, forgedMark });
    const [oldest] = this.#known.keys();
    if (this.#known.size > HEEDED_MAX && oldest !== undefined) this.#known.delete(oldest);
  }

  /** True once for an answer that ends one of them. */
  endsWith(answer: CommandAnswer): boolean {
    const { id } = answer.head;
    const known = this.#known.get(id);
    if (!known || isNotBelieved(answer.head) || !isAbout(known, answer)) return false;
    return this.#known.delete(id);
  }
}
