import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { acceptedCsv } from './accepted.ts';
import { type Entry, openJournal } from './journal.ts';
import { stored } from './sandbox.testkit.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'accepted-'));
});
afterEach(() => rm(folder, { recursive: true }));

const row = {
  point: 'P',
  channel: 'import',
  start: '2026-03-28T05:00:00Z',
  minutes: 15,
  unit: 'kWh',
  quality: 'measured',
} as const;

function entry(id: string, value: string, more: Partial<Entry> = {}): Entry {
  const rows = [{ ...row, value }];
  return {
    id,
    commodity: 'electricity',
    sender: 'S',
    problems: [],
    answerId: `a${id}`,
    receivedAt: row.start,
    sha256: id,
    xml: '<x/>',
    rows,
    ...more,
  };
}

async function csvOf(...entries: Entry[]): Promise<string[]> {
  const journal = await openJournal(folder);
  for (const one of entries) await journal.append(stored(one));
  await journal.close();
  return (await acceptedCsv(folder)).trim().split('\n').slice(1);
}

it('a correction takes the place of what it corrects', async () => {
  expect(await csvOf(entry('1', '1.5'), entry('2', '2.5', { corrects: '1' }))).toEqual([
    'P,electricity,2026-03-28T05:00:00Z,15,2.5,kWh,measured',
  ]);
});

it('an interval accepted from two messages stands twice, so that it is seen', async () => {
  expect(await csvOf(entry('1', '1.5'), entry('2', '1.5'))).toHaveLength(2);
});

it('what was rejected does not stand there', async () => {
  expect(await csvOf(entry('1', '1.5', { problems: [{ code: 'SANDBOX-POINT', text: '?' }] }))).toEqual([]);
});
