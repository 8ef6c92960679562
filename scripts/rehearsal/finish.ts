import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exportMessages } from '../../src/app/export.ts';
import { INSTALLED_FILE } from '../../src/app/installed.ts';
import { parseDecimal } from '../../src/core/decimal.ts';
import { acceptedCsv } from '../../src/sandbox/accepted.ts';
import type { DemoOptions } from './options.ts';
import type { DemoSite } from './site.ts';
import { type AcceptedLine, type Comparison, compareDays, readCsv, type TruthLine } from './summary.ts';

const HEAT = '10.6649';

/** A site that took part: where its site file stands, and what its meters counted. */
export interface Taken {
  readonly site: DemoSite;
  readonly siteFile: string;
  readonly truthFile: string;
  /** Where its messages and answers go. */
  readonly out: string;
}

export interface SiteResult extends Comparison {
  readonly site: string;
  readonly points: number;
  readonly messages: number;
  readonly rejected: number;
}

/**
 * Writes what is to be handed over and holds what the operator accepted against what the meters counted, site by site. An
 * accepted interval of a point that no site has counts against the first one.
 */
export async function compareSites(out: string, sites: readonly Taken[]): Promise<SiteResult[]> {
  await writeFile(join(out, 'accepted.csv'), await acceptedCsv(join(out, 'sandbox')));
  const accepted = readCsv<AcceptedLine>(await readFile(join(out, 'accepted.csv'), 'utf8'));
  const results: SiteResult[] = [];
  const allTruth: string[] = [];
  for (const [n, { site, siteFile, truthFile, out: folder }] of sites.entries()) {
    const elsewhere = new Set(sites.filter((_, other) => other !== n).flatMap((other) => pointsOf(other.site)));
    const own = new Set(pointsOf(site));
    const rows = accepted.filter(({ point }) => (n === 0 ? !elsewhere.has(point) : own.has(point)));
    const truthText = await readFile(truthFile, 'utf8');
    const truth = readCsv<TruthLine>(truthText);
    allTruth.push(n === 0 ? truthText : truthText.slice(truthText.indexOf('\n') + 1));
    const counts = compareDays(truth, rows, parseDecimal(HEAT));
    results.push({ site: site.name, points: own.size, ...counts, ...(await exportMessages(siteFile, folder)) });
  }
  await writeFile(join(out, 'truth.csv'), allTruth.join(''));
  return results;
}

function pointsOf({ park }: DemoSite): string[] {
  return park.meters.map(({ point }) => point);
}

/** Whether there is anything to compare: Ctrl-C may come before the first program is up. */
export function hasBegun(sites: readonly Taken[]): boolean {
  return sites.every(({ siteFile, truthFile }) =>
    [truthFile, join(dirname(siteFile), 'state', INSTALLED_FILE)].every((file) => existsSync(file)),
  );
}

/** What the summary says of all sites together. */
export function totalOf(results: readonly SiteResult[], { day, seed }: DemoOptions, startedAt: number) {
  const sum = (of: (result: SiteResult) => number) => results.reduce((total, result) => total + of(result), 0);
  return {
    day,
    seed,
    points: sum(({ points }) => points),
    intervalsExpected: sum(({ intervalsExpected }) => intervalsExpected),
    intervalsAccepted: sum(({ intervalsAccepted }) => intervalsAccepted),
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
    wrong: sum(({ wrong }) => wrong),
    messages: sum(({ messages }) => messages),
    rejected: sum(({ rejected }) => rejected),
    seconds: Math.round((Date.now() - startedAt) / 1000),
  };
}

export function isTrue(total: ReturnType<typeof totalOf>): boolean {
  const { intervalsExpected, intervalsAccepted, lost, doubled, wrong, rejected } = total;
  return intervalsExpected === intervalsAccepted && lost + doubled + wrong + rejected === 0;
}

/** Says how it went; gives the exit status. */
export async function tellResult(
  out: string,
  summary: object,
  results: readonly SiteResult[],
  isGood: boolean,
  say: (text: string) => void,
): Promise<number> {
  await writeFile(join(out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  for (const { complaints } of results) for (const complaint of complaints) say(complaint);
  say(JSON.stringify(summary));
  say(isGood ? 'Everything was accepted and true.' : 'Something is missing or wrong; see above and logs/.');
  return isGood ? 0 : 1;
}
