import { compare, type Decimal, decimal, decimalText, divide, multiply, round, ZERO } from '../core/decimal.ts';

export interface ChartBar {
  /** Absent where nothing is known. */
  readonly value?: Decimal;
  /** No meter said so: drawn lighter. */
  readonly soft: boolean;
}

const HEIGHT = 8;
const EIGHTHS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/** A day of quarters is as wide as a terminal; hours are drawn wider. */
const WIDTH_MOST = 100;
const SOFT = '░';
const HOLE = '×';

/** Bars from left to right under their highest value; `×` where nothing is known, `░` where no meter said it. */
export function barChart(bars: readonly ChartBar[]): string {
  const highest = bars.reduce((most, { value }) => (value && compare(value, most) > 0 ? value : most), ZERO);
  const width = Math.max(1, Math.min(4, Math.floor(WIDTH_MOST / Math.max(1, bars.length))));
  const eighths = bars.map(({ value }) => (value ? heightOf(value, highest) : 0));
  const rows = Array.from({ length: HEIGHT }, (_, n) => {
    const floor = (HEIGHT - 1 - n) * 8;
    return bars
      .map(({ value, soft }, k) => {
        if (!value) return (floor === 0 ? HOLE : ' ').repeat(width);
        const part = Math.max(0, Math.min(8, eighths[k]! - floor));
        return (soft && part > 0 ? SOFT : EIGHTHS[part]!).repeat(width);
      })
      .join('');
  });
  const label = decimalText(round(highest, 3));
  const margin = label.length;
  return rows
    .map((row, n) => `${(n === 0 ? label : n === HEIGHT - 1 ? '0' : '').padStart(margin)} ┤${row}`.trimEnd())
    .join('\n');
}

function heightOf(value: Decimal, highest: Decimal): number {
  if (compare(highest, ZERO) <= 0) return 0;
  return Number(divide(multiply(value, decimal(HEIGHT * 8)), highest, 0).coefficient);
}
