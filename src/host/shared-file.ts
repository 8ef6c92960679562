import { createHash, randomUUID } from 'node:crypto';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { dirname, resolve } from 'node:path';
import { OdecetError } from '../core/failure.ts';
import type { Millis } from '../core/time.ts';
import { hostClock } from './clock.ts';
import { syncPath } from './sync-path.ts';

/** Files of the machine that several commands change at once, and that other programs read. */

/** Whoever changes a file has it for milliseconds. */
const WAIT_MS: Millis = 60_000;
const LOOK_EVERY_MS: Millis = 20;
/** The bytes of a socket's name behind its zero; all are used, as in line-lock.ts. */
const NAME_BYTES = 107;

/**
 * Does the work while nobody else on this machine who asks the same way is at the file. The lock is a name in Linux's abstract
 * namespace, as with a line: it is free the moment its process ends. Throws OdecetError store-io when the file stays taken.
 */
export async function aloneAt<T>(file: string, work: () => Promise<T>): Promise<T> {
  const name = socketName(await realOf(file));
  const clock = hostClock();
  const last = clock.monotonicMs() + WAIT_MS;
  let held = await bound(name);
  while (!held) {
    if (clock.monotonicMs() > last) throw new OdecetError('store-io', `${file} is being changed by another program`);
    await clock.sleep(LOOK_EVERY_MS);
    held = await bound(name);
  }
  try {
    return await work();
  } finally {
    held.close();
  }
}

function socketName(file: string): string {
  const hash = createHash('sha256').update(file).digest('hex');
  return `\0${`odecet file ${hash}`.padEnd(NAME_BYTES)}`;
}

/** Undefined where another has the name. */
function bound(name: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((given, refused) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') given(undefined);
      else refused(new OdecetError('store-io', `the lock of a file cannot be had: ${error.message}`, { cause: error }));
    });
    server.listen(name, () => given(server));
  });
}

/**
 * The whole new text or the old one, whenever the power goes. Owner, group and mode stay: the broker must go on reading its
 * passwords, and nobody else may begin to. A new file gets the mode that is given. Throws OdecetError store-io.
 */
export async function replaceFile(file: string, text: string, newMode = 0o644): Promise<void> {
  const real = await realOf(file);
  const before = await stat(real).catch(() => undefined);
  const unfinished = `${real}.${randomUUID()}.unfinished`;
  try {
    const handle = await open(unfinished, 'wx', 0o600);
    try {
      if (before) await handle.chown(before.uid, before.gid);
      await handle.chmod(before ? before.mode & 0o7777 : newMode);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, real);
    await syncPath(dirname(real));
  } catch (cause) {
    await rm(unfinished, { force: true });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError('store-io', `${file} cannot be replaced with its owner and mode kept: ${why}`, { cause });
  }
}

/** A link stays a link. */
async function realOf(file: string): Promise<string> {
  const path = resolve(file);
  return realpath(path).catch(() => path);
}
