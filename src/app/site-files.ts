import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { OdecetError } from '../core/failure.ts';
import type { Commodity } from '../core/interval.ts';
import { type FileProblem, type Problem, problemText } from '../core/problem.ts';
import { type CheckedSite, checkSite } from '../device/parse.ts';
import type { FormatPack } from '../message/pack.ts';
import { deviceLibrary } from './device-files.ts';
import { type LaterPack, loadPacks, type SitePacks } from './packs.ts';
import { searchFolders } from './project.ts';

/** A site file with everything it names, checked. Relative paths in it start at `folder`. */
export interface LoadedSite extends CheckedSite, SitePacks {
  readonly file: string;
  readonly folder: string;
  /** SHA-256 of the site file, as `sha256sum` tells it. */
  readonly hash: string;
  readonly warnings: readonly Problem[];
}

const COMMODITIES = ['gas', 'electricity'] as const;

/**
 * Reads and checks a site file, its device files and its format packs. Throws OdecetError site-unreadable, site-invalid,
 * device-file-missing, device-file-invalid or pack-invalid.
 *
 * @param tell what the detail of the error has: a line for each problem, or one line with the first of them, for a service
 */
export function loadSite(path: string, tell: 'all' | 'first' = 'all'): LoadedSite {
  const folder = dirname(resolve(path));
  const text = readSiteText(path);
  const checked = checkSite(text, path, deviceLibrary(searchFolders(folder, 'device-config')));
  if (!checked.ok) throw new OdecetError(checked.code, problemsText(checked.problems, path, tell));
  const { site } = checked.value;
  const packs = new Map<Commodity, FormatPack>();
  const laterPacks = new Map<Commodity, readonly LaterPack[]>();
  for (const commodity of COMMODITIES) {
    const market = site.market[commodity];
    if (!market) continue;
    const { first, later } = loadPacks(market.pack, folder, (problems) => problemsText(problems, path, tell));
    packs.set(commodity, first);
    laterPacks.set(commodity, later);
  }
  const hash = createHash('sha256').update(text).digest('hex');
  return { ...checked.value, file: path, folder, hash, packs, laterPacks, warnings: checked.warnings };
}

function readSiteText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError('site-unreadable', `${path}: ${why}; give the path of a site file`, { cause });
  }
}

function problemsText(problems: readonly FileProblem[], path: string, tell: 'all' | 'first'): string {
  const [first, ...more] = problems.map(problemText);
  if (more.length === 0) return first!;
  return tell === 'first'
    ? `${first} (and ${more.length} more: odecet check ${path})`
    : `${problems.length} problems\n${[first, ...more].join('\n')}`;
}
