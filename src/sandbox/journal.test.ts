import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acceptedCsv } from './accepted.ts';
import { type Entry, type EntryRow, openJournal, readJournal } from './journal.ts';
import { stored } from './sandbox.testkit.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odecet-journal-'));
});
afterEach(() => rm(folder, { recursive: true }));

function row(start: string, value: string, more: Partial<EntryRow> = {}): EntryRow {
  return { point: 'P', channel: 'volume', start, minutes: 60, value, unit: 'm3', quality: 'measured', ...more };
}

function entry(id: string, rows: EntryRow[], more: Partial<Entry> = {}): Entry {
  const base = {
    id,
    commodity: 'gas' as const,
    sender: 'S',
    problems: [],
    answerId: '1',
    sha256: 'x',
    xml: '<a>\ně</a>',
  };
  return { ...base, receivedAt: '2026-03-29T05:10:00Z', rows, ...more };
}

const FIVE = '2026-03-28T05:00:00Z';
const SIX = '2026-03-28T06:00:00Z';

async function write(...entries: Entry[]): Promise<void> {
  const journal = await openJournal(folder);
  for (const one of entries) await journal.append(stored(one));
  await journal.close();
}

test('what was appended is there after a restart', async () => {
  await write(entry('1', [row(FIVE, '1.000')]));
  await write(entry('2', [row(SIX, '2.000')]));
  const journal = await openJournal(folder);
  expect(journal.entries.map(({ id }) => id)).toEqual(['1', '2']);
  await journal.close();
});

test('every row of an entry is read back as it was', async () => {
  const quarter = { minutes: 15, channel: 'import', unit: 'kWh', quality: 'estimated' } as const;
  const whole = entry('1', [
    row(FIVE, '1.000'),
    row(SIX, '2.000'),
    row(FIVE, '3.00', quarter),
    row(FIVE, '4', { point: 'Q' }),
  ]);
  await write(whole);
  expect(await readJournal(folder)).toEqual([whole]);
});

test('what comes while the disk is at work is there too, in its order', async () => {
  const journal = await openJournal(folder);
  const ids = Array.from({ length: 50 }, (_, n) => String(n));
  await Promise.all(ids.map((id) => journal.append(stored(entry(id, [])))));
  await journal.close();
  expect((await readJournal(folder)).map(({ id }) => id)).toEqual(ids);
});

test('a line torn by a crash is cut off, wherever it was torn, and the next one is whole', async () => {
  await write(entry('1', []));
  const path = join(folder, 'received.journal');
  const whole = await readFile(path, 'utf8');
  for (let length = 1; length < whole.length; length += 7) {
    await writeFile(path, whole + whole.slice(0, length));
    expect((await readJournal(folder)).map(({ id }) => id)).toEqual(['1']);
    await write(entry('2', []));
    expect((await readJournal(folder)).map(({ id }) => id)).toEqual(['1', '2']);
  }
});

test('damage that no crash explains is told, not skipped', async () => {
  await write(entry('1', []));
  await appendFile(join(folder, 'received.journal'), '{"id":"2"}\n');
  await expect(openJournal(folder)).rejects.toMatchObject({ failure: { code: 'store-damaged' } });
});

test('a document that is longer than its entry says is damage too', async () => {
  await write(entry('1', []), entry('2', []));
  const path = join(folder, 'received.journal');
  const whole = await readFile(path, 'utf8');
  await writeFile(path, whole.replace('</a>', 'x</a>'));
  await expect(readJournal(folder)).rejects.toMatchObject({ failure: { code: 'store-damaged' } });
});

test('accepted.csv: sorted, corrections in place of what they correct, nothing rejected', async () => {
  await write(
    entry('1', [row(SIX, '2.000'), row(FIVE, '1.000'), row(FIVE, '11.500', { channel: 'energy', unit: 'kWh' })]),
    entry('2', [row(FIVE, '9.000', { point: 'A' })], { problems: [{ code: 'SANDBOX-POINT', text: 'x' }] }),
    entry('3', [row(SIX, '3.000', { quality: 'substituted' })], { corrects: '1' }),
    entry('4', [row(FIVE, '7.250', { point: 'E', channel: 'import', unit: 'kWh', minutes: 15 })], {
      commodity: 'electricity',
    }),
  );
  expect(await acceptedCsv(folder)).toBe(
    [
      'point,commodity,start,minutes,value,unit,quality',
      `E,electricity,${FIVE},15,7.250,kWh,measured`,
      `P,gas,${FIVE},60,11.500,kWh,measured`,
      `P,gas,${FIVE},60,1.000,m3,measured`,
      `P,gas,${SIX},60,3.000,m3,substituted`,
      '',
    ].join('\n'),
  );
});

test('a folder where nothing was received yet gives the header alone', async () => {
  expect(await acceptedCsv(folder)).toBe('point,commodity,start,minutes,value,unit,quality\n');
});
