import {
  add,
  compare,
  type Decimal,
  decimal,
  decimalFromFloat,
  decimalText,
  divide,
  multiply,
  round,
  ZERO,
} from '../core/decimal.ts';
import { compressionFactor, type GasQuality } from './sgerg88.ts';

/**
 * Base conditions of the Czech market, decree 108/2011 Sb.: 15 °C and 101.325 kPa.
 * V_b = V x (p / p_b) x (T_b / T) / K, with K = Z / Z_b (EN 12405-1).
 */
const BASE_PRESSURE_KPA = decimal(101_325, -3);
const BASE_TEMPERATURE_C = decimal(15);
const KELVIN = decimal(27_315, -2);

export type Compressibility =
  | { readonly method: 'fixed'; readonly ratio: Decimal }
  | { readonly method: 'sgerg-88'; readonly gas: GasQuality };

/** The state of the gas over an interval. Pressure is absolute. */
export interface GasState {
  readonly pressureKPa: Decimal;
  readonly temperatureC: Decimal;
}

/**
 * Base volume of an operating volume, to `decimals`. Throws RangeError where no gas can be: at or below no pressure and absolute
 * zero, whatever the method; and where SGERG-88 does not hold.
 */
export function baseVolume(
  operating: Decimal,
  { pressureKPa, temperatureC }: GasState,
  compressibility: Compressibility,
  decimals: number,
): Decimal {
  if (compare(pressureKPa, ZERO) <= 0) throw new RangeError(`a pressure of ${decimalText(pressureKPa)} kPa`);
  if (compare(add(temperatureC, KELVIN), ZERO) <= 0)
    throw new RangeError(`a temperature of ${decimalText(temperatureC)} °C`);
  const numerator = multiply(multiply(operating, pressureKPa), add(BASE_TEMPERATURE_C, KELVIN));
  const denominator = multiply(
    multiply(BASE_PRESSURE_KPA, add(temperatureC, KELVIN)),
    compressibilityRatio(compressibility, { pressureKPa, temperatureC }),
  );
  return divide(numerator, denominator, decimals);
}

const BAR_PER_KPA = 0.01;

/** K = Z / Z_b. SGERG-88 is a fit of measurements, good to 0.1 %: five decimals of K are more than it knows. */
export function compressibilityRatio(compressibility: Compressibility, state: GasState): Decimal {
  if (compressibility.method === 'fixed') return compressibility.ratio;
  const z = compressionFactor(
    compressibility.gas,
    numberOf(state.pressureKPa) * BAR_PER_KPA,
    numberOf(state.temperatureC),
  );
  const atBase = compressionFactor(compressibility.gas, 1.013_25, 15);
  return round(decimalFromFloat(z / atBase, 64), 5);
}

function numberOf({ coefficient, exponent }: Decimal): number {
  return Number(`${coefficient}e${exponent}`);
}
