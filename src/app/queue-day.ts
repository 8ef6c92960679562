import type { Buffer } from '../buffer/index.ts';
import { type Failure, OdecetError } from '../core/failure.ts';
import type { Commodity } from '../core/interval.ts';
import type { Message, MessageId } from '../core/message.ts';
import type { MarketDay } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import { makeDocument, splitPoints } from '../message/document.ts';
import { type FormatPack, packId } from '../message/pack.ts';
import type { DocumentRequest } from '../message/request.ts';
import type { PointDay } from './point-day.ts';

export interface QueueParts {
  readonly site: Site;
  readonly pack: FormatPack;
  readonly buffer: Buffer;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of a point whose day cannot be sent as it is. */
  readonly tell: (point: PointDay, failure: Failure) => void;
}

export interface DayMessages {
  readonly commodity: Commodity;
  readonly day: MarketDay;
  readonly points: readonly PointDay[];
  /** The accepted message that these correct. */
  readonly corrects?: MessageId;
}

/**
 * Makes the messages of some points' day and queues them; gives how many. A point that cannot be sent is told of and does not
 * hold the others: a group that is refused is halved until the one stands alone.
 */
export async function queueDay(parts: QueueParts, messages: DayMessages): Promise<number> {
  let queued = 0;
  for (const points of splitPoints(parts.pack, messages.points))
    queued += await queueGroup(parts, { ...messages, points });
  return queued;
}

async function queueGroup(parts: QueueParts, group: DayMessages): Promise<number> {
  const refusal = await tryToQueue(parts, group);
  if (!refusal) return 1;
  const { points } = group;
  if (points.length > 1) {
    const half = Math.ceil(points.length / 2);
    const first = await queueGroup(parts, { ...group, points: points.slice(0, half) });
    return first + (await queueGroup(parts, { ...group, points: points.slice(half) }));
  }
  for (const point of points) parts.tell(point, refusal);
  return 0;
}

/** Why the group cannot go as one message; undefined when it was queued. */
async function tryToQueue(parts: QueueParts, group: DayMessages): Promise<Failure | undefined> {
  const { pack, buffer, log } = parts;
  const request = requestOf(parts, group);
  const trial = makeDocument(pack, { ...request, id: TRIAL_ID });
  if (trial.kind === 'refused') return trial.failure;
  try {
    const message = await buffer.queueMessage((id) => messageOf(pack, { ...request, id }));
    const { commodity, day, points } = group;
    const intervals = message.carried.length;
    log.info('message-queued', { message: message.id, commodity, day, points: points.length, intervals });
    return undefined;
  } catch (error) {
    if (error instanceof OdecetError && error.failure.code === 'already-queued') return error.failure;
    throw error;
  }
}

function requestOf(
  { site, clock }: QueueParts,
  { commodity, day, points, corrects }: DayMessages,
): Omit<DocumentRequest, 'id'> {
  const { sender, receiver } = site.market[commodity]!;
  return {
    madeAt: clock.now(),
    sender,
    receiver,
    zone: site.zone,
    commodity,
    day,
    points: points.map(({ plan, intervals }) => ({ code: plan.code, channels: intervals })),
    ...(corrects && { corrects }),
  };
}

function messageOf(pack: FormatPack, request: DocumentRequest): Message {
  const made = makeDocument(pack, request);
  if (made.kind === 'refused') throw new Error(`refused what was accepted a moment ago: ${made.failure.detail}`);
  const { id, commodity, day, madeAt, corrects } = request;
  return {
    id,
    commodity,
    day,
    pack: packId(pack),
    madeAt,
    xml: made.xml,
    carried: made.carried,
    ...(corrects && { corrects }),
  };
}

/** An id that is never sent: the document is tried before an id is spent on it. */
const TRIAL_ID = `${'0'.repeat(13)}1`;
