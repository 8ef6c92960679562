import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OdecetError } from '../core/failure.ts';
import { problemText } from '../core/problem.ts';
import type { DeviceModel } from '../device/model.ts';
import { checkDeviceFile, type ModelLibrary } from '../device/parse.ts';

/** The device files below these folders; the first folder that has a name wins. */
export function deviceLibrary(folders: readonly string[]): ModelLibrary {
  const present = folders.filter((folder) => existsSync(folder));
  return {
    names: [...new Set(present.flatMap(namesIn))].sort(),
    read(name) {
      const file = present.map((folder) => join(folder, `${name}.yaml`)).find((path) => existsSync(path));
      return file === undefined ? undefined : { file, text: readFileSync(file, 'utf8') };
    },
  };
}

/** `maker/model` of each file two levels down. */
function namesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((maker) =>
      readdirSync(join(folder, maker.name))
        .filter((file) => file.endsWith('.yaml') && file !== 'site.yaml')
        .map((file) => `${maker.name}/${file.slice(0, -'.yaml'.length)}`),
    );
}

/** One device file by its name. Throws OdecetError device-file-missing or device-file-invalid. */
export function loadDeviceModel(name: string, library: ModelLibrary): DeviceModel {
  const source = library.read(name);
  if (!source) throw new OdecetError('device-file-missing', name);
  const checked = checkDeviceFile(source.text, source.file);
  if (checked.ok) return checked.value;
  throw new OdecetError('device-file-invalid', checked.problems.map(problemText).join('\n'));
}
