import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hostFolder } from '../../src/host/folder.ts';
import { simFolder } from '../../src/sim/folder.ts';
import { folderContract } from './folder.contract.ts';

const root = mkdtempSync(join(tmpdir(), 'odecet-folder-'));
afterAll(() => rmSync(root, { recursive: true }));
let made = 0;

function newRoot(): string {
  return join(root, String(made++), 'not-there-yet');
}

folderContract('host', () => hostFolder(newRoot()));
folderContract('sim', simFolder);

describe('a folder of the real machine', () => {
  it('names the path when the disk refuses, and leaves nothing half-written', async () => {
    const place = newRoot();
    mkdirSync(join(place, 'a'), { recursive: true });
    await expect(hostFolder(place).write('a', 'a folder stands here')).rejects.toMatchObject({
      failure: { code: 'store-io', detail: expect.stringContaining(join(place, 'a')) },
    });
    expect(readdirSync(place)).toEqual(['a']);
  });

  it('a file in the place of a folder is a failure, not an absence', async () => {
    const place = newRoot();
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'a'), '');
    await expect(hostFolder(place).readText('a/b')).rejects.toMatchObject({ failure: { code: 'store-io' } });
  });
});
