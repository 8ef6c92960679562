import type { Channel, Commodity, PointCode } from '../core/interval.ts';
import type { Attempt, Message, MessageId, MessageState, Receipt } from '../core/message.ts';
import type { MarketDay, UtcMs } from '../core/time.ts';
import type { Damage } from './api.ts';
import { linkOfDamaged } from './carriers.ts';
import { decodeEvent, decodeLink, decodeMessage, type Link, type StoredEvent } from './codec-delivery.ts';
import { isDamage, type Row } from './frame.ts';
import {
  below,
  dayPrefix,
  eventsPrefix,
  type KeyRange,
  keyParts,
  lastPart,
  linkPrefix,
  messageKey,
  only,
} from './keys.ts';
import { advance, type Life, type LifeEvent, NEW_LIFE, stateOf } from './life.ts';
import type { Delivery } from './reports.ts';
import type { Rows } from './rows.ts';

/** A damaged step is a doubt: the attempt counts as one that may have been taken; a superseded message stays so. */
export function foldLife(events: readonly (StoredEvent | Damage)[]): Life {
  return events.map(lifeEvent).reduce(advance, NEW_LIFE);
}

function lifeEvent(event: StoredEvent | Damage): LifeEvent {
  if (isDamage(event)) {
    const [, , second] = keyParts(event.key);
    return second === 'superseded' ? { what: second } : { what: 'began', attempt: Number(second) || 0 };
  }
  switch (event.what) {
    case 'ended':
      return { what: 'ended', attempt: event.attempt, outcome: event.ended.outcome, endedAt: event.ended.endedAt };
    case 'receipt':
      return { what: 'receipt', attempt: event.attempt, verdict: event.receipt.verdict };
    case 'began':
    case 'superseded':
      return event;
  }
}

export interface MessageReader {
  readonly message: (id: MessageId) => Promise<Message | undefined>;
  /** From the records alone, not from the outbox. */
  readonly life: (id: MessageId) => Promise<Life>;
  readonly state: (id: MessageId) => Promise<MessageState | undefined>;
  readonly attempts: (id: MessageId) => Promise<Attempt[]>;
  readonly receipt: (id: MessageId) => Promise<Receipt | undefined>;
  readonly ofDay: (commodity: Commodity, day: MarketDay) => Promise<MessageId[]>;
  readonly links: (range: KeyRange) => Promise<Link[]>;
  readonly deliveryOf: (point: PointCode, channel: Channel, start: UtcMs) => Promise<Delivery[]>;
}

export function readMessages(rows: Rows): MessageReader {
  const events = async (id: MessageId): Promise<(StoredEvent | Damage)[]> => {
    const found: (StoredEvent | Damage)[] = [];
    for await (const event of rows.eachOrDamage(below(eventsPrefix(id)), decodeEvent)) found.push(event);
    return found;
  };
  const intactEvents = async (id: MessageId): Promise<StoredEvent[]> =>
    (await events(id)).filter((event): event is StoredEvent => !isDamage(event));
  const life = async (id: MessageId): Promise<Life> => foldLife(await events(id));
  const links = async (range: KeyRange): Promise<Link[]> => {
    const found: Link[] = [];
    for (const row of await rows.all(range, decodeLink)) {
      const link = isDamage(row) ? await linkOfDamaged(row, correctedBy) : row;
      if (link) found.push(link);
    }
    return found;
  };
  const correctedBy = async (id: MessageId): Promise<MessageId | undefined> => {
    for await (const { corrects } of rows.each(only(messageKey(id)), decodeMessage)) return corrects;
    return undefined;
  };

  return {
    life,
    links,
    message: (id) => rows.get(messageKey(id), decodeMessage),
    async state(id) {
      const known = await rows.keys(only(messageKey(id)));
      return known.length === 0 ? undefined : stateOf(await life(id));
    },
    async attempts(id) {
      return (await intactEvents(id)).flatMap((event) => (event.what === 'ended' ? [event.ended] : []));
    },
    async receipt(id) {
      const receipts = (await intactEvents(id)).flatMap((event) => (event.what === 'receipt' ? [event.receipt] : []));
      const deciding = (['accepted', 'rejected'] as const)
        .map((verdict) => receipts.findLast((receipt) => receipt.verdict === verdict))
        .find((receipt) => receipt !== undefined);
      // An answer that only repeats an earlier one that nobody understands holds no text.
      return deciding ?? receipts.findLast(({ xml }) => xml !== '') ?? receipts.at(-1);
    },
    async ofDay(commodity, day) {
      const found: { id: MessageId }[] = [];
      for await (const row of rows.each(below(dayPrefix(commodity, day)), idOfRow)) found.push(row);
      return found.map(({ id }) => id);
    },
    async deliveryOf(point, channel, start) {
      const found: Delivery[] = [];
      for (const link of await links(below(linkPrefix(point, channel, start))))
        found.push(deliveryOf(link, await life(link.message)));
      return found;
    },
  };
}

/** How a message that carries an interval stands, and what it says of it. */
export function deliveryOf({ message, version, told }: Link, life: Life): Delivery {
  const words = told === undefined ? {} : { told };
  return { message, version, state: stateOf(life), accepted: life.accepted, ...words };
}

function idOfRow(row: Row): { id: MessageId } {
  return { id: lastPart(row.key) };
}
