import { expect, it } from 'vitest';
import { aMessage, anInterval, DAY_START, memoryStore, standingClock } from '../buffer/buffer.testkit.ts';
import { openBuffer } from '../buffer/index.ts';
import { intervalKey } from '../buffer/keys.ts';
import { MINUTE_MS } from '../core/time.ts';
import { storageSchema } from '../device/storage.ts';
import type { LogFields } from '../machine/log.ts';
import { simFolder } from '../sim/folder.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import { lookThrough } from './repair.ts';

const { retention } = storageSchema.parse(undefined);

const made = Array.from({ length: 250 }, (_, n) => anInterval({ start: DAY_START + n * 15 * MINUTE_MS }));

async function repairOf(damaged: number) {
  const store = memoryStore();
  const buffer = await openBuffer(store, { clock: standingClock() });
  await buffer.keepIntervals(made);
  await buffer.queueMessage((id) => aMessage(id, made.slice(0, 1)));
  const keys = made.slice(0, damaged).map(intervalKey);
  for (const key of keys) store.rows.get(key)![30]! ^= 1;
  const folder = simFolder();
  const named: string[] = [];
  const toldOf: unknown[] = [];
  const log = {
    ...quietLog,
    error: (event: string, fields: LogFields = {}) =>
      void (event === 'record-damaged' && named.push(String(fields.record)) && toldOf.push(fields.told)),
  };
  const looked = await lookThrough({ buffer, points: [], retention }, folder, { cause: 'a crash' }, DAY_START, log);
  const { missing } = JSON.parse((await folder.readText(looked!.report)) ?? '');
  return { keys, named, toldOf, report: missing, missing: missing.map(({ key }: { key: string }) => key) };
}

it('names every record that is missing in the log too, which outlives a machine that is lost with its report', async () => {
  const { keys, named, missing } = await repairOf(3);
  expect(missing).toEqual(keys);
  expect(named).toEqual(keys);
});

it('of very many the log names the first, the report all', async () => {
  const { keys, named, missing } = await repairOf(250);
  expect(missing.toSorted()).toEqual(keys.toSorted());
  expect(named).toEqual(missing.slice(0, 200));
});

it('says what a message told of an interval that is gone: the operator has it, and a person can enter it again', async () => {
  const { report, toldOf } = await repairOf(2);
  expect(report.map(({ told }: { told?: string }) => told)).toEqual(['17.250 m3 measured', undefined]);
  expect(toldOf).toEqual(['17.250 m3 measured', undefined]);
});
