import { readFile, stat } from 'node:fs/promises';
import { OdecetError } from '../core/failure.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import { type Registry, readRegistry } from '../relay/registry.ts';

/** A site that is revoked in the file is refused within this. */
const LOOK_EVERY_MS = 500;

export interface RegistryFile {
  current(): Registry;
  /** Follows the file until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** Throws OdecetError site-unreadable or site-invalid at the start; later a broken file is told and the last good one counts. */
export async function openRegistry(file: string, clock: Clock, log: Log): Promise<RegistryFile> {
  let seen = await stampOf(file);
  let registry = await load(file);
  return {
    current: () => registry,
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
        const stamp = await stampOf(file).catch(() => undefined);
        if (signal.aborted || stamp === undefined || stamp === seen) continue;
        seen = stamp;
        try {
          registry = await load(file);
          log.info('registry-read', { sites: registry.sites.length });
        } catch (error) {
          log.error('registry-broken', { why: String(error) });
        }
      }
    },
  };
}

async function load(file: string): Promise<Registry> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new OdecetError('site-unreadable', `${file} cannot be read; odecet enroll makes the registry`, { cause });
  });
  const read = readRegistry(text, file);
  if (read.kind === 'problems') throw new OdecetError('site-invalid', read.text);
  return read.registry;
}

async function stampOf(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found && `${found.mtimeMs} ${found.size} ${found.ino}`;
}
