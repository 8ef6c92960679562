import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json: the checkout, or the installed package. Sources and built files stand at different depths. */
export const PROJECT_FOLDER = findProject(dirname(fileURLToPath(import.meta.url)));

function findProject(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findProject(dirname(folder));
}

/** Folders with device files or format packs: a site's own before the ones that ship, so that no release is needed. */
export function searchFolders(siteFolder: string, name: 'device-config' | 'format-packs'): string[] {
  return [join(siteFolder, name), join(PROJECT_FOLDER, name)];
}

export function programVersion(): string {
  return (JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8')) as { version: string }).version;
}
