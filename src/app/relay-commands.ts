import { join, resolve } from 'node:path';
import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import { hostAppendLog } from '../host/append-log.ts';
import { lockFolder } from '../host/folder-lock.ts';
import type { Log } from '../machine/log.ts';
import type { Commander } from '../relay/commander.ts';
import type { CommandLog } from '../relay/given-command.ts';
import type { Registry } from '../relay/registry.ts';
import { COMMAND_LOG_FILE, openCommandLog, readCommandHistory } from './command-log.ts';
import { serveControl } from './control.ts';
import { type CentreTakes, refuseForeignPack, refuseForeignSite } from './foreign-order.ts';
import type { LoadedRelay } from './relay.ts';

/** Where a relay's control socket and its log of commands stand; undefined: nobody can command sites over this relay. */
export function commandFolder({ config, folder }: LoadedRelay): string | undefined {
  const named = config.commandFolder ?? (config.store.kind === 'level' ? config.store.folder : undefined);
  return named === undefined ? undefined : resolve(folder, named);
}

export interface OpenedCommandLog {
  readonly log: CommandLog;
  close(): Promise<void>;
}

export async function openRelayCommandLog(loaded: LoadedRelay, log: Log): Promise<OpenedCommandLog | undefined> {
  const folder = commandFolder(loaded);
  if (folder === undefined) return undefined;
  const release = await lockFolder(folder, OTHERS);
  const file = hostAppendLog(join(folder, COMMAND_LOG_FILE));
  const close = async () => {
    await file.close();
    await release();
  };
  try {
    const { faults } = await readCommandHistory(file);
    for (const { number, what } of faults) log.error('audit-broken', { file: COMMAND_LOG_FILE, number, what });
    return { log: await openCommandLog(file), close };
  } catch (error) {
    await close();
    throw error;
  }
}

const OTHERS =
  'another relay of this machine has its commands there; give each a commandFolder of its own in relay.yaml';

const wishSchema = z.looseObject({
  site: z.string(),
  kind: z.string(),
  body: z.string(),
  by: z.string().max(200),
  validMs: z.int(),
});

/** Takes commands from `odecet command` on the same machine, for the user of the relay only. */
export async function serveCommands(
  loaded: LoadedRelay,
  commander: Commander,
  takes: CentreTakes,
  registry: () => Registry,
  log: Log,
): Promise<{ close(): Promise<void> }> {
  const folder = commandFolder(loaded);
  if (folder === undefined) return { close: async () => undefined };
  return serveControl(
    folder,
    {
      async command(request, send, signal) {
        const { site, kind, body, by, validMs } = wishSchema.parse(request);
        const line = registry().find(site);
        if (kind === 'pack') refuseForeignPack(body, takes);
        if (kind === 'site-file' && line) refuseForeignSite(body, line, takes);
        const tell = (progress: string) => void send({ progress }).catch(() => undefined);
        return commander.give({ site, kind, body, by, validMs }, tell, signal);
      },
    },
    log,
  );
}

/** The history of a relay's commands, whether it runs or not. Throws OdecetError usage where it keeps none. */
export async function relayCommandHistory(loaded: LoadedRelay): ReturnType<typeof readCommandHistory> {
  const folder = folderOrThrow(loaded);
  return readCommandHistory(hostAppendLog(join(folder, COMMAND_LOG_FILE)));
}

export function folderOrThrow(loaded: LoadedRelay): string {
  const folder = commandFolder(loaded);
  if (folder !== undefined) return folder;
  throw new OdecetError('usage', 'relay.yaml names no "commandFolder:", so sites cannot be commanded over this relay');
}
