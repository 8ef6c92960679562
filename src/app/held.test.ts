import { expect, it } from 'vitest';
import { HOUR_MS, parseUtc } from '../core/time.ts';
import { simFolder } from '../sim/folder.ts';
import { holdDays, noteStart, readHeldDays } from './held.ts';

const UNSEEN = async () => {};
const ZONE = 'Europe/Prague';
/** In the gas day of the 2nd and the electricity day of the 3rd. */
const RESTORED = parseUtc('2026-06-03T01:00:00Z');
/** As the gateway is first asked. */
const CLOCK = { now: () => RESTORED };
const LAST = '00000000000500';
const message = (day: string, commodity: 'gas' | 'electricity' = 'gas', id = '00000000000501') => ({
  id,
  commodity,
  day,
});

it('a gateway that was never restored holds nothing, and has nothing to release', async () => {
  const days = await readHeldDays(simFolder(), ZONE, CLOCK);
  expect(days.hold(message('2020-01-01'))).toBeUndefined();
  await expect(days.release(['2026-06-01'], undefined, UNSEEN)).rejects.toMatchObject({ failure: { code: 'usage' } });
});

it('holds new messages of days that were over at the restore, until a person releases the day, also over a restart', async () => {
  const folder = simFolder();
  await holdDays(folder, { because: 'restore', at: RESTORED, lastId: LAST });
  const days = await readHeldDays(folder, ZONE, CLOCK);
  expect(days.hold(message('2026-06-01'))).toMatchObject({ code: 'day-held' });
  expect(days.hold(message('2026-06-02', 'electricity'))).toMatchObject({ code: 'day-held' });
  // Not over yet: the old machine cannot have sent it.
  expect(days.hold(message('2026-06-02'))).toBeUndefined();
  // The backup knows it: the same id again is no double.
  expect(days.hold(message('2026-06-01', 'gas', LAST))).toBeUndefined();
  expect(await days.release(['2026-06-01'], undefined, UNSEEN)).toEqual(['2026-06-01']);
  for (const each of [days, await readHeldDays(folder, ZONE, CLOCK)]) {
    expect(each.hold(message('2026-06-01'))).toBeUndefined();
    expect(each.hold(message('2026-05-31'))).toMatchObject({ code: 'day-held' });
  }
});

it('until a gateway is first started on it the old machine may have gone on: days over by then are held too', async () => {
  const folder = simFolder();
  await holdDays(folder, { because: 'restore', at: RESTORED, lastId: LAST });
  for (const days of [3, 5]) await noteStart(folder, RESTORED + days * 24 * HOUR_MS);
  const days = await readHeldDays(folder, ZONE, CLOCK);
  expect(days.hold(message('2026-06-04'))).toMatchObject({ code: 'day-held' });
  expect(days.hold(message('2026-06-06'))).toBeUndefined();
  await days.release(['2026-06-04'], undefined, UNSEEN);
  const again = await readHeldDays(folder, ZONE, CLOCK);
  expect(again.hold(message('2026-06-04'))).toBeUndefined();
  expect(again.hold(message('2026-06-03'))).toMatchObject({ code: 'day-held' });
  const never = simFolder();
  await noteStart(never, RESTORED);
  expect(await never.readText('held-after-restore.json')).toBeUndefined();
});

it('a clock that stands before what is known frees no day; once it is right, what was over by then is held', async () => {
  const folder = simFolder();
  const clock = { at: parseUtc('2020-01-01T00:00:00Z'), now: () => clock.at };
  await holdDays(folder, { because: 'restore', at: clock.at, knownAt: RESTORED, lastId: LAST });
  await noteStart(folder, clock.at);
  const days = await readHeldDays(folder, ZONE, clock);
  for (const day of ['2019-12-01', '2026-06-01', '2026-06-09'])
    expect(days.hold(message(day))).toMatchObject({
      detail: expect.stringContaining('the clock stands before 2026-06-03'),
    });
  clock.at = RESTORED + 3 * 24 * HOUR_MS;
  expect(days.hold(message('2026-06-04'))).toMatchObject({ code: 'day-held' });
  expect(days.hold(message('2026-06-06'))).toBeUndefined();
  clock.at += 30 * 24 * HOUR_MS;
  await noteStart(folder, clock.at);
  const later = await readHeldDays(folder, ZONE, clock);
  expect(later.hold(message('2026-06-04'))).toMatchObject({ code: 'day-held' });
  expect(later.hold(message('2026-06-06'))).toBeUndefined();
});

it('what waited for a person still does after another backup and restore, although the backup knows it', async () => {
  const folder = simFolder();
  await holdDays(folder, { because: 'restore', at: RESTORED, lastId: LAST });
  const waits = message('2026-06-01');
  await holdDays(folder, { because: 'restore', at: RESTORED + 24 * HOUR_MS, lastId: waits.id });
  const days = await readHeldDays(folder, ZONE, CLOCK);
  expect(days.hold(waits)).toMatchObject({ code: 'day-held' });
  expect(days.hold(message('2026-06-01', 'gas', LAST))).toBeUndefined();
});

it.each(['2026-13-45', '2026-02-29', '2026-6-1', ''])(
  '"%s" is no day, and nothing of it is written down',
  async (day) => {
    const folder = simFolder();
    await holdDays(folder, { because: 'restore', at: RESTORED, lastId: LAST });
    const before = await folder.readText('held-after-restore.json');
    const days = await readHeldDays(folder, ZONE, CLOCK);
    await expect(days.release(['2026-06-01', day], undefined, UNSEEN)).rejects.toMatchObject({
      failure: { code: 'usage' },
    });
    expect(await folder.readText('held-after-restore.json')).toBe(before);
  },
);

it('one commodity of a day can be released without the other', async () => {
  const folder = simFolder();
  await holdDays(folder, { because: 'restore', at: RESTORED, lastId: LAST });
  const days = await readHeldDays(folder, ZONE, CLOCK);
  expect(await days.release(['2026-06-01'], 'gas', UNSEEN)).toEqual(['gas/2026-06-01']);
  expect(days.hold(message('2026-06-01'))).toBeUndefined();
  expect(days.hold(message('2026-06-01', 'electricity'))).toMatchObject({ code: 'day-held' });
});

it('a release of which no witness can be told releases nothing, and is told of before it is', async () => {
  const folder = simFolder();
  await holdDays(folder, { because: 'restore', at: RESTORED, lastId: LAST });
  const days = await readHeldDays(folder, ZONE, CLOCK);
  const written = async () => JSON.parse((await folder.readText('held-after-restore.json')) ?? '').released;
  const witness = async (released: readonly string[]) => {
    expect(await written()).toEqual([]);
    throw new Error(`no room for ${released.join()}`);
  };
  await expect(days.release(['2026-06-01'], 'gas', witness)).rejects.toThrow('no room for gas/2026-06-01');
  expect(days.hold(message('2026-06-01'))).toMatchObject({ code: 'day-held' });
  expect(await written()).toEqual([]);
});

it('a release that cannot be written down releases nothing', async () => {
  const folder = simFolder();
  await holdDays(folder, { because: 'restore', at: RESTORED, lastId: LAST });
  const days = await readHeldDays({ ...folder, write: async () => Promise.reject(new Error('full')) }, ZONE, CLOCK);
  await expect(days.release(['2026-06-01'], undefined, UNSEEN)).rejects.toThrow('full');
  expect(days.hold(message('2026-06-01'))).toMatchObject({ code: 'day-held' });
});

it.each([
  ['the day that was released', '"2026-06-01"', '"2026-05-31"'],
  ['the last message of the backup', LAST, LAST.replace(/.$/, '9')],
  ['when it was restored', '"restoredAt":', '"restoredAt":1'],
])('a file of held days in which a bit fell over frees no day, nor any message: %s', async (_, from, to) => {
  const folder = simFolder();
  await holdDays(folder, { because: 'restore', at: RESTORED, lastId: LAST });
  await (await readHeldDays(folder, ZONE, CLOCK)).release(['2026-06-01'], undefined, UNSEEN);
  const text = (await folder.readText('held-after-restore.json'))!;
  expect(text).toContain(from);
  await folder.write('held-after-restore.json', text.replace(from, to));
  expect(await noteStart(folder, RESTORED)).toContain('could not be read');
  const { hold } = await readHeldDays(folder, ZONE, CLOCK);
  for (const day of ['2026-06-01', '2026-05-31'])
    expect(hold(message(day, 'gas', LAST))).toMatchObject({ code: 'day-held' });
  // As an earlier program wrote it.
  await folder.write('held-after-restore.json', text.replace(/,"check":"[0-9a-f]{8}"/, ''));
  expect((await readHeldDays(folder, ZONE, CLOCK)).hold(message('2026-06-01'))).toBeUndefined();
});

it.each(['', '{"restoredAt":1', '{"restoredAt":"soon","lastId":"1","released":[]}'])(
  'a file of held days that says "%s" holds all that it can have held, is told once, and stops no start',
  async (text) => {
    const folder = simFolder();
    await folder.write('held-after-restore.json', text);
    expect(await noteStart(folder, RESTORED)).toContain('could not be read');
    expect(await folder.readText('held-after-restore.json.unreadable')).toBe(text);
    expect(await noteStart(folder, RESTORED + HOUR_MS)).toBeUndefined();
    const days = await readHeldDays(folder, ZONE, CLOCK);
    for (const id of [LAST, '00000000000000'])
      expect(days.hold(message('2026-06-01', 'gas', id))).toMatchObject({ code: 'day-held' });
    expect(days.hold(message('2026-06-03'))).toBeUndefined();
    await days.release(['2026-06-01'], undefined, UNSEEN);
    expect((await readHeldDays(folder, ZONE, CLOCK)).hold(message('2026-06-01'))).toBeUndefined();
  },
);

it('of one that cannot be read, a clock that stands before what is known frees no day', async () => {
  const folder = simFolder();
  await folder.write('held-after-restore.json', 'damaged');
  let at = 0;
  await noteStart(folder, at, RESTORED);
  const days = await readHeldDays(folder, ZONE, { now: () => at });
  expect(days.hold(message('2026-06-01'))).toMatchObject({ code: 'day-held' });
  at = RESTORED;
  expect(days.hold(message('2026-06-01'))).toMatchObject({ code: 'day-held' });
  expect(days.hold(message('2026-06-03'))).toBeUndefined();
});
