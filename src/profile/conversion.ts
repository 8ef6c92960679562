import {
  add,
  compare,
  type Decimal,
  decimal,
  decimalFromFloat,
  divide,
  multiply,
  round,
  ZERO,
} from '../core/decimal.ts';
import type { Conversion, GasQuality, GasState } from '../core/interval.ts';
import { compressionFactor } from './sgerg88.ts';

/**
 * Base conditions of the Czech market, decree 108/2011 Sb.: 15 °C and 101.325 kPa.
 * V_b = V x (p / p_b) x (T_b / T) / K, with K = Z / Z_b (EN 12405-1).
 */
const BASE: GasState = { pressureKPa: decimal(101_325, -3), temperatureC: decimal(15) };
const KELVIN = decimal(27_315, -2);

export type Compressibility =
  | { readonly method: 'fixed'; readonly ratio: Decimal }
  | { readonly method: 'sgerg-88'; readonly gas: GasQuality };

/** The state of the gas over an interval, and of how many readings each value is the mean; 0: the site file states it. */
export interface SeenState extends GasState {
  readonly pressureReadings: number;
  readonly temperatureReadings: number;
}

/**
 * What converts an operating volume that passed at this state. Without a ratio where no gas can be: at or below no pressure and
 * absolute zero, whatever the method; and where SGERG-88 does not hold.
 */
export function conversionAt(compressibility: Compressibility, state: SeenState): Conversion {
  const { method } = compressibility;
  const ratio = canBe(state) ? ratioAt(compressibility, state) : undefined;
  const gas = method === 'sgerg-88' ? { gas: compressibility.gas } : {};
  return { method, ...state, ...(ratio && { ratio }), ...gas, base: BASE };
}

/** Base volume of an operating volume, to `decimals`; undefined where the conversion has no ratio. */
export function baseVolume(operating: Decimal, conversion: Conversion, decimals: number): Decimal | undefined {
  const { pressureKPa, temperatureC, ratio, base } = conversion;
  if (!ratio) return undefined;
  const numerator = multiply(multiply(operating, pressureKPa), add(base.temperatureC, KELVIN));
  const denominator = multiply(multiply(base.pressureKPa, add(temperatureC, KELVIN)), ratio);
  return divide(numerator, denominator, decimals);
}

function canBe({ pressureKPa, temperatureC }: GasState): boolean {
  return compare(pressureKPa, ZERO) > 0 && compare(add(temperatureC, KELVIN), ZERO) > 0;
}

const BAR_PER_KPA = 0.01;

/** K = Z / Z_b. SGERG-88 is a fit of measurements, good to 0.1 %: five decimals of K are more than it knows. */
function ratioAt(compressibility: Compressibility, state: GasState): Decimal | undefined {
  if (compressibility.method === 'fixed') return compressibility.ratio;
  try {
    const z = factorAt(compressibility.gas, state);
    return round(decimalFromFloat(z / factorAt(compressibility.gas, BASE), 64), 5);
  } catch (error) {
    // Outside the method's range nothing is known; anything else is a fault of ours.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function factorAt(gas: GasQuality, { pressureKPa, temperatureC }: GasState): number {
  return compressionFactor(gas, numberOf(pressureKPa) * BAR_PER_KPA, numberOf(temperatureC));
}

function numberOf({ coefficient, exponent }: Decimal): number {
  return Number(`${coefficient}e${exponent}`);
}
