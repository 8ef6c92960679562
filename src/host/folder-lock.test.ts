import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockFolder } from './folder-lock.ts';

let place: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'odecet-folder-lock-'));
});
afterEach(() => rm(place, { recursive: true }));

test('a folder has one user at a time, by whatever path he comes', async () => {
  const folder = join(place, 'deep', 'folder');
  const release = await lockFolder(folder, 'name another');
  await symlink(folder, join(place, 'other'));
  for (const path of [folder, join(place, 'other')])
    await expect(lockFolder(path, 'name another')).rejects.toMatchObject({
      failure: { code: 'store-locked', detail: expect.stringContaining('name another') },
    });
  const beside = await lockFolder(join(place, 'beside'), '');
  await release();
  await (await lockFolder(folder, ''))();
  await beside();
});
