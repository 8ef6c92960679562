import type { Span, UtcMs } from '../../core/time.ts';
import type { Episode } from './faults.ts';
import type { Machine } from './machine.ts';
import type { OwnClock } from './own-clock.ts';
import type { Substituted } from './persons.ts';

/** A stretch of true time in which the gateway was not there. */
export interface Outage {
  readonly start: UtcMs;
  end: UtcMs;
}

/** A fresh machine that goes on from a backup; `start` is when that was taken. */
export interface Replacement extends Span {
  /** What was sent since is not known, so that days that were over wait for a person: no second copy that could be believed. */
  readonly holdsDays: boolean;
  /** Whether the machine that died had this record, and its backup has not. */
  lost(key: string): boolean;
}

/** The gateway's machine through all its lives, and everything that is done to it. */
export interface SiteLife {
  boot(): Promise<void>;
  meet(episode: Episode): void;
  /** Waits until the machine is on. */
  settled(): Promise<Machine>;
  readonly outages: readonly Outage[];
  /** What people have ordered. */
  readonly substituted: readonly Substituted[];
  readonly wall: () => OwnClock;
  /** Records that a flipped bit has damaged, as it left them; `standing` on the disk that is in use now. */
  readonly flipped: ReadonlyMap<string, Uint8Array>;
  readonly standing: ReadonlySet<string>;
  /** How often the scrubber has come round since the record was damaged. */
  roundsSince(key: string): number;
  readonly replacements: readonly Replacement[];
  /** Keys that the gateway's reports of repairs name. */
  reported(): Promise<readonly string[]>;
  /** Nothing has taken the place of what a flipped bit has damaged, as a repair and a restore do. */
  isAsFlipped(key: string): boolean;
  readonly lineDown: ReadonlyMap<string, readonly Outage[]>;
  readonly crashes: number;
}
