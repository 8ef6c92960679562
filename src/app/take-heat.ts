import type { Buffer } from '../buffer/index.ts';
import { decimalText } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import { isoUtc, type MarketDay, type UtcMs } from '../core/time.ts';
import { chained } from './audit-chain.ts';
import type { HeatText } from './audit-texts.ts';
import { importHeat } from './heat-sources.ts';
import { heatFromCsv } from './heat-table.ts';

/** Combustion heat that a person brings. */
export interface HeatOrder {
  /** `day;kWhPerM3` with a heading. */
  readonly text: string;
  /** The file that it stood in, as the person named it. */
  readonly file: string;
  readonly by: string;
}

export interface HeatTaken {
  readonly added: number;
  readonly changed: number;
  /** How many days are known by import. */
  readonly days: number;
  /** The days that were added or changed. */
  readonly news: MarketDay[];
}

/**
 * Takes over what a person brings. It changes the energy that is billed, so the audit log says first who, out of which file, and
 * what each day had before. Broken off in between it can be said again.
 * Throws OdecetError heat-invalid or usage; then nothing was written.
 */
export async function takeHeat(
  buffer: Pick<Buffer, 'keepAudited'>,
  stateFolder: string,
  { text, file, by }: HeatOrder,
  zone: string,
  now: UtcMs,
): Promise<HeatTaken> {
  if (by.trim() === '') throw new OdecetError('usage', 'a name is needed');
  const table = heatFromCsv(text, file, zone);
  return importHeat(stateFolder, table, (changes) => {
    const days = changes.map(({ day, before, value }) => ({
      day,
      ...(before && { before: decimalText(before) }),
      value: decimalText(value),
    }));
    const said: HeatText = { at: isoUtc(now), what: 'heat', by, file, days };
    return buffer.keepAudited([], (last) => chained(last, JSON.stringify(said)));
  });
}
