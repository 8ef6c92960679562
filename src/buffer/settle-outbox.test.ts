import { describe, expect, it } from 'vitest';
import {
  aMessage,
  anAttempt,
  anInterval,
  aReceipt,
  DAY_START,
  memoryLog,
  memoryStore,
  standingClock,
} from './buffer.testkit.ts';
import { openBuffer } from './index.ts';
import { waitingKey } from './keys.ts';

/** A message that was accepted and one that was tried once, and the rows that the outbox had of them at first. */
async function twoMessages() {
  const store = memoryStore();
  const vital = memoryLog();
  const clock = standingClock();
  const buffer = await openBuffer(store, { clock, vital });
  const early = new Map<string, Uint8Array>();
  const send = async (start: number, isAccepted: boolean) => {
    const interval = anInterval({ start });
    await buffer.keepIntervals([interval]);
    const { id } = await buffer.queueMessage((own) => aMessage(own, [interval]));
    early.set(waitingKey(id), store.rows.get(waitingKey(id))!);
    const number = await buffer.outbox.beginAttempt(id, DAY_START);
    if (isAccepted) await buffer.outbox.endAttempt(anAttempt(id, number, 'answered'), aReceipt(id, 'accepted'));
    return id;
  };
  const accepted = await send(DAY_START, true);
  const underWay = await send(DAY_START + 3_600_000, false);
  return { store, vital, clock, early, accepted, underWay };
}

/** As a start does where the store was repaired. */
async function afterRepair({
  store,
  vital,
  clock,
}: Pick<Awaited<ReturnType<typeof twoMessages>>, 'store' | 'vital' | 'clock'>) {
  const buffer = await openBuffer(store, { clock, vital });
  await buffer.restoreVital();
  return buffer;
}

describe('a lost table brings back what the outbox had before', () => {
  it('a message that was accepted is not sent again, one that is under way has its attempts', async () => {
    const parts = await twoMessages();
    for (const [key, value] of parts.early) parts.store.rows.set(key, value);
    const buffer = await afterRepair(parts);
    const heads = await buffer.outbox.heads();
    expect(heads.map(({ message, state, attempts }) => [message.id, state, attempts])).toEqual([
      [parts.underWay, 'sent', 1],
    ]);
    await expect(buffer.outbox.beginAttempt(parts.accepted, DAY_START)).rejects.toThrow('accepted');
    expect(await buffer.outbox.beginAttempt(parts.underWay, DAY_START)).toBe(2);
    expect(await buffer.verify()).toMatchObject({ clean: true, misplaced: [] });
  });

  it('as many rows as there should be, and not the right ones', async () => {
    const parts = await twoMessages();
    const [key, value] = [...parts.early][0]!;
    parts.store.rows.set(key, value);
    parts.store.rows.delete(waitingKey(parts.underWay));
    const buffer = await afterRepair(parts);
    expect((await buffer.outbox.heads()).map(({ message }) => message.id)).toEqual([parts.underWay]);
    expect((await buffer.verify()).clean).toBe(true);
  });
});

it.each([
  ['young', 1, 2],
  ['old', 61, 1],
])(
  'a %s message whose answer cannot be read: only a young one goes again, under its id',
  async (_what, days, waiting) => {
    const parts = await twoMessages();
    const [receipt] = [...parts.store.rows.keys()].filter((key) => key.startsWith('e/') && key.endsWith('receipt'));
    parts.store.rows.get(receipt!)![30]! ^= 1;
    const later = standingClock(DAY_START + days * 24 * 3_600_000);
    const buffer = await openBuffer(parts.store, { clock: later });
    await buffer.quarantine([{ key: receipt!, detail: 'checksum' }]);
    await buffer.queueMessage((id) => aMessage(id, [anInterval({ start: DAY_START + 10 * 3_600_000 })]));
    await buffer.restoreVital();
    const ids = (await buffer.outbox.heads()).map(({ message }) => message.id);
    expect(ids.filter((id) => id === parts.accepted || id === parts.underWay)).toHaveLength(waiting);
    expect(ids).toContain(parts.underWay);
  },
);
