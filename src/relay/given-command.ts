import type { UtcMs } from '../core/time.ts';
import type { CommandHead, Outcome } from '../uplink/relay/command.ts';

/** A command as the centre's log keeps it. */
export interface GivenCommand extends Pick<CommandHead, 'site' | 'id' | 'kind' | 'by' | 'madeAt' | 'expiresAt'> {
  /** JSON. */
  readonly body: string;
  /**
   * Signature and line as they left. A site knows a command by these very words: made anew after a change of the relay's name or
   * key they would be others, and the site would refuse what it has done.
   */
  readonly signed: string;
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
  /** The site said that it has it. */
  taken(id: string, at: UtcMs): Promise<void>;
  /** A second end of the same command, after `unanswered`, is the one that counts. */
  ended(end: EndedCommand): Promise<void>;
  /** Given and not ended, at the start. */
  readonly open: readonly { readonly command: GivenCommand; readonly isTaken: boolean }[];
  /** Ended without an answer, at the start, oldest first: one may come yet. */
  readonly unanswered: readonly Pick<GivenCommand, 'site' | 'id' | 'signed'>[];
}
