import { decimal } from '../../core/decimal.ts';
import { HOUR_MS, type Millis, type Span, type UtcMs } from '../../core/time.ts';
import type { PointConfig } from '../../device/site.ts';
import type { Shown } from '../../sim/meter/registers.ts';

/**
 * A corrector that gives its operating volume only: gas 1 of ISO 12213-3 at 60 bar, now colder, now warmer. The compression
 * factors are the check values that the standard prints, not what the gateway computes.
 */
const STATES = [
  { celsius: -3.15, compression: 0.84084 },
  { celsius: 6.85, compression: 0.86202 },
] as const;
const BAR = 60;
const LASTS_MS: Millis = 5.5 * HOUR_MS;
/** Of the same gas at 15 °C and 101.325 kPa; the standard's table does not print it, this is by its method. */
const BASE = { celsius: 15, bar: 1.01325, compression: 0.99785 };
const KELVIN = 273.15;
/** The factors have five digits. */
const TRUST = 3e-5;
const NEAR_MS: Millis = 10_000;

export const OPERATING_POINT: Pick<PointConfig, 'volume' | 'conversion'> = {
  volume: 'operating',
  conversion: {
    method: 'sgerg-88',
    gas: { superiorHeatMJ: 40.66, relativeDensity: 0.581, carbonDioxide: 0.006, hydrogen: 0 },
  },
};

/** No state of the gas makes more than this of an operating volume. */
export const OPERATING_FACTOR_MOST = 80;

export function shownState(trueAt: UtcMs): Shown {
  return (quantity) => {
    if (quantity === 'pressure') return { value: decimal(BAR), unit: 'bar' };
    if (quantity === 'temperature')
      return { value: decimal(Math.round(stateAt(trueAt).celsius * 100), -2), unit: '°C' };
    return undefined;
  };
}

/** The least and the most that a cubic metre of these hours can be at base conditions. */
export function factorsOver({ start, end }: Span): readonly [least: number, most: number] {
  // An hour is shorter than a state lasts.
  const factors = [start - NEAR_MS, end + NEAR_MS].map((at) => factorOf(stateAt(at)));
  return [Math.min(...factors) * (1 - TRUST), Math.max(...factors) * (1 + TRUST)];
}

function stateAt(at: UtcMs): (typeof STATES)[number] {
  return STATES[Math.floor(at / LASTS_MS) % STATES.length]!;
}

function factorOf({ celsius, compression }: (typeof STATES)[number]): number {
  const pressure = BAR / BASE.bar;
  const temperature = (BASE.celsius + KELVIN) / (celsius + KELVIN);
  return pressure * temperature * (BASE.compression / compression);
}
