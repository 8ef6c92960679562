import { readFile, stat } from 'node:fs/promises';
import { type Failure, failure, OdecetError } from '../core/failure.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import { type Registry, readRegistry } from '../relay/registry.ts';

/** A site that is revoked in the file is refused within this. */
const LOOK_EVERY_MS = 500;
const UNREADABLE = 'site-unreadable';

export interface RegistryFile {
  current(): Registry;
  /** Why the file as it is does not count; the last good one does. */
  problem(): Failure | undefined;
  /** Follows the file until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Throws OdecetError site-unreadable or site-invalid at the start; later a broken file is told and the last good one counts.
 * @param read the file's text; other than the machine's in tests
 */
export async function openRegistry(file: string, clock: Clock, log: Log, read = textOf): Promise<RegistryFile> {
  let seen = await stampOf(file);
  let registry = await load(file, read);
  let readAt = clock.now();
  let problem: Failure | undefined;
  return {
    current: () => registry,
    problem: () => problem,
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
        const stamp = await stampOf(file);
        // What could not be read may be readable now without having changed; what is wrong in it is so until it changes.
        if (signal.aborted || (stamp === seen && problem?.code !== UNREADABLE)) continue;
        seen = stamp;
        try {
          registry = await load(file, read);
          readAt = clock.now();
          problem = undefined;
          log.info('registry-read', { sites: registry.sites.length });
        } catch (error) {
          const before = problem?.detail;
          problem = problemOf(error, readAt);
          if (problem.detail !== before) log.error('registry-broken', { ...problem });
        }
      }
    },
  };
}

function problemOf(error: unknown, readAt: UtcMs): Failure {
  const { code, detail } = error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
  return failure(
    code,
    `the registry as it was read at ${isoUtc(readAt)} counts, and no site that was revoked since is: ${detail}`,
  );
}

async function load(file: string, textIn: typeof textOf): Promise<Registry> {
  const text = await textIn(file).catch((cause: unknown) => {
    const why = `${file} cannot be read (${String(cause)}); odecet enroll makes the registry`;
    throw new OdecetError(UNREADABLE, why, { cause });
  });
  const read = readRegistry(text, file);
  if (read.kind === 'problems') throw new OdecetError('site-invalid', read.text);
  return read.registry;
}

function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8');
}

/** With the time of its last change of any kind: chmod and chown, and a restored copy, leave all else as it is. */

async function stampOf(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found && `${found.mtimeMs} ${found.ctimeMs} ${found.size} ${found.ino}`;
}
