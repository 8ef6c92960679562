import { cpus, totalmem } from 'node:os';
import Table from 'cli-table3';

/** One measured figure. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the value is held against: the best that is possible, or what is asked for. */
  readonly limit: number;
  /** How near the limit it came, 1 = reached; above 1 is better than the limit. */
  readonly ratio: number;
  /** The least ratio that is good enough. */
  readonly least: number;
}

/** A figure of which more is better. */
export function rate(name: string, value: number, unit: string, limit: number, least: number): Figure {
  return { name, value, unit, limit, ratio: value / limit, least };
}

/** A figure of which less is better. */
export function cost(name: string, value: number, unit: string, limit: number, least: number): Figure {
  return { name, value, unit, limit, ratio: limit / value, least };
}

const RUNS = 3;

/** What other programs do on this machine only makes a run worse: the best of three is nearest the truth. */
export async function bestOf(run: () => Promise<number>, best: (...values: number[]) => number): Promise<number> {
  const values: number[] = [];
  for (let n = 0; n < RUNS; n++) values.push(await run());
  return best(...values);
}

/** Measures one after the other and prints each at once (JSON) or all in a table. Sets exit status 1 for a figure that fails. */
export async function report(measures: readonly (() => Promise<Figure>)[], argv: readonly string[]): Promise<void> {
  const asJson = argv.includes('--json');
  const figures: Figure[] = [];
  for (const measure of measures) {
    const figure = await measure();
    figures.push(figure);
    const { name, value, unit, limit, ratio } = figure;
    if (asJson) process.stdout.write(`${JSON.stringify({ name, value, unit, limit, ratio })}\n`);
  }
  if (!asJson) process.stdout.write(`${tableOf(figures)}\n${machine()}\n`);
  if (figures.some(({ ratio, least }) => !(ratio >= least))) process.exitCode = 1;
}

function tableOf(figures: readonly Figure[]): string {
  const table = new Table({
    head: ['figure', 'value', 'limit', 'ratio', 'at least', ''],
    style: { head: [], border: [] },
  });
  for (const { name, value, unit, limit, ratio, least } of figures)
    table.push([
      name,
      `${short(value)} ${unit}`,
      `${short(limit)} ${unit}`,
      short(ratio),
      short(least),
      ratio >= least ? '' : 'FAILED',
    ]);
  return table.toString();
}

function short(value: number): string {
  return Math.abs(value) >= 1_000 ? value.toFixed(0) : value.toPrecision(3);
}

function machine(): string {
  const all = cpus();
  return `${all.length} x ${all[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.version}`;
}
