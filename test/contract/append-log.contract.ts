import { describe, expect, it } from 'vitest';
import type { AppendLog } from '../../src/machine/append-log.ts';

/** @param make a file that is not there yet; each call of what it gives opens the same one */
export function appendLogContract(name: string, make: () => () => AppendLog): void {
  describe(`append log: ${name}`, () => {
    it('is empty before anything was written', async () => {
      const log = make()();
      expect(await linesOf(log)).toEqual([]);
      expect(await log.size()).toBe(0);
    });

    it('gives every line back in its order, also to whoever opens it later', async () => {
      const open = make();
      const log = open();
      await log.append('one');
      await log.append('two {"m³": 1}');
      expect(await linesOf(log)).toEqual(['one', 'two {"m³": 1}']);
      await log.close();
      const again = open();
      await again.append('three');
      expect(await linesOf(again)).toEqual(['one', 'two {"m³": 1}', 'three']);
      expect(await again.size()).toBeGreaterThan(20);
      await again.close();
    });

    it('ends a line at a line feed and nowhere else, however long it is', async () => {
      const log = make()();
      const lines = ['a reason\u2028with\u2029breaks\u0085in it\r', 'ř'.repeat(200_001), 'three'];
      for (const line of lines) await log.append(line);
      expect(await linesOf(log)).toEqual(lines);
      await log.close();
    });

    it('goes on behind lines that took the place of the others', async () => {
      const log = make()();
      await log.append('old');
      await log.rewrite(
        (async function* () {
          yield 'new';
        })(),
      );
      await log.append('newer');
      expect(await linesOf(log)).toEqual(['new', 'newer']);
      await log.close();
    });

    it('keeps behind the new lines what was appended while they were written, and that alone', async () => {
      const open = make();
      const log = open();
      await log.append('old');
      await log.rewrite(
        (async function* () {
          await log.append('meanwhile');
          yield 'new';
          await log.append('meanwhile too');
          yield 'newer';
        })(),
      );
      await log.append('afterwards');
      expect(await linesOf(log)).toEqual(['new', 'newer', 'meanwhile', 'meanwhile too', 'afterwards']);
      await log.close();
      expect(await linesOf(open())).toHaveLength(5);
    });

    it('keeps the old lines when the new ones do not come to their end', async () => {
      const log = make()();
      await log.append('old');
      const broken = (async function* () {
        yield 'new';
        throw new Error('no more');
      })();
      await expect(log.rewrite(broken)).rejects.toThrow('no more');
      expect(await linesOf(log)).toEqual(['old']);
      await log.close();
    });
  });
}

export async function linesOf(log: AppendLog): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of log.lines()) lines.push(line);
  return lines;
}
