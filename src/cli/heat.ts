import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { askGateway } from '../app/control.ts';
import { csvText } from '../app/csv-rows.ts';
import { siteTable } from '../app/heat.ts';
import { HEAT_DAYS_BACK_MAX } from '../app/heat-stage.ts';
import { heatFromCsv } from '../app/heat-table.ts';
import { type LoadedSite, loadSite } from '../app/site-files.ts';
import { openState, stateFolder } from '../app/state.ts';
import { type HeatOrder, type HeatTaken, takeHeat } from '../app/take-heat.ts';
import { marketDayOf, shiftDay } from '../core/calendar.ts';
import { compare } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import type { MarketDay } from '../core/time.ts';
import { hostClock } from '../host/clock.ts';
import { hostLog } from '../host/log.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { whoAsks } from './who.ts';
import { languageOption } from './words.ts';

interface ImportOptions extends SpokenOptions {
  readonly config: string;
  readonly by?: string;
  readonly json?: true;
}

/** `odecet heat import FILE --config site.yaml`: combustion heat of gas days, also while the gateway runs. */
export function heatCommand(): Command {
  const importing = new Command('import')
    .description('take over combustion heat from a CSV file (day;kWhPerM3); a running gateway follows within a minute')
    .argument('<file.csv>', 'gas days like 2026-03-28 and kWh/m3, with a heading')
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--by <name>', 'who imports it, for the audit log (default: this user)')
    .option('--json', 'print JSON')
    .addOption(languageOption())
    .action(importFile);
  return new Command('heat').description('combustion heat of gas days').addCommand(importing);
}

async function importFile(file: string, options: ImportOptions): Promise<void> {
  const { config, json, by = whoAsks() } = options;
  const loaded = loadSite(config);
  const { site } = loaded;
  const text = await readCsv(file);
  const table = heatFromCsv(text, file, site.zone);
  if (table.size === 0)
    throw new OdecetError(
      'heat-invalid',
      `${file} names no day; expected a heading day;kWhPerM3 and a line for each gas day`,
    );
  const counts = await taken(loaded, { text, file, by });
  const today = marketDayOf('gas', Date.now(), site.zone);
  const days = [...table.keys()].sort();
  // What stands in the site file goes first: an import for its days changes nothing, and must not look as if it did.
  const own = siteTable(site);
  const overruled = days.filter((day) => own.has(day) && compare(own.get(day)!, table.get(day)!) !== 0);
  const oldest = shiftDay(today, -HEAT_DAYS_BACK_MAX);
  const tooOld = counts.news.filter((day) => day < oldest && !overruled.includes(day));
  const notBegun = days.filter((day) => day > today);
  const { news: _, ...told } = counts;
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...told, overruled, tooOld, notBegun })}\n`);
    return;
  }
  const say = sayFor(options);
  process.stdout.write(
    `${say`${counts.added} days added, ${counts.changed} changed; ${counts.days} days are known by import`}\n`,
  );
  if (overruled.length > 0)
    process.stderr.write(
      `${say`without effect for ${listed(overruled)}: combustionHeat: in ${config} states another value, which goes first; correct it there`}\n`,
    );
  if (tooOld.length > 0)
    process.stderr.write(
      `${say`kept; but a day more than ${HEAT_DAYS_BACK_MAX} back that was sent is not corrected by itself: ${listed(tooOld)}. To correct one, enter its volumes with odecet substitute, which makes its energy of this heat`}\n`,
    );
  if (notBegun.length > 0) process.stderr.write(`${say`not begun yet: ${listed(notBegun)}; is the date right?`}\n`);
}

/** By the gateway that runs, which has the audit log open; where none runs, its memory is opened. */
async function taken(loaded: LoadedSite, order: HeatOrder): Promise<HeatTaken> {
  const folder = stateFolder(loaded);
  const asked = await askGateway(folder, { ...order, do: 'heat' });
  // The answer of the same program, as it made it.
  if (asked) return asked.done as HeatTaken;
  const state = await openState(loaded, hostClock(), hostLog({ level: 'warn' }), 'change');
  try {
    return await takeHeat(state.buffer, folder, order, loaded.site.zone, hostClock().now());
  } finally {
    await state.close();
  }
}

const LISTED_MAX = 10;

/** A year of days is no help to anybody. */
function listed(days: readonly MarketDay[]): string {
  if (days.length <= LISTED_MAX) return days.join(', ');
  return `${days[0]} … ${days.at(-1)} (${days.length})`;
}

async function readCsv(file: string): Promise<string> {
  try {
    return csvText(await readFile(file));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError('heat-invalid', `${file} cannot be read: ${why}`, { cause });
  }
}
