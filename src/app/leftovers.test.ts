import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseUtc } from '../core/time.ts';
import { hostAppendLog } from '../host/append-log.ts';
import type { Log } from '../machine/log.ts';
import { clearCopies, clearUnfinished } from './leftovers.ts';

it('copies of damaged stores go after sixty days, are told of two weeks before, and nothing else is touched', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-leftovers-'));
  for (const name of [
    'store',
    'store-damaged-2026-01-01T10-00-00Z',
    'store-damaged-2026-01-20T10-00-00Z',
    'store-damaged-x',
  ])
    await mkdir(join(folder, name));
  await writeFile(join(folder, 'store-damaged-2026-01-01T10-00-00Z', '000005.ldb'), 'x');
  const told: unknown[] = [];
  const log = { warn: (event: string, fields?: object) => told.push([event, fields]) } as unknown as Log;
  await clearCopies(folder, parseUtc('2026-03-10T00:00:00Z'), log);
  expect((await readdir(folder)).sort()).toEqual(['store', 'store-damaged-2026-01-20T10-00-00Z', 'store-damaged-x']);
  expect(told).toEqual([
    ['damaged-copy-removed', { copy: 'store-damaged-2026-01-01T10-00-00Z' }],
    ['damaged-copy-goes', { copy: 'store-damaged-2026-01-20T10-00-00Z', at: '2026-03-21T10:00:00Z' }],
  ]);
  await rm(folder, { recursive: true });
});

it('what a crash left half-written goes, what somebody may be writing stays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-leftovers-'));
  const now = parseUtc('2026-03-10T12:00:00Z');
  for (const [name, minutesAgo] of [
    ['vital.log.unfinished', 90],
    ['heat.csv.1.unfinished', 10],
    ['vital.log', 90],
  ] as const) {
    await writeFile(join(folder, name), 'x');
    await utimes(join(folder, name), now / 1000 - minutesAgo * 60, now / 1000 - minutesAgo * 60);
  }
  await clearUnfinished(folder, now);
  expect((await readdir(folder)).sort()).toEqual(['heat.csv.1.unfinished', 'vital.log']);
  await clearUnfinished(join(folder, 'none'), now);
  await rm(folder, { recursive: true });
});

it('a second copy that cannot be written anew leaves nothing half-written, and the old one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-leftovers-'));
  const log = hostAppendLog(join(folder, 'vital.log'));
  await log.append('first');
  async function* full() {
    yield 'second';
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  }
  await expect(log.rewrite(full())).rejects.toMatchObject({ failure: { code: 'store-full' } });
  expect(await readdir(folder)).toEqual(['vital.log']);
  await log.append('third');
  const lines: string[] = [];
  for await (const line of log.lines()) lines.push(line);
  expect(lines).toEqual(['first', 'third']);
  await log.close();
  await rm(folder, { recursive: true });
});
