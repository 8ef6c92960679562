import { describe, expect, it } from 'vitest';
import { HOUR_MS } from '../core/time.ts';
import {
  aMessage,
  anAttempt,
  anInterval,
  aReceipt,
  DAY_START,
  memoryLog,
  memoryStore,
  POINT,
  standingClock,
} from './buffer.testkit.ts';
import { openBuffer } from './index.ts';

const START = (hour: number) => DAY_START + hour * HOUR_MS;
const SPANS = Array.from({ length: 6 }, (_, hour) => ({ start: START(hour), end: START(hour + 1) }));
const DAY = { start: START(0), end: START(6) };
const ROW = `g/${POINT}/volume/2026-03`;
const AGED = 100 * 24;

/** Six hours of which the first four were accepted, and the first `gone` given up with their message. */
async function opened(gone: number) {
  const store = memoryStore();
  const vital = memoryLog();
  const open = (log = vital) => openBuffer(store, { clock: standingClock(START(AGED)), vital: log });
  const buffer = await open();
  for (const { start } of SPANS) await buffer.keepIntervals([anInterval({ start })]);
  const message = await buffer.queueMessage((id) =>
    aMessage(
      id,
      SPANS.slice(0, 4).map(({ start }) => anInterval({ start })),
    ),
  );
  const number = await buffer.outbox.beginAttempt(message.id, DAY_START);
  await buffer.outbox.endAttempt(anAttempt(message.id, number, 'answered'), aReceipt(message.id, 'accepted'));
  const giveUp = (until: number, of = buffer) =>
    of.trim('intervals', { olderThan: START(until), now: START(AGED), entriesMax: 100 });
  await giveUp(gone);
  const messages = { olderThan: START(AGED + 1), now: START(AGED + 1), entriesMax: 100 };
  if (gone === 4) await buffer.trim('delivery', messages);
  return { store, buffer, open, giveUp };
}

const states = async (buffer: Awaited<ReturnType<typeof openBuffer>>) =>
  (await buffer.ledger([{ point: POINT, channel: 'volume', spans: SPANS }])).rows.map(({ state }) => state);

function flip(rows: Map<string, Uint8Array>): void {
  rows.get(ROW)![30]! ^= 1;
}

const AFTER = ['given-up', 'given-up', 'given-up', 'given-up', 'pending', 'pending'];

describe('what was given up', () => {
  it.each([
    ['damaged', (rows: Map<string, Uint8Array>) => flip(rows)],
    ['gone', (rows: Map<string, Uint8Array>) => rows.delete(ROW)],
  ])('is given back by the second copy where its row is %s, also by one that was written anew', async (_, hurt) => {
    const { store, buffer, open } = await opened(4);
    expect(await states(buffer)).toEqual(AFTER);
    const before = store.rows.get(ROW)!.slice();
    for (const isNew of [false, true]) {
      if (isNew) await (await open()).compactVital(START(AGED + 1));
      hurt(store.rows);
      const again = await open();
      expect((await again.restoreVital()).records).toBeGreaterThan(0);
      expect(store.rows.get(ROW)).toEqual(before);
      expect(await again.restoreVital()).toMatchObject({ records: 0 });
    }
  });

  it('is what has no record any more where the second copy does not know it either', async () => {
    const { store, open } = await opened(4);
    flip(store.rows);
    const buffer = await open(memoryLog());
    expect(await states(buffer)).toEqual(AFTER);
    expect(await buffer.givenUp(POINT, 'volume', DAY)).toEqual([{ start: START(0), end: START(4) }]);
    await buffer.quarantine([{ key: ROW, detail: 'checksum' }]);
    expect(await states(buffer)).toEqual(AFTER);
    // Made again from readings that are kept longer, when it was old enough to have gone; and what a person entered since.
    await buffer.keepIntervals([anInterval({ start: START(1), madeAt: START(AGED) })]);
    await buffer.keepIntervals([anInterval({ start: START(2), madeAt: START(AGED), quality: 'substituted' })]);
    const now = ['given-up', 'given-up', 'pending', 'given-up', 'pending', 'pending'];
    expect(await states(buffer)).toEqual(now);
  });

  it('is not forgotten where more is given up over a damaged row', async () => {
    const { store, open, giveUp } = await opened(2);
    flip(store.rows);
    const told: string[] = [];
    const buffer = await openBuffer(store, {
      clock: standingClock(START(AGED)),
      onDamage: ({ key }) => void told.push(key),
    });
    await giveUp(4, buffer);
    expect(told).toEqual([ROW]);
    expect(await buffer.givenUp(POINT, 'volume', DAY)).toMatchObject([{ end: START(4) }]);
    expect((await buffer.givenUp(POINT, 'volume', DAY))[0]!.start).toBeLessThanOrEqual(START(0));
    expect((await open()).behind).toEqual({});
  });
});
