import type { Buffer, LedgerRow } from '../../buffer/index.ts';
import type { Channel, Interval } from '../../core/interval.ts';
import type { MarketDay, Span, UtcMs } from '../../core/time.ts';
import type { Witness } from './excuses.ts';
import type { Episode } from './faults.ts';
import type { ImaginedHeat } from './imagined-heat.ts';
import type { ImaginedSite } from './imagined-site.ts';
import type { SiteLife } from './life.ts';
import type { RunningMeter } from './meters.ts';
import type { Held, Operator } from './operator.ts';
import type { Reach } from './reach.ts';
import type { Trace } from './trace.ts';
import type { Truth } from './truth.ts';

/** What a run is judged by. */
export interface JudgeParts {
  readonly site: ImaginedSite;
  readonly meters: readonly RunningMeter[];
  readonly heat: ImaginedHeat;
  readonly episodes: readonly Episode[];
  readonly operator: Operator;
  readonly life: SiteLife;
  readonly buffer: Buffer;
  readonly start: UtcMs;
  /** Market days that ended before it count. */
  readonly end: UtcMs;
  readonly trace: Trace;
  readonly broken: readonly string[];
}

export interface Tally {
  intervals: number;
  accepted: number;
  lost: number;
  wrong: number;
  unexplained: number;
  readonly explained: Record<string, number>;
  readonly broken: string[];
}

/** A point as it is judged. */
export interface Case {
  readonly parts: JudgeParts;
  readonly meter: RunningMeter;
  readonly reach: Reach;
  readonly truth: Truth;
  readonly tally: Tally;
  readonly standing: ReadonlySet<string>;
}

/** One channel's day: what the gateway says of it, and what the operator has. */
export interface ChannelDay {
  readonly day: MarketDay;
  readonly channel: Channel;
  readonly spans: readonly Span[];
  readonly rows: readonly LedgerRow[];
  readonly intervals: ReadonlyMap<UtcMs, Interval>;
  readonly held: readonly (readonly Held[] | undefined)[];
}

export function witnessOf({ meter, reach, parts }: Case): Witness {
  return { meter, reach, life: parts.life };
}
