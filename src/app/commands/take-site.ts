import { createHash } from 'node:crypto';
import { access, constants, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { OdecetError } from '../../core/failure.ts';
import type { Site } from '../../device/site.ts';
import { hostFolder } from '../../host/folder.ts';
import type { Clock } from '../../machine/clock.ts';
import type { CommandBody } from '../../uplink/relay/command-bodies.ts';
import type { Performed } from '../../uplink/relay/command-taker.ts';
import type { Gateway } from '../gateway.ts';
import { loadWay } from '../load-way.ts';
import { withMeterKeys } from '../meter-keys.ts';
import { type LoadedSite, loadSite } from '../site-files.ts';
import { requiredDevices } from './required-devices.ts';
import { type SiteTrial, siteTrial } from './site-trial.ts';

export interface TakeSiteParts {
  readonly loaded: LoadedSite;
  readonly trial: SiteTrial;
  readonly gateway: Pick<Gateway, 'status'>;
  readonly clock: Clock;
}

/**
 * What a site file that comes by a command cannot change: who the site is, where its memory lies, and the way on which the
 * command came with its keys and rights. So no command can cut the branch it sits on, widen what is allowed, or send a secret of
 * the machine to another broker, also not by the views from outside. A file with combustion heat is quoted where it is wrong, so it may not be just any file.
 */
const FIXED = [
  'site',
  'number',
  'zone',
  'uplink',
  'storage',
  'combustionHeatFile',
  'metrics',
  'sparkplug',
] as const satisfies readonly (keyof Site)[];

export function trialOf({ folder, file }: Pick<LoadedSite, 'folder' | 'file'>): SiteTrial {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  return siteTrial(hostFolder(folder), basename(file), sha256);
}

/**
 * Checks a site file as `odecet check` does, beside the one that counts, and begins its trial. Gives `later` when it has begun,
 * `done` at once for the file that stands already.
 */
export async function takeSite(
  parts: TakeSiteParts,
  id: string,
  { text, withinMs }: CommandBody<'site-file'>,
): Promise<Performed> {
  const { loaded, trial, gateway, clock } = parts;
  if (await trial.record()) return refused('busy', 'a site file is on trial');
  if (!runsAsItStands(loaded)) return refused('busy', `${loaded.file} was changed on the machine; ${START_FIRST}`);
  if (text === (await readFile(loaded.file, 'utf8'))) return { outcome: 'done', detail: NOTHING_CHANGES };
  const next = `${basename(loaded.file)}.next`;
  const fault = (await unwritable(loaded.folder)) ?? (await checkFault(loaded, next, text, clock));
  if (typeof fault === 'string') return refused('check-failed', fault);
  const devices = requiredDevices(loaded.site, fault.site, gateway.status().devices);
  if (devices.length === 0) return refused('check-failed', NOTHING_PROVES);
  await trial.begin({ id, text, withinMs, devices });
  return { outcome: 'later' };
}

const NOTHING_CHANGES = 'it is the site file that stands; nothing changes';
const START_FIRST = 'the gateway does not run with that yet: start it anew first';
const NOTHING_PROVES =
  'every device of the site is dead and the file changes none of them, so nothing would prove it; put it in place on the machine, or give it again when a meter answers';

function refused(reason: 'busy' | 'check-failed', detail: string): Performed {
  return { outcome: 'refused', reason, detail };
}

/** A file that the gateway never ran with is no file to go back to. */
function runsAsItStands({ file, site }: LoadedSite): boolean {
  try {
    return isDeepStrictEqual(loadSite(file).site, site);
  } catch (error) {
    if (error instanceof OdecetError) return false;
    throw error;
  }
}

async function unwritable(folder: string): Promise<string | undefined> {
  return access(folder, constants.W_OK).then(
    () => undefined,
    () => `${folder} may not be written by the gateway; with systemd, add ReadWritePaths=${folder}`,
  );
}

/** The checked site, or what is wrong with it. It is looked at where it will stand: names of files in it are relative. */
async function checkFault(loaded: LoadedSite, next: string, text: string, clock: Clock): Promise<LoadedSite | string> {
  const path = join(loaded.folder, next);
  try {
    await hostFolder(loaded.folder).write(next, text);
    const checked = loadSite(path);
    const changed = FIXED.filter((name) => !isDeepStrictEqual(checked.site[name], loaded.site[name]));
    if (changed.length > 0) return `it changes ${changed.join(', ')}, which is done on the machine only`;
    await (await loadWay(checked, clock)).close();
    await withMeterKeys(checked);
    return checked;
  } catch (error) {
    if (error instanceof OdecetError) return error.message;
    throw error;
  } finally {
    await rm(path, { force: true });
  }
}
