import { compare, type Decimal, decimal, decimalText, divide, multiply, round, ZERO } from '../core/decimal.ts';

export interface ChartBar {
  /** Absent where nothing is known. */
  readonly value?: Decimal;
  /** No meter said so: drawn lighter. */
  readonly soft: boolean;
}

const HEIGHT = 8;
const EIGHTHS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/** Hours are drawn wider than quarters. */
const BAR_WIDTH_MAX = 4;
const SOFT = '░';
const HOLE = '×';

/**
 * Bars from left to right under their highest value; `×` where nothing is known, `░` where no meter said it. What does not fit
 * goes on below, on the same scale.
 * @param columns of the terminal
 */
export function barChart(bars: readonly ChartBar[], columns: number): string {
  const highest = bars.reduce((most, { value }) => (value && compare(value, most) > 0 ? value : most), ZERO);
  const label = decimalText(round(highest, 3));
  const room = Math.max(1, columns - label.length - AXIS.length);
  const pieces = Math.max(1, Math.ceil(bars.length / room));
  const length = Math.ceil(bars.length / pieces);
  const width = Math.max(1, Math.min(BAR_WIDTH_MAX, Math.floor(room / Math.max(1, length))));
  return Array.from({ length: pieces }, (_, n) =>
    pieceOf(bars.slice(n * length, (n + 1) * length), highest, label, width),
  ).join('\n\n');
}

const AXIS = ' ┤';

function pieceOf(bars: readonly ChartBar[], highest: Decimal, label: string, width: number): string {
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
  return rows
    .map((row, n) => `${(n === 0 ? label : n === HEIGHT - 1 ? '0' : '').padStart(label.length)}${AXIS}${row}`.trimEnd())
    .join('\n');
}

function heightOf(value: Decimal, highest: Decimal): number {
  if (compare(highest, ZERO) <= 0) return 0;
  return Number(divide(multiply(value, decimal(HEIGHT * 8)), highest, 0).coefficient);
}
