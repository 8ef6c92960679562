import { expect, it } from 'vitest';
import { OdecetError } from '../core/failure.ts';
import { anInterval, aReading, DAY_START, memoryLog, memoryStore, standingClock } from './buffer.testkit.ts';
import { openBuffer } from './index.ts';

const MILL = { site: 'mill', installedAt: DAY_START };

function aGateway() {
  const parts = { store: memoryStore(), vital: memoryLog(), clock: standingClock(), identity: MILL };
  return { ...parts, open: () => openBuffer(parts.store, parts) };
}

it('what a power cut or a full disk left of a line is no damage, once a run has gone on behind it', async () => {
  const { vital, open } = aGateway();
  await (await open()).keepIntervals([anInterval()]);
  const [whole = ''] = vital.kept;
  vital.kept.push(whole.slice(0, whole.length / 2));
  const second = await open();
  expect(second.copyDoubt).toBeUndefined();
  await second.keepIntervals([anInterval({ start: DAY_START + 3_600_000 })]);
  // Its next append fails and leaves a part; the one after it says all of it.
  const append = vital.append;
  vital.append = async (line) => {
    vital.kept.push(line.slice(0, 60));
    throw new OdecetError('store-full', 'no room');
  };
  await expect(second.keepIntervals([anInterval({ start: DAY_START + 7_200_000 })])).rejects.toThrow('no room');
  vital.append = append;
  await second.keepIntervals([anInterval({ start: DAY_START + 7_200_000 })]);
  await second.keepRound([aReading()]);
  const third = await open();
  expect(third.copyDoubt).toBeUndefined();
});

it('a line in the midst of a run, and one that has its end, is damage', async () => {
  const { vital, open } = aGateway();
  const first = await open();
  for (let n = 0; n < 3; n++) await first.keepIntervals([anInterval({ start: DAY_START + n * 3_600_000 })]);
  await (await open()).keepIntervals([anInterval({ start: DAY_START + 9 * 3_600_000 })]);
  const lines = [...vital.kept];
  const broken = [lines.with(1, lines[1]!.slice(0, 60)), lines.with(2, lines[2]!.replace('intervals', 'intervalt'))];
  for (const kept of broken) {
    vital.kept = kept;
    expect((await open()).copyDoubt).toBe('1 lines of it are damaged');
  }
});
