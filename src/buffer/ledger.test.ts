import { describe, expect, it } from 'vitest';
import { HOUR_MS } from '../core/time.ts';
import {
  aMessage,
  anAttempt,
  anInterval,
  aReceipt,
  DAY_START,
  memoryStore,
  POINT,
  standingClock,
} from './buffer.testkit.ts';
import { sealRow } from './frame.ts';
import { type Buffer, openBuffer } from './index.ts';

const START = (hour: number) => DAY_START + hour * HOUR_MS;
const SPANS = Array.from({ length: 6 }, (_, hour) => ({ start: START(hour), end: START(hour + 1) }));
const EXPECTED = [{ point: POINT, channel: 'volume' as const, spans: SPANS }];

const INTERVAL = `i/${POINT}/volume/2026-03-28T05:00:00.000Z/`;
const LINKS = `l/${POINT}/volume/2026-03-28T05:00:00.000Z/`;
const SECOND = anInterval({ version: 2, value: { coefficient: 99n, exponent: 0 } });

const { value: _, ...NOTHING } = anInterval({ quality: 'missing', findings: ['no-reading'], origins: [] });

async function open() {
  const store = memoryStore();
  return { store, buffer: await openBuffer(store, { clock: standingClock() }) };
}

async function send(buffer: Buffer, hours: readonly number[], verdict: 'accepted' | 'rejected', corrects?: string) {
  const version = corrects === undefined ? 1 : 2;
  const message = await buffer.queueMessage((id) =>
    aMessage(
      id,
      hours.map((hour) => anInterval({ start: START(hour), version })),
      { ...(corrects !== undefined && { corrects }) },
    ),
  );
  const number = await buffer.outbox.beginAttempt(message.id, DAY_START);
  await buffer.outbox.endAttempt(anAttempt(message.id, number, 'answered'), aReceipt(message.id, verdict));
  return message.id;
}

describe('the ledger', () => {
  it('tells accepted, pending, rejected, missing and lost apart', async () => {
    const { store, buffer } = await open();
    await buffer.keepIntervals([0, 1, 2, 3, 4].map((hour) => anInterval({ start: START(hour) })));
    await send(buffer, [0], 'accepted');
    await send(buffer, [1], 'rejected');
    await buffer.queueMessage((id) => aMessage(id, [anInterval({ start: START(2) })]));
    store.rows.delete(`i/${POINT}/volume/${new Date(START(4)).toISOString()}/000001`);
    const { counts, rows } = await buffer.ledger(EXPECTED);
    expect(rows.map(({ state }) => state)).toEqual(['accepted', 'rejected', 'pending', 'pending', 'lost', 'missing']);
    expect(counts).toEqual({
      expected: 6,
      accepted: 1,
      pending: 2,
      rejected: 1,
      missing: 1,
      lost: 1,
      givenUp: 0,
      doubled: 0,
    });
    expect(rows[0]).toMatchObject({ version: 1, quality: 'measured', deliveries: [{ state: 'accepted' }] });
  });

  it('counts an accepted interval that was given up for its age as accepted while its message stays, one that vanished as lost', async () => {
    const { store, buffer } = await open();
    for (const hour of [0, 1, 2, 3]) await buffer.keepIntervals([anInterval({ start: START(hour) })]);
    await send(buffer, [0, 1], 'accepted');
    await send(buffer, [2], 'accepted');
    const old = { olderThan: START(2), now: START(5), entriesMax: 100 };
    expect(await buffer.trim('intervals', old)).toEqual({ entries: 2, records: 2 });
    store.rows.delete(`i/${POINT}/volume/${new Date(START(2)).toISOString()}/000001`);
    const { rows } = await buffer.ledger(EXPECTED);
    expect(rows.map(({ state }) => state)).toEqual(['accepted', 'accepted', 'lost', 'pending', 'missing', 'missing']);
  });

  it('tells what was accepted and given up with its message from what is missing, also when it is made again', async () => {
    const { store, buffer } = await open();
    for (const hour of [0, 1, 2, 3]) await buffer.keepIntervals([anInterval({ start: START(hour) })]);
    await send(buffer, [0, 1], 'accepted');
    const old = { olderThan: START(4), now: START(500), entriesMax: 100 };
    expect(await buffer.trim('intervals', old)).toMatchObject({ records: 2 });
    expect(await buffer.trim('delivery', { ...old, olderThan: START(499) })).toMatchObject({ records: 7 });
    const states = async (of = buffer) => (await of.ledger(EXPECTED)).rows.map(({ state }) => state);
    const after = ['given-up', 'given-up', 'pending', 'pending', 'missing', 'missing'];
    expect(await states()).toEqual(after);
    const { counts, rows } = await buffer.ledger(EXPECTED);
    expect(counts).toMatchObject({ expected: 6, givenUp: 2, pending: 2, missing: 2, lost: 0 });
    expect(rows[0]).toMatchObject({ givenUpAt: START(500), deliveries: [] });
    expect(await buffer.givenUp(POINT, 'volume', { start: START(1), end: START(9) })).toMatchObject([
      { start: START(0), end: START(2) },
    ]);
    expect(await buffer.givenUp(POINT, 'volume', { start: START(2), end: START(9) })).toEqual([]);
    expect(await buffer.verify()).toMatchObject({ clean: true });
    const again = await openBuffer(store, { clock: standingClock() });
    expect(await states(again)).toEqual(after);
    await again.keepIntervals([anInterval({ start: START(0) })]);
    expect(await states(again)).toEqual(after);
    await again.keepIntervals([anInterval({ start: START(1), quality: 'substituted' })]);
    expect((await states(again))[1]).toBe('pending');
  });

  it('calls given up what only a link is left of that was put back, and lost what is damaged since', async () => {
    const { store, buffer } = await open();
    await buffer.keepIntervals([anInterval({ start: START(0) })]);
    await send(buffer, [0], 'accepted');
    const [key, link] = [...store.rows].find(([name]) => name.startsWith('l/'))!;
    const old = { olderThan: START(4), now: START(500), entriesMax: 100 };
    await buffer.trim('intervals', old);
    await buffer.trim('delivery', { ...old, olderThan: START(499) });
    expect(store.rows.has(key)).toBe(false);
    store.rows.set(key, link);
    const state = async () => (await buffer.ledger(EXPECTED)).rows[0]?.state;
    expect(await state()).toBe('given-up');
    await buffer.keepIntervals([anInterval({ start: START(0), quality: 'substituted' })]);
    store.rows.get([...store.rows.keys()].find((name) => name.startsWith('i/'))!)![30]! ^= 1;
    expect(await state()).toBe('lost');
  });

  it('what is given up later joins what was given up before, over the end of a month too', async () => {
    const { buffer } = await open();
    const end = Date.UTC(2026, 3, 1);
    const starts = [2, 1, 0, -1].map((hour) => end - hour * HOUR_MS);
    for (const start of starts) await buffer.keepIntervals([anInterval({ start })]);
    const message = await buffer.queueMessage((id) =>
      aMessage(
        id,
        starts.map((start) => anInterval({ start })),
      ),
    );
    const number = await buffer.outbox.beginAttempt(message.id, DAY_START);
    await buffer.outbox.endAttempt(anAttempt(message.id, number, 'answered'), aReceipt(message.id, 'accepted'));
    for (const start of starts)
      await buffer.trim('intervals', { olderThan: start + 1, now: end + 500 * HOUR_MS, entriesMax: 100 });
    const found = await buffer.givenUp(POINT, 'volume', { start: end - 9 * HOUR_MS, end: end + 9 * HOUR_MS });
    expect(found.map(({ start, end: to }) => [start, to])).toEqual([
      [end - 2 * HOUR_MS, end],
      [end, end + 2 * HOUR_MS],
    ]);
  });

  it.each(['gone', 'damaged'])(
    'an accepted interval that came late and is %s is lost, although what was made before it was given up',
    async (how) => {
      const { store, buffer } = await open();
      for (const hour of [0, 4, 2]) await buffer.keepIntervals([anInterval({ start: START(hour) })]);
      await send(buffer, [0, 2, 4], 'accepted');
      expect(await buffer.trim('intervals', { olderThan: START(1), now: START(5), entriesMax: 100 })).toMatchObject({
        entries: 1,
      });
      const key = `i/${POINT}/volume/${new Date(START(2)).toISOString()}/000001`;
      if (how === 'gone') store.rows.delete(key);
      else store.rows.get(key)![20]! ^= 1;
      const states = async () => (await buffer.ledger(EXPECTED)).rows.map(({ state }) => state);
      expect(await states()).toEqual(['accepted', 'missing', 'lost', 'missing', 'accepted', 'missing']);
      await buffer.quarantine([{ key, detail: how, namedBy: 'j/intervals/000000000000003' }]);
      expect((await states())[2]).toBe('lost');
    },
  );

  it('reads only that part of the journal that can name what is missing, and finds there what was lost', async () => {
    const { store, buffer } = await open();
    const days = Array.from({ length: 30 }, (_, n) => START(24 * n));
    for (const start of days) await buffer.keepIntervals([anInterval({ start })]);
    const read: string[] = [];
    const { range } = store;
    store.range = (asked) => {
      if (asked.gte.startsWith('j/intervals/')) read.push(asked.gte);
      return range(asked);
    };
    store.rows.delete(`i/${POINT}/volume/${new Date(days[27]!).toISOString()}/000001`);
    const spans = [27, 28].flatMap((n) => [0, 24].map((hour) => START(24 * n + hour)));
    const { rows } = await buffer.ledger([
      { point: POINT, channel: 'volume', spans: spans.map((start) => ({ start, end: start + HOUR_MS })) },
    ]);
    expect(rows.map(({ state }) => state)).toEqual(['lost', 'pending', 'pending', 'pending']);
    expect(read[0]).toMatch(/27$/);
  });

  it('counts a damaged interval as lost, also when it was accepted', async () => {
    const { store, buffer } = await open();
    await buffer.keepIntervals([anInterval()]);
    await send(buffer, [0], 'accepted');
    store.rows.get(`i/${POINT}/volume/2026-03-28T05:00:00.000Z/000001`)![50]! ^= 1;
    const { counts, rows } = await buffer.ledger(EXPECTED);
    expect(counts).toMatchObject({ accepted: 0, lost: 1, missing: 5 });
    expect(rows[0]).toMatchObject({ state: 'lost', deliveries: [{ accepted: true, told: '17.250 m3 measured' }] });
  });

  it.each([
    ['damaged', false],
    ['damaged and marked', true],
  ] as const)('counts what is made as missing in the place of a %s interval as lost', async (_, isMarked) => {
    const { store, buffer } = await open();
    await buffer.keepIntervals([anInterval()]);
    store.rows.get(`${INTERVAL}000001`)![50]! ^= 1;
    if (isMarked) await buffer.quarantine([{ key: `${INTERVAL}000001`, detail: 'checksum' }]);
    const [kept] = await buffer.keepIntervals([NOTHING]);
    expect(kept).toMatchObject({ version: 2 });
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ lost: 1, missing: 5 });
    // What a person enters is news.
    await buffer.keepIntervals([anInterval({ version: 3, quality: 'substituted' })]);
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ lost: 0, pending: 1, missing: 5 });
  });

  it.each([
    ['told by a message', true, 2],
    ['told by none', false, 1],
  ] as const)(
    'counts what is made as missing where an interval vanished without a mark as lost: %s',
    async (_, isTold, version) => {
      const { store, buffer } = await open();
      await buffer.keepIntervals([anInterval()]);
      if (isTold) await send(buffer, [0], 'accepted');
      store.rows.delete(`${INTERVAL}000001`);
      const again = await openBuffer(store, { clock: standingClock() });
      expect(await again.keepIntervals([NOTHING])).toMatchObject([{ version }]);
      expect((await again.ledger(EXPECTED)).counts).toMatchObject({ lost: 1, missing: 5 });
    },
  );

  it('counts as missing what was made and is refuted by a newer version, as long as both are there', async () => {
    const { store, buffer } = await open();
    await buffer.keepIntervals([anInterval()]);
    await buffer.keepIntervals([{ ...NOTHING, version: 2 }]);
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ lost: 0, missing: 6 });
    store.rows.delete(`${INTERVAL}000001`);
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ lost: 1, missing: 5 });
  });

  it('does not call lost what was given up for its age and is made as missing while its message is still there', async () => {
    const { buffer } = await open();
    await buffer.keepIntervals([anInterval()]);
    await send(buffer, [0], 'accepted');
    expect(await buffer.trim('intervals', { olderThan: START(2), now: START(5), entriesMax: 9 })).toMatchObject({
      records: 1,
    });
    expect(await buffer.keepIntervals([NOTHING])).toMatchObject([{ version: 2 }]);
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ lost: 0, givenUp: 1, missing: 5 });
  });

  it('sees a correction that is not accepted yet, and one that is', async () => {
    const { buffer } = await open();
    await buffer.keepIntervals([anInterval(), anInterval({ start: START(1) })]);
    const first = await send(buffer, [0, 1], 'accepted');
    const corrected = anInterval({ version: 2, findings: ['archive-differs'] });
    await buffer.keepIntervals([corrected]);
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ accepted: 1, pending: 1 });
    const second = await buffer.queueMessage((id) =>
      aMessage(id, [corrected, anInterval({ start: START(1) })], { corrects: first }),
    );
    await buffer.outbox.beginAttempt(second.id, DAY_START);
    await buffer.outbox.endAttempt(anAttempt(second.id, 1, 'answered'), aReceipt(second.id, 'accepted'));
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ accepted: 2, pending: 0, doubled: 0 });
  });

  it('finds a double that got past the guard', async () => {
    const { store, buffer } = await open();
    await buffer.keepIntervals([anInterval()]);
    await send(buffer, [0], 'accepted');
    const links = [...store.rows].filter(([key]) => key.startsWith('l/'));
    for (const [key] of links) store.rows.delete(key);
    await send(buffer, [0], 'accepted');
    for (const [key, bytes] of links) store.rows.set(key, bytes);
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ accepted: 1, doubled: 1 });
  });

  it('finds a double of two versions, each accepted as news', async () => {
    const { store, buffer } = await open();
    await buffer.keepIntervals([anInterval()]);
    const first = await send(buffer, [0], 'accepted');
    await buffer.keepIntervals([SECOND]);
    const second = await send(buffer, [0], 'accepted', first);
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ accepted: 1, doubled: 0 });
    const key = `${LINKS}000002/${second}`;
    store.rows.set(key, sealRow(key, 4, { replaces: [] }));
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ accepted: 1, doubled: 1 });
  });

  it.each(['whole', 'records'] as const)('a newer version that was told and is gone is lost (%s)', async (look) => {
    const { store, buffer } = await open();
    await buffer.keepIntervals([anInterval()]);
    const first = await send(buffer, [0], 'accepted');
    await buffer.keepIntervals([SECOND]);
    await send(buffer, [0], 'accepted', first);
    store.rows.delete(`${INTERVAL}000002`);
    expect((await buffer.ledger(EXPECTED, look)).counts).toMatchObject({ accepted: 0, lost: 1, missing: 5 });
  });

  it('a newer version that nobody was told of yet and is gone is lost', async () => {
    const { store, buffer } = await open();
    await buffer.keepIntervals([anInterval(), anInterval({ start: START(1) })]);
    await send(buffer, [0, 1], 'accepted');
    await buffer.keepIntervals([SECOND]);
    store.rows.delete(`${INTERVAL}000002`);
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ accepted: 1, lost: 1, missing: 4 });
  });

  it('knows from the key of a damaged link what was accepted, and from its message what it corrected', async () => {
    const { store, buffer } = await open();
    await buffer.keepIntervals([anInterval()]);
    const first = await send(buffer, [0], 'accepted');
    await buffer.keepIntervals([SECOND]);
    const second = await send(buffer, [0], 'accepted', first);
    for (const [key, bytes] of store.rows) if (key.startsWith(LINKS)) bytes[20]! ^= 1;
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ accepted: 1, pending: 0, doubled: 0 });
    const third = anInterval({ version: 3 });
    expect(await buffer.queueMessage((id) => aMessage(id, [third], { corrects: second }))).toBeDefined();
  });

  it('counts an interval of which nothing is known as missing until the operator was told', async () => {
    const { buffer } = await open();
    const { value: _, ...unknown } = anInterval({ quality: 'missing', origins: [] });
    await buffer.keepIntervals([unknown]);
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ missing: 6, pending: 0 });
    await send(buffer, [0], 'accepted');
    expect((await buffer.ledger(EXPECTED)).counts).toMatchObject({ missing: 5, accepted: 1 });
  });
});
