import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OdecetError } from '../core/failure.ts';
import type { AppendLog } from '../machine/append-log.ts';
import { diskFault } from './disk-fault.ts';
import { makeFolder } from './make-folder.ts';
import { syncPath } from './sync-path.ts';

/** Of what is copied at once. */
const PART_BYTES = 64 * 1024;

/** An append-only file of lines, each synced before it is acknowledged. */
export function hostAppendLog(file: string): AppendLog {
  return new LogFile(file);
}

class LogFile implements AppendLog {
  readonly #file: string;
  #handle: FileHandle | undefined;
  /** The file may end in the middle of a line: before the first write, and after one that failed. */
  #torn = true;
  /** What changes the file, one after another. */
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  async *lines(): AsyncIterable<string> {
    try {
      yield* this.#read();
    } catch (error) {
      throw diskFault(this.#file, error);
    }
  }

  async *#read(): AsyncIterable<string> {
    if ((await this.size()) === 0) return;
    // Only a line feed ends a line: readline ends one at U+2028 too, which JSON leaves as it is.
    const parts: AsyncIterable<string> = createReadStream(this.#file, { encoding: 'utf8', highWaterMark: PART_BYTES });
    let begun: string[] = [];
    for await (const part of parts) {
      const [first = '', ...others] = part.split('\n');
      begun.push(first);
      for (const next of others) {
        const line = begun.join('');
        if (line !== '') yield line;
        begun = [next];
      }
    }
    const rest = begun.join('');
    if (rest !== '') yield rest;
  }

  append(line: string): Promise<void> {
    return this.#inTurn(async () => {
      const handle = await this.#open();
      const text = `${this.#torn ? '\n' : ''}${line}\n`;
      this.#torn = true;
      await handle.appendFile(text);
      await handle.datasync();
      this.#torn = false;
    });
  }

  /** Whoever appends waits only while what was appended meanwhile is copied. */
  async rewrite(lines: AsyncIterable<string>): Promise<void> {
    const unfinished = `${this.#file}.unfinished`;
    const from = await this.#inTurn(() => this.size());
    try {
      await this.#guard(() => this.#writeAnew(unfinished, lines, from));
      await this.#inTurn(() => this.#takeAnew(unfinished, from));
    } catch (error) {
      // On a full disk half a copy would keep others from writing.
      await rm(unfinished, { force: true });
      throw error;
    }
  }

  async #writeAnew(unfinished: string, lines: AsyncIterable<string>, bytes: number): Promise<void> {
    const folder = dirname(this.#file);
    await makeFolder(folder);
    await rm(unfinished, { force: true });
    const { bavail, bsize } = await statfs(folder);
    // Others write meanwhile: what they need must not go into the copy.
    if (bavail * bsize < 2 * bytes)
      throw new OdecetError('store-full', `${this.#file}: no room to write it anew; make room for ${2 * bytes} bytes`);
    const next = await open(unfinished, 'wx');
    try {
      for await (const line of lines) await next.appendFile(`${line}\n`);
      await next.sync();
    } finally {
      await next.close();
    }
  }

  /** @param from where what was appended meanwhile begins in the old file */
  async #takeAnew(unfinished: string, from: number): Promise<void> {
    const next = await open(unfinished, 'a');
    try {
      const end = await this.size();
      if (end > from) {
        const rest = createReadStream(this.#file, { start: from, end: end - 1, highWaterMark: PART_BYTES });
        for await (const part of rest as AsyncIterable<Uint8Array>) await next.appendFile(part);
        await next.sync();
      }
    } finally {
      await next.close();
    }
    await this.close();
    await rename(unfinished, this.#file);
    await syncPath(dirname(this.#file));
  }

  async size(): Promise<number> {
    try {
      return (await stat(this.#file)).size;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
      throw diskFault(this.#file, error);
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    this.#torn = true;
    await handle?.close();
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle) return this.#handle;
    await makeFolder(dirname(this.#file));
    this.#handle = await open(this.#file, 'a');
    await syncPath(dirname(this.#file));
    return this.#handle;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(() => this.#guard(work));
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw diskFault(this.#file, error);
    }
  }
}
