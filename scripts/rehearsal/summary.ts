import { parse } from 'csv-parse/sync';
import {
  add,
  compare,
  type Decimal,
  decimalText,
  isNegative,
  multiply,
  parseDecimal,
  subtract,
  ZERO,
} from '../../src/core/decimal.ts';

/** truth.csv: what the meters counted. */
export interface TruthLine {
  readonly point: string;
  readonly commodity: string;
  readonly start: string;
  readonly minutes: string;
  readonly value: string;
  readonly unit: string;
  readonly tolerance: string;
}

/** accepted.csv: what the operator's stand-in accepted. */
export type AcceptedLine = Omit<TruthLine, 'tolerance'> & { readonly quality: string };

export interface Comparison {
  readonly intervalsExpected: number;
  readonly intervalsAccepted: number;
  readonly lost: number;
  readonly doubled: number;
  /** Beyond tolerance, of an interval that nobody counted, or a day's sum that is off. */
  readonly wrong: number;
  /** The first few, in words. */
  readonly complaints: readonly string[];
}

const COMPLAINTS_MAX = 10;
const ENERGY_ROUNDING = parseDecimal('0.01');

export function readCsv<T>(text: string): T[] {
  return parse(text, { columns: true }) as T[];
}

/**
 * Holds what was accepted against what the meters counted, row by row and day sum by day sum. Gas energy rows have no truth of
 * their own: there must be one for each hour, and its value must be the volume's times the heat, rounded.
 */
export function compareDays(truth: readonly TruthLine[], accepted: readonly AcceptedLine[], heat: Decimal): Comparison {
  const complaints: string[] = [];
  const complain = (what: string) => complaints.push(what);
  const expected = new Map(truth.flatMap((line) => expectedOf(line).map((row) => [keyOf(row), row] as const)));
  const found = new Map<string, AcceptedLine[]>();
  for (const row of accepted) found.set(keyOf(row), [...(found.get(keyOf(row)) ?? []), row]);

  const lost = [...expected.keys()].filter((key) => !found.has(key));
  for (const key of lost) complain(`lost: ${key}`);
  const doubled = [...found].filter(([, rows]) => rows.length > 1);
  for (const [key] of doubled) complain(`doubled: ${key}`);
  let wrong = 0;
  for (const [key, [row]] of found) {
    const what = expected.get(key);
    const fault = what ? faultOf(row!, what, found, heat) : 'nobody counted this interval';
    if (fault) complain(`wrong: ${key}: ${fault}`);
    if (fault) wrong += 1;
  }
  for (const fault of sumFaults(truth, accepted)) {
    complain(`wrong: ${fault}`);
    wrong += 1;
  }
  return {
    intervalsExpected: expected.size,
    intervalsAccepted: [...found.keys()].filter((key) => expected.has(key)).length,
    lost: lost.length,
    doubled: doubled.length,
    wrong,
    complaints: complaints.slice(0, COMPLAINTS_MAX),
  };
}

/** Each gas hour is expected twice: its volume, and the energy that follows from it. */
function expectedOf(line: TruthLine): TruthLine[] {
  return line.commodity === 'gas' ? [line, { ...line, unit: 'kWh' }] : [line];
}

function keyOf({ point, start, unit }: { point: string; start: string; unit: string }): string {
  return `${point} ${start} ${unit}`;
}

function faultOf(
  row: AcceptedLine,
  truth: TruthLine,
  found: ReadonlyMap<string, AcceptedLine[]>,
  heat: Decimal,
): string | undefined {
  if (row.minutes !== truth.minutes) return `${row.minutes} minutes instead of ${truth.minutes}`;
  const value = parseDecimal(row.value);
  if (truth.commodity === 'gas' && truth.unit === 'kWh') {
    const volume = found.get(keyOf({ ...row, unit: 'm3' }))?.[0];
    if (!volume) return 'energy without a volume';
    // Rounding to the pack's decimals may move an hour by one last place, so that the day's sum stays right.
    const product = multiply(parseDecimal(volume.value), heat);
    const isNear = compare(magnitude(subtract(value, product)), ENERGY_ROUNDING) <= 0;
    return isNear ? undefined : `${row.value} kWh, but the volume makes ${decimalText(product)}`;
  }
  if (truth.tolerance === '0' && row.quality !== 'measured')
    return `quality ${row.quality} where the meter's own index was there`;
  if (truth.tolerance !== '0' && row.quality === 'measured') return 'a sampled value is passed off as measured';
  const distance = magnitude(subtract(value, parseDecimal(truth.value)));
  return compare(distance, parseDecimal(truth.tolerance)) <= 0
    ? undefined
    : `${row.value}, truth ${truth.value} within ${truth.tolerance}`;
}

/** Errors may not add up: the day's sum has the same tolerance as one interval. */
function sumFaults(truth: readonly TruthLine[], accepted: readonly AcceptedLine[]): string[] {
  const sums = (rows: readonly { point: string; unit: string; value: string }[]) => {
    const totals = new Map<string, Decimal>();
    for (const { point, unit, value } of rows) {
      const key = `${point} ${unit}`;
      totals.set(key, add(totals.get(key) ?? ZERO, parseDecimal(value)));
    }
    return totals;
  };
  const accepts = sums(accepted);
  return [...sums(truth)].flatMap(([key, total]) => {
    const tolerance = truth.find(({ point, unit }) => `${point} ${unit}` === key)!.tolerance;
    const distance = magnitude(subtract(accepts.get(key) ?? ZERO, total));
    return compare(distance, parseDecimal(tolerance)) <= 0
      ? []
      : [`day sum of ${key} is off by more than ${tolerance}`];
  });
}

function magnitude(value: Decimal): Decimal {
  return isNegative(value) ? { ...value, coefficient: -value.coefficient } : value;
}
