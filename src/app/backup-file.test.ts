import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type BackupPart, readBackupFile, writeBackupFile } from './backup-file.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'odecet-backup-file-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const PART: BackupPart = { name: 'state/rows', bytes: new TextEncoder().encode('rows') };

it.each([undefined, 'a passphrase'])(
  'until all of it is there no file bears the name (passphrase: %s)',
  async (passphrase) => {
    const file = join(root, 'site.backup');
    const seen: string[][] = [];
    async function* parts() {
      yield PART;
      seen.push(await readdir(root));
      yield PART;
    }
    await writeBackupFile(file, parts(), passphrase);
    expect(seen).toEqual([['site.backup.unfinished']]);
    expect(await readdir(root)).toEqual(['site.backup']);
    const names: string[] = [];
    for await (const { name } of readBackupFile(file, passphrase)) names.push(name);
    expect(names).toEqual([PART.name, PART.name]);
  },
);

it("what a run that was cut off has left stands in nobody's way, and one that fails leaves nothing", async () => {
  const file = join(root, 'site.backup');
  await writeFile(`${file}.unfinished`, 'half of a longer one'.repeat(1_000));
  async function* failing() {
    yield PART;
    throw new Error('the store is gone');
  }
  await expect(writeBackupFile(file, failing(), undefined)).rejects.toThrow('the store is gone');
  expect(await readdir(root)).toEqual([]);
  await writeFile(`${file}.unfinished`, 'half of a longer one'.repeat(1_000));
  await writeBackupFile(file, one(), undefined);
  for await (const { name } of readBackupFile(file, undefined)) expect(name).toBe(PART.name);
});

it('a file that is there is never written over, also where it came meanwhile', async () => {
  const file = join(root, 'site.backup');
  async function* meanwhile() {
    yield PART;
    await writeFile(file, 'mine');
  }
  await expect(writeBackupFile(file, meanwhile(), undefined)).rejects.toMatchObject({ failure: { code: 'usage' } });
  await expect(writeBackupFile(file, one(), undefined)).rejects.toMatchObject({ failure: { code: 'usage' } });
  expect(await readFile(file, 'utf8')).toBe('mine');
  expect(await readdir(root)).toEqual(['site.backup']);
});

async function* one() {
  yield PART;
}
