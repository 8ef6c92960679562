import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { OdecetError } from '../core/failure.ts';
import type { AppendLog } from '../machine/append-log.ts';

/** An append-only file of lines, each synced before it is acknowledged. */
export function hostAppendLog(file: string): AppendLog {
  return new LogFile(file);
}

class LogFile implements AppendLog {
  readonly #file: string;
  #handle: FileHandle | undefined;
  /** The file may end in the middle of a line: before the first write, and after one that failed. */
  #torn = true;

  constructor(file: string) {
    this.#file = file;
  }

  async *lines(): AsyncIterable<string> {
    if ((await this.size()) === 0) return;
    const lines = createInterface({ input: createReadStream(this.#file), crlfDelay: Number.POSITIVE_INFINITY });
    for await (const line of lines) if (line !== '') yield line;
  }

  append(line: string): Promise<void> {
    return this.#guard(async () => {
      const handle = await this.#open();
      const text = `${this.#torn ? '\n' : ''}${line}\n`;
      this.#torn = true;
      await handle.appendFile(text);
      await handle.datasync();
      this.#torn = false;
    });
  }

  rewrite(lines: AsyncIterable<string>): Promise<void> {
    return this.#guard(async () => {
      const unfinished = `${this.#file}.unfinished`;
      await mkdir(dirname(this.#file), { recursive: true });
      await rm(unfinished, { force: true });
      const next = await open(unfinished, 'wx');
      try {
        for await (const line of lines) await next.appendFile(`${line}\n`);
        await next.sync();
      } catch (error) {
        // On a full disk half a copy would keep others from writing.
        await rm(unfinished, { force: true });
        throw error;
      } finally {
        await next.close();
      }
      await this.close();
      await rename(unfinished, this.#file);
      await syncFolder(dirname(this.#file));
    });
  }

  async size(): Promise<number> {
    return stat(this.#file).then(
      (file) => file.size,
      () => 0,
    );
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    this.#torn = true;
    await handle?.close();
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle) return this.#handle;
    await mkdir(dirname(this.#file), { recursive: true });
    this.#handle = await open(this.#file, 'a');
    await syncFolder(dirname(this.#file));
    return this.#handle;
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const full = error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
      const why = error instanceof Error ? error.message : String(error);
      throw new OdecetError(full ? 'store-full' : 'store-io', `${this.#file}: ${why}`, { cause: error });
    }
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
