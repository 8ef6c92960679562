import { describe, expect, it } from 'vitest';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import { aReading, DAY_START, memoryStore, standingClock } from './buffer.testkit.ts';
import { openBuffer, type Refusal } from './index.ts';

const DAY_MS = 24 * HOUR_MS;
const HOUR = { start: DAY_START, end: DAY_START + HOUR_MS };
const refusal = (minutes: number, code: Refusal['code'] = 'value-invalid', device = 'mill'): Refusal => ({
  device,
  at: DAY_START + minutes * MINUTE_MS,
  code,
});

async function opened() {
  const store = memoryStore();
  return { store, buffer: await openBuffer(store, { clock: standingClock() }) };
}

describe('what could not be used of a device', () => {
  it('is known to the quarter of an hour, also after a restart, and of that device only', async () => {
    const { store, buffer } = await opened();
    await buffer.keepRefusals([refusal(-16), refusal(61, 'clock-not-credible'), refusal(76, 'value-missing')]);
    await buffer.keepRefusals([refusal(30, 'value-invalid', 'hall')]);
    const again = await openBuffer(store, { clock: standingClock() });
    expect(await again.refusals('mill', HOUR)).toEqual(['clock-not-credible']);
    expect(await again.refusals('mill', { start: DAY_START - HOUR_MS, end: DAY_START })).toEqual(['value-invalid']);
    expect(await again.refusals('hall', HOUR)).toEqual(['value-invalid']);
    expect(await again.refusals('mill', { start: DAY_START - 19 * HOUR_MS, end: HOUR.end })).toHaveLength(2);
    expect((await again.verify()).clean).toBe(true);
  });

  it('is written once a quarter, in the batch of its round', async () => {
    const { store, buffer } = await opened();
    const before = store.batches;
    await Promise.all([buffer.keepRefusals([refusal(1), refusal(2)]), buffer.keepRound([aReading()])]);
    expect(store.batches).toBe(before + 1);
    for (let minute = 3; minute < 15; minute++) await buffer.keepRefusals([refusal(minute)]);
    expect(store.batches).toBe(before + 1);
    await buffer.keepRefusals([refusal(15), refusal(15, 'value-missing')]);
    expect(store.batches).toBe(before + 2);
  });

  it('goes at the age of the readings', async () => {
    const { store, buffer } = await opened();
    await buffer.keepRefusals([refusal(0), refusal(24 * 60)]);
    const rows = () => [...store.rows.keys()].filter((key) => key.startsWith('u/'));
    expect(rows()).toHaveLength(2);
    const olderThan = DAY_START + DAY_MS;
    await buffer.trim('readings', { olderThan, now: olderThan + 100 * DAY_MS, entriesMax: 10 });
    expect(rows()).toEqual(['u/2026-03-29/mill']);
  });

  it('is nothing where its row is damaged, which is found and goes', async () => {
    const { store, buffer } = await opened();
    await buffer.keepRefusals([refusal(0)]);
    store.rows.get('u/2026-03-28/mill')![16]! ^= 4;
    expect(await buffer.refusals('mill', HOUR)).toEqual([]);
    expect(buffer.damages()).toBe(1);
    const { suspects } = await buffer.scrub({ afterKey: '' }, 100);
    await buffer.quarantine(suspects);
    expect(store.rows.has('u/2026-03-28/mill')).toBe(false);
    await buffer.trim('readings', { olderThan: DAY_START, now: DAY_START, entriesMax: 10 });
    expect(store.rows.has('q/u/2026-03-28/mill')).toBe(true);
    await buffer.trim('readings', { olderThan: DAY_START + DAY_MS, now: DAY_START + DAY_MS, entriesMax: 10 });
    expect(store.rows.has('q/u/2026-03-28/mill')).toBe(false);
    await buffer.keepRefusals([refusal(0)]);
    expect(await buffer.refusals('mill', HOUR)).toEqual(['value-invalid']);
  });

  it('is told as damage where it is written anew before anybody has met it', async () => {
    const { store, buffer } = await opened();
    await buffer.keepRefusals([refusal(0)]);
    store.rows.get('u/2026-03-28/mill')![16]! ^= 4;
    await buffer.keepRefusals([refusal(20)]);
    expect(buffer.damages()).toBe(1);
    expect(await buffer.refusals('mill', HOUR)).toEqual(['value-invalid']);
  });
});
