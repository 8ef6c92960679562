import { inEnglish, type Say } from '../../core/say.ts';
import type { DeviceModel } from '../../device/model.ts';
import { checkDeviceFile, type ModelLibrary } from '../../device/parse.ts';
import type { Found } from './scan.ts';

/** A device file for a meter that was found, and why this one. */
export interface Suggestion {
  readonly model: string;
  readonly why: string;
}

/** Stands where a person must choose. */
export const PLACEHOLDER = 'fill-in/model';

/**
 * Gives the device file that fits what a meter says of itself: by manufacturer and version, by manufacturer, or, as one to
 * try, by its medium alone. Where none fits, or several fit alike, a person chooses.
 */
export function suggester(
  library: ModelLibrary,
  protocol: DeviceModel['protocol'],
  say: Say = inEnglish,
): (meter: Found) => Suggestion {
  const models = modelsOf(library).filter(({ model }) => model.protocol === protocol);
  return (meter) => {
    const scored = models.map(({ name, model }) => ({ name, score: scoreOf(meter, model) }));
    const best = Math.max(0, ...scored.map(({ score }) => score));
    const [first, ...others] = scored.filter(({ score }) => score === best);
    if (best === 0 || !first) return { model: PLACEHOLDER, why: say`fill in the device file of this meter` };
    if (others.length > 0) {
      const names = [first, ...others].map(({ name }) => name).join(say` or `);
      return { model: PLACEHOLDER, why: say`fill in ${names}` };
    }
    const byMedium = 'fits by its medium alone, hold it against `odecet read`';
    const why = best === 1 ? say.whole(byMedium) : say`fits what the meter says`;
    return { model: first.name, why };
  };
}

/** 0 does not fit, 1 the medium, 2 the manufacturer too, 3 the version too. */
function scoreOf({ manufacturer, version, medium }: Found, model: DeviceModel): number {
  if (medium !== model.medium) return 0;
  const { detect } = model;
  if (!detect) return 1;
  if (detect.manufacturer !== manufacturer) return 0;
  if (detect.version === undefined) return 2;
  return detect.version === version ? 3 : 0;
}

/** The sound ones; what is wrong with the others, `odecet check` tells. */
function modelsOf(library: ModelLibrary): { readonly name: string; readonly model: DeviceModel }[] {
  return library.names.flatMap((name) => {
    const source = library.read(name);
    const checked = source && checkDeviceFile(source.text, source.file);
    return checked?.ok ? [{ name, model: checked.value }] : [];
  });
}
