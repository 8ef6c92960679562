import { describe, expect, it } from 'vitest';
import type { Folder } from '../../src/machine/folder.ts';

export function folderContract(name: string, make: () => Folder): void {
  describe(`folder: ${name}`, () => {
    it('gives back text and bytes as they were written', async () => {
      const folder = make();
      await folder.write('a.txt', 'plyn à 12,5 m³');
      await folder.write('b.bin', Uint8Array.of(0, 255, 10));
      expect(await folder.readText('a.txt')).toBe('plyn à 12,5 m³');
      expect(await folder.readBytes('b.bin')).toEqual(Uint8Array.of(0, 255, 10));
    });

    it('says of what is not there that it is not there', async () => {
      const folder = make();
      expect(await folder.readText('none')).toBeUndefined();
      expect(await folder.readBytes('none/deeper')).toBeUndefined();
      expect(await folder.exists('none')).toBe(false);
      expect(await folder.list('none')).toEqual([]);
    });

    it('replaces a file whole, also by a shorter one', async () => {
      const folder = make();
      await folder.write('a', 'a long content');
      await folder.write('a', 'short');
      expect(await folder.readText('a')).toBe('short');
      expect(await folder.list()).toEqual(['a']);
    });

    it('makes the folders that a file needs', async () => {
      const folder = make();
      await folder.write('messages/2026/one.xml', '<a/>');
      expect(await folder.exists('messages/2026')).toBe(true);
      expect(await folder.exists('messages/2026/one.xml')).toBe(true);
    });

    it('lists the files of one folder, sorted, without what lies deeper', async () => {
      const folder = make();
      for (const path of ['m/b', 'm/a', 'm/B', 'm/deeper/c', 'other']) await folder.write(path, '');
      expect(await folder.list('m')).toEqual(['B', 'a', 'b']);
      expect(await folder.list()).toEqual(['other']);
    });

    it('of two writes of one file at once, one is there whole', async () => {
      const folder = make();
      const contents = ['x', 'y'].map((letter) => letter.repeat(100_000));
      await Promise.all(contents.map((content) => folder.write('a', content)));
      expect(contents).toContain(await folder.readText('a'));
      expect(await folder.list()).toEqual(['a']);
    });

    it('what is done to bytes after they were written or read changes no file', async () => {
      const folder = make();
      const bytes = Uint8Array.of(1, 2, 3);
      await folder.write('a', bytes);
      bytes[0] = 9;
      (await folder.readBytes('a'))?.fill(7);
      expect(await folder.readBytes('a')).toEqual(Uint8Array.of(1, 2, 3));
    });

    for (const path of ['../a', 'a/../../b', '/etc/a', 'a//b', './a', 'a\\b', 'a/'])
      it(`does not leave the folder by "${path}"`, async () => {
        const folder = make();
        await expect(async () => folder.write(path, '')).rejects.toThrow(RangeError);
        await expect(async () => folder.readText(path)).rejects.toThrow(RangeError);
        await expect(async () => folder.list(path)).rejects.toThrow(RangeError);
      });
  });
}
