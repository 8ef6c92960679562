import crc32c from 'crc-32/crc32c.js';
import { expect, it } from 'vitest';
import { OdecetError } from '../core/failure.ts';
import { aMessage, anInterval, aReading, DAY_START, memoryLog, memoryStore, standingClock } from './buffer.testkit.ts';
import { sealRow } from './frame.ts';
import { openBuffer } from './index.ts';
import { HEADS_KEY } from './keys.ts';

const clock = standingClock();
const MILL = { site: 'mill', installedAt: DAY_START };

async function aGateway(identity = MILL) {
  const parts = { store: memoryStore(), vital: memoryLog() };
  const buffer = await openBuffer(parts.store, { clock, vital: parts.vital, identity });
  await buffer.keepIntervals([anInterval()]);
  await buffer.queueMessage((id) => aMessage(id, [anInterval()]));
  return parts;
}

it('a second copy of another gateway is refused, and nothing of either is changed', async () => {
  const { store } = await aGateway();
  const { vital } = await aGateway({ site: 'park', installedAt: DAY_START + 1 });
  const [rows, lines] = [new Map(store.rows), [...vital.kept]];
  await expect(openBuffer(store, { clock, vital, identity: MILL })).rejects.toMatchObject({
    failure: {
      code: 'store-foreign',
      detail: expect.stringMatching(/vital\.log is of site "park".*the store of site "mill"/),
    },
  });
  expect([store.rows, vital.kept]).toEqual([rows, lines]);
});

it('a site that was given another name is the same gateway', async () => {
  const { store, vital } = await aGateway();
  const renamed = { ...MILL, site: 'the mill' };
  const buffer = await openBuffer(store, { clock, vital, identity: renamed });
  await buffer.keepRound([aReading()]);
  // Also where the store is lost and begun anew under the new name.
  const anew = await openBuffer(memoryStore(), { clock, vital, identity: renamed });
  expect((await anew.restoreVital()).messages).toBe(1);
});

it('a store of a newer program is refused, and not one record of it moved aside', async () => {
  const { store, vital } = await aGateway();
  const next = newerFrame();
  store.rows.set(HEADS_KEY, next);
  const rows = new Map(store.rows);
  const refused = await openBuffer(store, { clock, vital }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(OdecetError);
  expect(refused).toMatchObject({ failure: { code: 'store-foreign', detail: expect.stringContaining('format 3') } });
  expect(store.rows).toEqual(rows);
  // One bit of the format alone is damage.
  const flipped = next.slice();
  flipped[20]! ^= 1;
  store.rows.set(HEADS_KEY, flipped);
  await openBuffer(store, { clock, vital });
});

/** The vital record in the next format, as frame.ts tells of it: its checksum fits. */
function newerFrame(): Uint8Array {
  const frame = sealRow(HEADS_KEY, 0, { readings: 1 });
  frame[0] = 3;
  const head = crc32c.buf(frame.subarray(0, 11), crc32c.str(HEADS_KEY));
  new DataView(frame.buffer).setUint32(11, crc32c.buf(frame.subarray(15), head) >>> 0);
  return frame;
}
