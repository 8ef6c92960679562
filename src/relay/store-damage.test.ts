import { describe, expect, test } from 'vitest';
import { HOUR_MS } from '../core/time.ts';
import { pause } from '../machine/timers.ts';
import { simClock } from '../sim/clock.ts';
import { seededRandom } from '../sim/random.ts';
import { simDisk } from '../sim/store.ts';
import { createWorld } from '../sim/world.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import { createCaretaker } from './caretaker.ts';
import { nameOf } from './level-rows.ts';
import type { MendedRow, RelayStore, Settled, SiteMessage } from './store.ts';
import { openLevelRelayStore } from './store-level.ts';

/** Damaged rows of the relay's LevelDB store: found, set aside, made anew; and nothing else waits for them. */
const SENDER = 'SENDER-A';
const START = Date.UTC(2026, 2, 30, 9);
const LEASE_MS = 1_000;
/** Gives up nothing: a look at every row. */
const RULE = { acceptedBefore: 0, rejectedBefore: 0, removedBefore: 0 };

function siteMessage(n: number): SiteMessage {
  return {
    sender: SENDER,
    id: String(n).padStart(14, '0'),
    site: `site-${n}`,
    version: 1,
    hash: String(n).padStart(64, '0'),
    day: '2026-03-28',
    receivedAt: START + n,
    envelope: Uint8Array.from({ length: 40 }, (_, at) => (at * 7 + n) % 256),
  };
}

const one = siteMessage(1);
const two = siteMessage(2);

function settled(stage: Settled['stage'], { sender, id }: SiteMessage): Settled {
  return { sender, id, stage, reasons: [{ code: '1', type: 'A', text: 'x' }], answer: '<a/>', at: START, dueInMs: 0 };
}

/** A store that is opened again and again on a disk whose rows can be damaged behind its back. */
async function place(seed = 1) {
  const random = seededRandom(seed);
  const disk = simDisk(createWorld(seed), { random });
  const raw = await disk.open(true);
  const mended: MendedRow[] = [];
  const told: string[] = [];
  let now = 0;
  return {
    disk,
    raw,
    random,
    mended,
    told,
    async open() {
      const store = await openLevelRelayStore(raw, { monotonicMs: () => now });
      store.onMended((row) => mended.push(row));
      return store;
    },
    async claim(store: RelayStore) {
      now += 2 * LEASE_MS;
      const claimed = await store.claim(SENDER, 99, LEASE_MS, ({ id }) => told.push(id));
      return claimed.map(({ message }) => Number(message.id)).sort((a, b) => a - b);
    },
    damage: async (key: string, text: string | undefined) =>
      raw.batch([
        text === undefined ? { kind: 'delete', key } : { kind: 'put', key, value: new TextEncoder().encode(text) },
      ]),
  };
}

describe.each([
  ['garbage', '?'],
  ['gone', undefined],
])('a standing that is %s', (_, text) => {
  test('of a message that is not settled: it goes to the operator with the others', async () => {
    const { disk, mended, open, claim, damage } = await place();
    const store = await open();
    await store.keep([one, two]);
    await damage(`s/${nameOf(one)}`, text);
    expect(await claim(store)).toEqual([1, 2]);
    expect(mended).toMatchObject([{ key: `s/${nameOf(one)}`, rebuilt: expect.stringContaining('under its id') }]);
    expect(disk.holds(`x/s/${nameOf(one)}`)).toBe(text !== undefined);
    await store.settle([settled('accepted', one), settled('accepted', two)]);
    expect(await store.standing(one)).toMatchObject({ stage: 'accepted', attempts: 1 });
    expect(await store.counts()).toMatchObject({ stored: 0, accepted: 2 });
    expect(mended).toHaveLength(1);
  });

  test('of a message whose site asks: it is known, and its neighbours are kept', async () => {
    const { mended, open, damage } = await place();
    const store = await open();
    await store.keep([one]);
    await damage(`s/${nameOf(one)}`, text);
    const kept = await store.keep([one, two, one]);
    expect(kept.map(({ kind }) => kind)).toEqual(['known', 'new', 'known']);
    expect(await store.standing(one)).toMatchObject({ stage: 'stored' });
    expect(mended).toHaveLength(1);
    expect(await store.keep([{ ...one, hash: 'f'.repeat(64) }])).toMatchObject([{ kind: 'taken' }]);
  });

  test('of one that is with the operator: its answer is kept', async () => {
    const { mended, open, claim, damage } = await place();
    const store = await open();
    await store.keep([one]);
    await claim(store);
    await damage(`s/${nameOf(one)}`, text);
    await store.settle([settled('accepted', one)]);
    expect(await store.standing(one)).toMatchObject({ stage: 'accepted', answer: '<a/>' });
    expect(await claim(store)).toEqual([]);
    expect(mended).toMatchObject([{ rebuilt: 'by its answer: accepted' }]);
  });

  test('of one that was settled: it is not sent by itself, and once more when its site asks', async () => {
    const { open, claim, damage } = await place();
    let store = await open();
    await store.keep([one, two]);
    await claim(store);
    await store.settle([settled('rejected', one), settled('accepted', two)]);
    await damage(`s/${nameOf(one)}`, text);
    store = await open();
    while (!(await store.shed(RULE, 1)).isDone);
    expect(await claim(store)).toEqual([]);
    expect(await store.keep([one])).toMatchObject([{ kind: 'known', standing: { stage: 'stored' } }]);
    expect(await claim(store)).toEqual([1]);
    await store.settle([settled('rejected', one)]);
    store = await open();
    expect(await claim(store)).toEqual([]);
    expect(await store.standing(one)).toMatchObject({ stage: 'rejected' });
  });
});

test('a message whose mark is gone is sent when its site asks, and is told', async () => {
  const { mended, open, claim, damage } = await place();
  let store = await open();
  await store.keep([one, two]);
  await damage(`q/${nameOf(one)}`, undefined);
  store = await open();
  expect(await claim(store)).toEqual([2]);
  const kept = await store.keep([one, one, two]);
  expect(kept).toMatchObject([1, 2, 3].map(() => ({ kind: 'known', standing: { stage: 'stored' } })));
  expect(mended).toMatchObject([{ key: `q/${nameOf(one)}`, rebuilt: expect.stringContaining('under its id') }]);
  expect(await claim(store)).toEqual([1, 2]);
  await store.settle([settled('accepted', one), settled('accepted', two)]);
  expect(await store.counts()).toMatchObject({ stored: 0, accepted: 2 });
  store = await open();
  expect(await store.keep([one])).toMatchObject([{ standing: { stage: 'accepted' } }]);
  expect(await claim(store)).toEqual([]);
});

test('a message whose mark is gone is found by the daily walk, though its site never asks', async () => {
  const { mended, open, claim, damage } = await place();
  await (await open()).keep([one, two]);
  await damage(`q/${nameOf(one)}`, undefined);
  const store = await open();
  expect(await claim(store)).toEqual([2]);
  await store.shed(RULE, 1);
  await store.shed(RULE, 1);
  expect(mended).toMatchObject([{ key: `q/${nameOf(one)}`, rebuilt: expect.stringContaining('goes to the operator') }]);
  expect(await claim(store)).toEqual([1, 2]);
  for (let n = 0; n < 3; n++) await store.shed(RULE, 9);
  expect(mended).toHaveLength(1);
  await store.settle([settled('accepted', one)]);
  expect(await store.counts()).toMatchObject({ stored: 1, accepted: 1 });
  // The mark is on the disk again.
  await (await open()).settle([]);
  expect(await claim(await open())).toEqual([2]);
});

test('a settled message whose standing was lost goes at its time, and what was set aside with it', async () => {
  const { disk, open, claim, damage } = await place();
  const store = await open();
  await store.keep([one]);
  await claim(store);
  await store.settle([settled('accepted', one)]);
  await damage(`s/${nameOf(one)}`, '?');
  const rule = { acceptedBefore: START - 10, rejectedBefore: START - 10, removedBefore: START - 10 };
  await store.shed(rule, 9);
  expect([`m/${nameOf(one)}`, `x/s/${nameOf(one)}`].map((key) => disk.holds(key))).toEqual([true, true]);
  await store.shed({ ...rule, removedBefore: START + 10 }, 9);
  const rows = ['m/', 's/', 'x/s/'].map((prefix) => disk.holds(prefix + nameOf(one)));
  expect(rows).toEqual([false, false, false]);
});

describe('a bit of any row turns over', () => {
  const STAGES = ['stored', 'claimed', 'sent', 'unknown', 'accepted', 'rejected'] as const;
  const FINAL: readonly string[] = ['accepted', 'rejected'];

  test.each(Array.from({ length: 150 }, (_, seed) => seed))('seed %i', async (seed) => {
    const { disk, mended, told, open, claim, random } = await place(seed);
    const messages = STAGES.map((_, n) => siteMessage(n));
    let store = await open();
    await store.keep(messages);
    await claim(store);
    await store.settle(
      STAGES.flatMap((stage, n) => (stage === 'stored' || stage === 'claimed' ? [] : [settled(stage, messages[n]!)])),
    );
    const key = disk.flipBit()!;
    const isHit = (n: number) => key.endsWith(nameOf(messages[n]!));
    // A row can be damaged while the store is open, or before; marks and counts are read when it is opened.
    const isReopened = random.chance(0.5);
    if (isReopened) store = await open();
    while (!(await store.shed(RULE, 2)).isDone);
    // Sites that have no answer ask; the one whose row was hit perhaps, whatever it was told.
    const asks = messages.filter((_, n) => !FINAL.includes(STAGES[n]!) || (isHit(n) && random.chance(0.5)));
    const kept = await store.keep(asks);
    expect(new Set(kept.map(({ kind }) => kind))).toEqual(new Set(['known']));
    const sent = await claim(store);
    await store.settle(sent.map((n) => settled('accepted', messages[n]!)));
    await store.keep(messages.filter(({ id }) => told.includes(id)));
    const sentLate = await claim(store);
    await store.settle(sentLate.map((n) => settled('accepted', messages[n]!)));
    const expected = STAGES.flatMap((stage, n) =>
      FINAL.includes(stage) && !(key.startsWith('s/') && isHit(n) && asks.includes(messages[n]!)) ? [] : [n],
    );
    expect([...new Set([...sent, ...sentLate])].sort((a, b) => a - b)).toEqual(expected);
    for (const n of [0, 1, 2, 3]) expect(await store.standing(messages[n]!)).toMatchObject({ stage: 'accepted' });
    store = await open();
    expect(await claim(store)).toEqual([]);
    for (let walks = 0; walks < 2; walks++) while (!(await store.shed(RULE, 2)).isDone);
    const standings = await Promise.all(messages.map((message) => store.standing(message)));
    const final = standings.filter((standing) => standing && FINAL.includes(standing.stage)).length;
    expect(await store.counts()).toMatchObject({ stored: 0, sent: 0, unknown: 0 });
    const { accepted, rejected } = await store.counts();
    expect(accepted + rejected).toBe(final);
    // The message of what is settled is not read again.
    const isRead = /^[ms]/.test(key) ? !(key.startsWith('m/') && (isHit(4) || isHit(5))) : isReopened;
    expect(mended.length + told.length > 0, key).toBe(isRead);
  });
});

test('rows of an earlier program, which have no checksum, are read', async () => {
  const { raw, mended, open, claim } = await place();
  await (await open()).keep([one, two]);
  const rows = await raw.range({ gte: '', lt: '~' });
  await raw.batch(
    rows.map(([key, value]) => {
      const text = Array.from(value, (byte) => String.fromCharCode(byte)).join('');
      const old = text.replace(/\} [0-9a-f]{8}(\n|$)/, '}$1');
      expect(old).not.toBe(text);
      return { kind: 'put', key, value: Uint8Array.from(old, (letter) => letter.charCodeAt(0)) };
    }),
  );
  const store = await open();
  expect(await claim(store)).toEqual([1, 2]);
  expect(await store.keep([one])).toMatchObject([{ kind: 'known' }]);
  expect(mended).toEqual([]);
});

test('people are told of a mended row, for a day', async () => {
  const world = createWorld(1);
  const raw = await simDisk(world, { random: world.random }).open(true);
  await world.run(async () => {
    const before = await openLevelRelayStore(raw, world);
    await before.keep([one]);
    const key = `q/${nameOf(one)}`;
    await raw.batch([{ kind: 'put', key, value: new TextEncoder().encode('?') }]);
    const standing = new Map<string, string>();
    const stop = new AbortController();
    const running = createCaretaker({
      store: await openLevelRelayStore(raw, world),
      retention: { acceptedDays: 90, rejectedDays: 400, sizeMaxMb: 4 },
      alerts: {
        raise: (name, { code, detail }) => void standing.set(name, `${code} ${detail}`),
        clear: (name) => void standing.delete(name),
      },
      clock: simClock(world, START),
      log: quietLog,
    }).run(stop.signal);
    await pause(world, 23 * HOUR_MS);
    expect(standing.get('store-damaged')).toMatch(new RegExp(`^store-damaged ${key} .*from its message`));
    await pause(world, 2 * HOUR_MS);
    expect([...standing]).toEqual([]);
    stop.abort();
    await running;
  });
});

test('people are told of what cannot be read for as long as it cannot', async () => {
  const world = createWorld(2);
  const raw = await simDisk(world, { random: world.random }).open(true);
  await world.run(async () => {
    const standing = new Map<string, string>();
    const stop = new AbortController();
    let tell: (what: string | undefined) => void = () => undefined;
    const onUnread = (listener: typeof tell) => {
      tell = listener;
    };
    const running = createCaretaker({
      store: { ...(await openLevelRelayStore(raw, world)), onUnread },
      retention: { acceptedDays: 90, rejectedDays: 400, sizeMaxMb: 4 },
      alerts: {
        raise: (name, { code, detail }) => void standing.set(name, `${code} ${detail}`),
        clear: (name) => void standing.delete(name),
      },
      clock: simClock(world, START),
      log: quietLog,
    }).run(stop.signal);
    tell('a page');
    await pause(world, 72 * HOUR_MS);
    expect([...standing]).toEqual([['store-unread', 'store-damaged a page']]);
    tell(undefined);
    expect([...standing]).toEqual([]);
    stop.abort();
    await running;
  });
});
