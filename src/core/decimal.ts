/**
 * Exact decimals: coefficient x 10^exponent. No value that is billed passes through a binary float.
 * The exponent is kept, not normalised: an index read with three decimals stays one with three decimals.
 */
export interface Decimal {
  readonly coefficient: bigint;
  readonly exponent: number;
}

const PATTERN = /^([+-]?)(\d+)(?:\.(\d+))?$/;

export const ZERO: Decimal = { coefficient: 0n, exponent: 0 };

/** @param exponent 0 for whole numbers, -3 for thousandths. */
export function decimal(coefficient: bigint | number, exponent = 0): Decimal {
  return { coefficient: BigInt(coefficient), exponent };
}

/** Reads `-12.340` exactly (coefficient -12340, exponent -3). Throws RangeError on anything but plain decimal text. */
export function parseDecimal(text: string): Decimal {
  const match = PATTERN.exec(text);
  if (!match) throw new RangeError(`not a decimal number: "${text}"`);
  const fraction = match[3] ?? '';
  const digits = BigInt(`${match[2]}${fraction}`);
  return { coefficient: match[1] === '-' ? -digits : digits, exponent: 0 - fraction.length };
}

/**
 * The shortest decimal text that reads back as the same binary float: what a meter that sends IEEE 754 meant.
 * @param width 32 uses single precision, so 0.1f gives 0.1 and not 0.10000000149. Throws RangeError on NaN and infinity.
 */
export function decimalFromFloat(value: number, width: 32 | 64): Decimal {
  if (!Number.isFinite(value)) throw new RangeError(`not a finite number: ${value}`);
  return parseScientific(width === 64 ? String(value) : shortestSingle(value));
}

/** Below it single precision loses digits. */
const SINGLE_NORMAL_MIN = 2 ** -126;

/**
 * Single precision tells every two decimals of six digits apart, so where six digits are enough, the shortest text is theirs
 * without the zeros at the end; beyond six the shortest is the first that reads back.
 */
function shortestSingle(value: number): string {
  if (value === 0) return '0';
  const enough = Math.abs(value) < SINGLE_NORMAL_MIN ? 1 : 6;
  for (let digits = enough; digits < 9; digits++) {
    const text = value.toExponential(digits - 1);
    if (Math.fround(Number(text)) === value) return text.replace(/\.?0+e/, 'e');
  }
  return value.toExponential(8);
}

function parseScientific(text: string): Decimal {
  const [mantissa = '', power] = text.split('e');
  const plain = parseDecimal(mantissa);
  return power === undefined ? plain : { coefficient: plain.coefficient, exponent: plain.exponent + Number(power) };
}

/** Plain text, never scientific; keeps trailing zeros that the exponent says are known. */
export function decimalText({ coefficient, exponent }: Decimal): string {
  if (exponent >= 0) return (coefficient * pow10(exponent)).toString();
  const negative = coefficient < 0n;
  const digits = (negative ? -coefficient : coefficient).toString().padStart(1 - exponent, '0');
  const point = digits.length + exponent;
  return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

export function add(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent);
  return { coefficient: at(a, exponent) + at(b, exponent), exponent };
}

export function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, { coefficient: -b.coefficient, exponent: b.exponent });
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  return { coefficient: a.coefficient * b.coefficient, exponent: a.exponent + b.exponent };
}

/** -1, 0 or 1 by value; 1.0 equals 1.00. */
export function compare(a: Decimal, b: Decimal): -1 | 0 | 1 {
  const exponent = Math.min(a.exponent, b.exponent);
  const [x, y] = [at(a, exponent), at(b, exponent)];
  return x < y ? -1 : x > y ? 1 : 0;
}

export function equal(a: Decimal, b: Decimal): boolean {
  return compare(a, b) === 0;
}

export function isNegative(a: Decimal): boolean {
  return a.coefficient < 0n;
}

/** Same value x 10^places, exactly: Wh to kWh is shift(value, -3). */
export function shift(a: Decimal, places: number): Decimal {
  return { coefficient: a.coefficient, exponent: a.exponent + places };
}

export type Rounding = 'half-up' | 'floor';

/**
 * To exactly `decimals` digits after the point. `half-up` rounds halves away from zero (commercial rounding),
 * `floor` towards minus infinity (an index shows what has been passed, never what is to come).
 */
export function round(a: Decimal, decimals: number, mode: Rounding = 'half-up'): Decimal {
  const exponent = 0 - decimals;
  if (a.exponent >= exponent) return { coefficient: at(a, exponent), exponent };
  return { coefficient: divideInteger(a.coefficient, pow10(exponent - a.exponent), mode), exponent };
}

/** a / b to `decimals` digits after the point. Throws RangeError when b is zero. */
export function divide(a: Decimal, b: Decimal, decimals: number, mode: Rounding = 'half-up'): Decimal {
  if (b.coefficient === 0n) throw new RangeError('division by zero');
  const places = decimals + a.exponent - b.exponent;
  const numerator = places >= 0 ? a.coefficient * pow10(places) : a.coefficient;
  const denominator = places >= 0 ? b.coefficient : b.coefficient * pow10(-places);
  return { coefficient: divideInteger(numerator, denominator, mode), exponent: 0 - decimals };
}

function divideInteger(numerator: bigint, denominator: bigint, mode: Rounding): bigint {
  const [n, d] = denominator < 0n ? [-numerator, -denominator] : [numerator, denominator];
  const quotient = n / d;
  const remainder = n % d;
  if (remainder === 0n) return quotient;
  if (mode === 'floor') return n < 0n ? quotient - 1n : quotient;
  const magnitude = remainder < 0n ? -remainder : remainder;
  if (magnitude * 2n < d) return quotient;
  return n < 0n ? quotient - 1n : quotient + 1n;
}

/** The coefficient of `a` written at a finer (or equal) exponent. */
function at(a: Decimal, exponent: number): bigint {
  return a.exponent === exponent ? a.coefficient : a.coefficient * pow10(a.exponent - exponent);
}

const POWERS: bigint[] = Array.from({ length: 40 }, (_, n) => 10n ** BigInt(n));

function pow10(n: number): bigint {
  return POWERS[n] ?? 10n ** BigInt(n);
}
