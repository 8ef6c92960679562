import { basename, dirname, resolve } from 'node:path';
import { marketDayOf, shiftDay } from '../core/calendar.ts';
import { compare, type Decimal } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import { type MarketDay, MINUTE_MS } from '../core/time.ts';
import type { HeatSourceConfig } from '../device/profile-config.ts';
import type { Site } from '../device/site.ts';
import { hostFolder } from '../host/folder.ts';
import type { Clock } from '../machine/clock.ts';
import type { Http } from '../machine/http.ts';
import type { Log } from '../machine/log.ts';
import { type HeatSupply, siteTable } from './heat.ts';
import { type HeatTable, heatCsv, heatFromAnswer, heatFromCsv } from './heat-table.ts';

/** Beside the store: what was imported by hand, and what the web service gave, kept so that a restart needs neither again. */
const IMPORTED_FILE = 'combustion-heat.csv';
const FETCHED_FILE = 'combustion-heat-fetched.csv';

const LOOK_EVERY_MS = MINUTE_MS;
/** Days back for which a web service is asked. */
const ASKED_DAYS = 10;
const ANSWER_BYTES_MAX = 1_000_000;

export interface HeatParts {
  readonly site: Site;
  /** Where relative paths of the site file start. */
  readonly folder: string;
  /** Where the store is. */
  readonly stateFolder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: the web service is not asked. */
  readonly http?: Http;
}

/** Site file, import, file and web service, in this order of trust: an earlier one is not overruled by a later. */
export function heatSupply({ site, folder, stateFolder, clock, log, http }: HeatParts): HeatSupply {
  const own = siteTable(site);
  const state = hostFolder(stateFolder);
  const file = site.combustionHeatFile && resolve(folder, site.combustionHeatFile);
  const sources: {
    readonly name: string;
    readonly read: () => Promise<string | undefined>;
    table: HeatTable;
    text?: string;
    /** What it says was never read: a source that is trusted less does not speak in its place. */
    isUnknown?: boolean;
  }[] = [
    { name: IMPORTED_FILE, read: () => state.readText(IMPORTED_FILE), table: new Map() },
    ...(file ? [{ name: file, read: () => hostFolder(dirname(file)).readText(basename(file)), table: new Map() }] : []),
    { name: FETCHED_FILE, read: () => state.readText(FETCHED_FILE), table: new Map() },
  ];
  let askAt = Number.NEGATIVE_INFINITY;

  const on = (day: MarketDay) =>
    own.get(day) ?? sources.find(({ table, isUnknown }) => isUnknown || table.has(day))?.table.get(day);

  /** What cannot be read keeps what was known: a file is half-written now and then. */
  async function readAll(): Promise<void> {
    for (const source of sources) {
      const text = (await source.read()) ?? '';
      if (text === source.text) continue;
      const isFirst = source.text === undefined;
      source.text = text;
      try {
        source.table = text === '' ? new Map() : heatFromCsv(text, source.name, site.zone);
        source.isUnknown = false;
      } catch (error) {
        if (!(error instanceof OdecetError)) throw error;
        source.isUnknown ||= isFirst;
        log.error('heat-not-read', { ...error.failure });
      }
    }
  }

  async function ask(source: HeatSourceConfig, client: Http, signal: AbortSignal): Promise<void> {
    const today = marketDayOf('gas', clock.now(), site.zone);
    const wanted = Array.from({ length: ASKED_DAYS }, (_, n) => shiftDay(today, -1 - n)).filter((day) => !on(day));
    if (wanted.length === 0 || clock.now() < askAt) return;
    askAt = clock.now() + source.everyMinutes * MINUTE_MS;
    try {
      const fetched = sources.at(-1)!.table;
      // A preliminary value is corrected now and then: what the service said last counts.
      const news = changesTo(fetched, await fetchHeat(source, client, site.zone, signal));
      if (news.length === 0) return;
      const corrected = news.flatMap(([day]) => (fetched.has(day) ? [day] : []));
      if (corrected.length > 0) log.warn('heat-corrected', { from: source.url, days: corrected });
      await state.write(FETCHED_FILE, heatCsv(new Map([...fetched, ...news])));
      await readAll();
    } catch (error) {
      if (!(error instanceof OdecetError)) throw error;
      log.warn('heat-not-fetched', { ...error.failure });
    }
  }

  return {
    on,
    days: () => {
      const days = new Set([...own.keys(), ...sources.flatMap(({ table }) => [...table.keys()])]);
      return [...days].filter((day) => on(day)).sort();
    },
    async refresh(signal) {
      await readAll();
      if (site.combustionHeatSource && http) await ask(site.combustionHeatSource, http, signal);
      return clock.now() + LOOK_EVERY_MS;
    },
  };
}

async function fetchHeat(source: HeatSourceConfig, http: Http, zone: string, signal: AbortSignal): Promise<HeatTable> {
  const outcome = await http.send(
    {
      method: 'GET',
      url: source.url,
      headers: { accept: source.format === 'csv' ? 'text/csv' : 'application/json' },
      withinMs: source.answerWithinMs,
      answerBytesMax: ANSWER_BYTES_MAX,
    },
    signal,
  );
  if (outcome.kind !== 'answer') throw new OdecetError('heat-unreachable', outcome.failure.detail);
  if (outcome.status !== 200) throw new OdecetError('heat-unreachable', `${source.url}: HTTP status ${outcome.status}`);
  return heatFromAnswer(new TextDecoder().decode(outcome.body), source, zone);
}

function changeOf(day: MarketDay, before: Decimal | undefined, value: Decimal): HeatChange {
  return { day, ...(before && { before }), value };
}

/** The days of `table` that are new, or have another value than before. */
function changesTo(before: HeatTable, table: HeatTable): [MarketDay, Decimal][] {
  return [...table].filter(([day, heat]) => !before.has(day) || compare(before.get(day)!, heat) !== 0);
}

/** A day's combustion heat that a person changes. */
export interface HeatChange {
  readonly day: MarketDay;
  readonly before?: Decimal;
  readonly value: Decimal;
}

/**
 * Adds days to what was imported; a day that was there is overwritten. Throws OdecetError heat-invalid.
 * @param witness is told what will change before it does, and not where nothing will; where it rejects nothing does
 */
export async function importHeat(
  stateFolder: string,
  table: HeatTable,
  witness: (changes: readonly HeatChange[]) => Promise<unknown>,
): Promise<{ added: number; changed: number; days: number; news: MarketDay[] }> {
  const folder = hostFolder(stateFolder);
  const text = await folder.readText(IMPORTED_FILE);
  const before = text === undefined ? new Map<MarketDay, Decimal>() : heatFromCsv(text, IMPORTED_FILE, 'UTC');
  const news = changesTo(before, table);
  const after = new Map([...before, ...table]);
  if (news.length > 0) await witness(news.map(([day, value]) => changeOf(day, before.get(day), value)));
  await folder.write(IMPORTED_FILE, heatCsv(after));
  const added = after.size - before.size;
  return { added, changed: news.length - added, days: after.size, news: news.map(([day]) => day).sort() };
}
