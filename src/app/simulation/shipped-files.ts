import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OdecetError } from '../../core/failure.ts';
import type { Commodity } from '../../core/interval.ts';
import type { DeviceModel } from '../../device/model.ts';
import { type FormatPack, loadPack } from '../../message/pack.ts';
import { deviceLibrary, loadDeviceModel } from '../device-files.ts';
import { PROJECT_FOLDER } from '../project.ts';

/** Device files and format packs that an imagined site uses are those that ship. */

const models = new Map<string, DeviceModel>();

/** Read once: two hundred seeds in a row use the same few files. */
export function modelOf({ model: name, digits }: { readonly model: string; readonly digits?: number }): DeviceModel {
  const known = models.get(name);
  if (known) return known;
  const file = loadDeviceModel(name, deviceLibrary([join(PROJECT_FOLDER, 'device-config')]));
  const model =
    digits === undefined
      ? file
      : {
          ...file,
          readings: file.readings.map((reading) => (reading.kind === 'counter' ? { ...reading, digits } : reading)),
        };
  models.set(name, model);
  return model;
}

/** A register behind those of the file's own map: which bit means what is a matter of each device. */
const STATUS_BIT = { flag: 'alarm', modbus: { table: 'holding', block: 'current', offset: 26, bit: 3 } } as const;

export function withStatusBit(model: DeviceModel): DeviceModel {
  return { ...model, flags: [...model.flags, STATUS_BIT] };
}

let packs: ReadonlyMap<Commodity, FormatPack> | undefined;

export function formatPacks(): ReadonlyMap<Commodity, FormatPack> {
  packs ??= new Map([
    ['gas', packFile('ote/gasdat')],
    ['electricity', packFile('ote/cdsdata')],
  ]);
  return packs;
}

function packFile(name: string): FormatPack {
  const file = join(PROJECT_FOLDER, 'format-packs', `${name}.yaml`);
  const loaded = loadPack(readFileSync(file, 'utf8'), file);
  if (loaded.kind === 'pack') return loaded.pack;
  throw new OdecetError('pack-invalid', file);
}
