import { describe, expect, it } from 'vitest';
import type { GasQuality } from '../core/interval.ts';
import { compressionFactor } from './sgerg88.ts';

/** Check values of ISO 12213-3, gases 1 to 6: Z at 60 and 120 bar. */
const TEMPERATURES = [-3.15, 6.85, 16.85, 36.85, 56.85];
const gas = (superiorHeatMJ: number, relativeDensity: number, carbonDioxide: number, hydrogen = 0): GasQuality => ({
  superiorHeatMJ,
  relativeDensity,
  carbonDioxide,
  hydrogen,
});
const CHECKS: readonly [string, GasQuality, bar: number, z: readonly number[]][] = [
  ['gas 1', gas(40.66, 0.581, 0.006), 60, [0.84084, 0.86202, 0.88007, 0.90881, 0.92996]],
  ['gas 1', gas(40.66, 0.581, 0.006), 120, [0.72146, 0.75969, 0.79257, 0.84492, 0.88322]],
  ['gas 2', gas(40.62, 0.609, 0.005), 60, [0.83397, 0.85615, 0.875, 0.90491, 0.9269]],
  ['gas 2', gas(40.62, 0.609, 0.005), 120, [0.7114, 0.75079, 0.78472, 0.83877, 0.87832]],
  ['gas 3', gas(43.53, 0.65, 0.015), 60, [0.79415, 0.8221, 0.84553, 0.88223, 0.90893]],
  ['gas 3', gas(43.53, 0.65, 0.015), 120, [0.64322, 0.69062, 0.73196, 0.79778, 0.84554]],
  ['gas 4', gas(34.16, 0.599, 0.016, 0.095), 60, [0.88569, 0.9015, 0.91507, 0.93684, 0.95302]],
  ['gas 4', gas(34.16, 0.599, 0.016, 0.095), 120, [0.80843, 0.83613, 0.85999, 0.89827, 0.92662]],
  ['gas 5', gas(36.64, 0.686, 0.076), 60, [0.82664, 0.85017, 0.87003, 0.90124, 0.92394]],
  ['gas 5', gas(36.64, 0.686, 0.076), 120, [0.69557, 0.73828, 0.77463, 0.83166, 0.87269]],
  ['gas 6', gas(36.58, 0.644, 0.011), 60, [0.85406, 0.87388, 0.89071, 0.91736, 0.9369]],
  ['gas 6', gas(36.58, 0.644, 0.011), 120, [0.74939, 0.78473, 0.8149, 0.86266, 0.89749]],
];

describe('SGERG-88', () => {
  it.each(CHECKS)('%s gives the check values of ISO 12213-3 (%o, %d bar)', (_, quality, bar, expected) => {
    const found = TEMPERATURES.map((temperature) => compressionFactor(quality, bar, temperature));
    for (const [n, z] of expected.entries()) expect(Math.abs(found[n]! - z)).toBeLessThan(1e-5);
  });

  it('comes to an ideal gas where there is no pressure', () => {
    expect(compressionFactor(gas(40.66, 0.581, 0.006), 0, 10)).toBe(1);
    expect(compressionFactor(gas(40.66, 0.581, 0.006), 0.001, 10)).toBeCloseTo(1, 5);
  });

  it.each([
    [-1, 10],
    [121, 10],
    [60, -24],
    [60, 66],
    [Number.NaN, 10],
  ])('refuses %d bar and %d °C', (bar, temperature) => {
    expect(() => compressionFactor(gas(40.66, 0.581, 0.006), bar, temperature)).toThrow(RangeError);
  });

  it('refuses a gas whose numbers contradict each other', () => {
    expect(() => compressionFactor(gas(48, 0.55, 0.3), 10, 10)).toThrow(RangeError);
  });
});
