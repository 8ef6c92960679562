import type { Channel, Commodity, Interval, PointCode } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import type { MarketDay, UtcMs } from '../core/time.ts';

/** A market participant as the site file names it; coding scheme 14 = GS1, 15 = EIC. */
export interface Participant {
  readonly id: string;
  readonly codingScheme: '14' | '15';
}

export interface PointIntervals {
  readonly code: PointCode;
  /** The whole market day of each channel. */
  readonly channels: Readonly<Partial<Record<Channel, readonly Interval[]>>>;
}

export interface DocumentRequest {
  readonly id: MessageId;
  readonly madeAt: UtcMs;
  readonly sender: Participant;
  readonly receiver: Participant;
  readonly zone: string;
  readonly commodity: Commodity;
  readonly day: MarketDay;
  readonly points: readonly PointIntervals[];
  /** The earlier message this one corrects. */
  readonly corrects?: MessageId;
}
