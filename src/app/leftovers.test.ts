import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseUtc } from '../core/time.ts';
import type { Log } from '../machine/log.ts';
import { clearCopies } from './leftovers.ts';

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
