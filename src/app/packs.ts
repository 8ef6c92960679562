import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { marketDayOf } from '../core/calendar.ts';
import { OdecetError } from '../core/failure.ts';
import type { Commodity } from '../core/interval.ts';
import type { FileProblem } from '../core/problem.ts';
import type { MarketDay, UtcMs } from '../core/time.ts';
import { type FormatPack, loadPack } from '../message/pack.ts';
import { searchFolders } from './project.ts';

/** A pack that takes the place of another from a date on. */
export interface LaterPack {
  /** Local date of the site. */
  readonly from: MarketDay;
  readonly pack: FormatPack;
}

/** The packs of a site: one for each commodity, and those that follow it. */
export interface SitePacks {
  readonly packs: ReadonlyMap<Commodity, FormatPack>;
  /** By rising date; none where the map has none. */
  readonly laterPacks?: ReadonlyMap<Commodity, readonly LaterPack[]>;
}

/** The pack of messages that are made now. What was made before keeps the one it was made with. */
export function packOf({ packs, laterPacks }: SitePacks, commodity: Commodity, now: UtcMs, zone: string): FormatPack {
  // The electricity day is the local date.
  const today = marketDayOf('electricity', now, zone);
  const later = laterPacks?.get(commodity)?.findLast(({ from }) => from <= today);
  return later?.pack ?? packs.get(commodity)!;
}

/** Every pack that messages may have been made with, or will be. */
export function everyPack({ packs, laterPacks }: SitePacks): FormatPack[] {
  return [...packs.values(), ...[...(laterPacks?.values() ?? [])].flat().map(({ pack }) => pack)];
}

export type ProblemsText = (problems: readonly FileProblem[]) => string;

/** Where a pack that takes effect on a date stands: `format-packs/ote/gasdat.from/2026-12-01.yaml` beside the site file. */
export function laterPackFile(name: string, from: MarketDay): string {
  return join('format-packs', `${name}.from`, `${from}.yaml`);
}

/** The pack of this name and those that follow it. Throws OdecetError pack-invalid. */
export function loadPacks(
  name: string,
  siteFolder: string,
  textOf: ProblemsText,
): { readonly first: FormatPack; readonly later: readonly LaterPack[] } {
  const folders = searchFolders(siteFolder, 'format-packs');
  const file = folders.map((folder) => join(folder, `${name}.yaml`)).find((path) => existsSync(path));
  if (file === undefined)
    throw new OdecetError('pack-invalid', `no format pack "${name}" below ${folders.join(' or ')}`);
  const folder = join(siteFolder, 'format-packs', `${name}.from`);
  const dates = existsSync(folder) ? readdirSync(folder).filter((each) => /^\d{4}-\d\d-\d\d\.yaml$/.test(each)) : [];
  return {
    first: loadPackFile(file, textOf),
    later: dates.sort().map((each) => ({
      from: each.slice(0, '2026-12-01'.length),
      pack: loadPackFile(join(folder, each), textOf),
    })),
  };
}

function loadPackFile(file: string, textOf: ProblemsText): FormatPack {
  const loaded = loadPack(readFileSync(file, 'utf8'), file);
  if (loaded.kind === 'pack') return loaded.pack;
  throw new OdecetError('pack-invalid', textOf(loaded.problems));
}
