import type { GasQuality } from '../core/interval.ts';

/**
 * SGERG-88: the compression factor of natural gas from superior calorific value, relative density, carbon dioxide and hydrogen
 * (ISO 12213-3). The gas is taken as five parts: 1 an equivalent hydrocarbon, 2 nitrogen, 3 carbon dioxide, 4 hydrogen,
 * 5 carbon monoxide. Held against the check values of ISO 12213-3 in the test.
 */

/** a + bT + cT2, T in kelvin. */
type Quadratic = readonly [number, number, number];

// Second virial coefficients, m3/kmol; those of the hydrocarbon depend on its molar heat H as well.
const B_CH: readonly [Quadratic, Quadratic, Quadratic] = [
  [-0.425468, 0.2865e-2, -0.462073e-5],
  [0.877118e-3, -0.556281e-5, 0.88151e-8],
  [-0.824747e-6, 0.431436e-8, -0.608319e-11],
];
const B_N2: Quadratic = [-0.1446, 0.74091e-3, -0.91195e-6];
const B_N2_CO2: Quadratic = [-0.339693, 0.161176e-2, -0.204429e-5];
const B_CO2: Quadratic = [-0.86834, 0.40376e-2, -0.51657e-5];
const B_CH_H2: Quadratic = [-0.052128, 0.27157e-3, -0.25e-6];
const B_CH_CO: Quadratic = [-0.068729, -0.239381e-5, 0.518195e-6];
const B_H2: Quadratic = [-0.110596e-2, 0.813385e-4, -0.98722e-7];
const B_CO: Quadratic = [-0.13082, 0.60254e-3, -0.6443e-6];
const B_N2_H2 = 0.012;

// Third virial coefficients, m6/kmol2.
const C_CH: readonly [Quadratic, Quadratic, Quadratic] = [
  [-0.302488, 0.195861e-2, -0.316302e-5],
  [0.646422e-3, -0.422876e-5, 0.688157e-8],
  [-0.332805e-6, 0.22316e-8, -0.367713e-11],
];
const C_N2: Quadratic = [0.78498e-2, -0.39895e-4, 0.61187e-7];
const C_N2_N2_CO2: Quadratic = [0.552066e-2, -0.168609e-4, 0.157169e-7];
const C_N2_CO2_CO2: Quadratic = [0.358783e-2, 0.806674e-5, -0.325798e-7];
const C_CO2: Quadratic = [0.20513e-2, 0.34888e-4, -0.83703e-7];
const C_H2: Quadratic = [0.104711e-2, -0.364887e-5, 0.467095e-8];
const C_CH_CH_CO: Quadratic = [0.736748e-2, -0.276578e-4, 0.343051e-7];

/** m3 bar / (kmol K) */
const GAS_CONSTANT = 0.083_145_1;
const ZERO_C = 273.15;
/** m3/kmol of an ideal gas at 0 °C and 101.325 kPa. */
const IDEAL_MOLAR_VOLUME = 22.414_097;
/** kg/m3 of air at 0 °C and 101.325 kPa. */
const AIR_DENSITY = 1.292_923;
/** kg/kmol */
const MOLAR_MASS = { n2: 28.0135, co2: 44.01, h2: 2.0159, co: 28.01 };
/** MJ/kmol at 25 °C */
const MOLAR_HEAT = { h2: 285.83, co: 282.98 };
/** Carbon monoxide comes with hydrogen, from coke-oven gas. */
const CO_PER_H2 = 0.0964;

/** Beyond so many steps the input contradicts itself. */
const STEPS_MAX = 30;

interface Mixture {
  readonly ch: number;
  readonly n2: number;
  readonly co2: number;
  readonly h2: number;
  readonly co: number;
  /** MJ/kmol of the equivalent hydrocarbon. */
  readonly heat: number;
}

/** A point's gas is the same in every interval, whatever its pressure and temperature. */
const mixtures = new WeakMap<GasQuality, Mixture>();

/**
 * Z at absolute pressure (0 to 120 bar) and temperature (-23 to 65 °C).
 * Throws RangeError where the method does not hold or the gas quality contradicts itself.
 */
export function compressionFactor(gas: GasQuality, pressureBar: number, temperatureC: number): number {
  if (!(pressureBar >= 0 && pressureBar <= 120) || !(temperatureC >= -23 && temperatureC <= 65))
    throw new RangeError(`SGERG-88 does not hold at ${pressureBar} bar and ${temperatureC} °C`);
  const mixture = mixtures.get(gas) ?? mixtureOf(gas);
  mixtures.set(gas, mixture);
  const kelvin = temperatureC + ZERO_C;
  const second = secondVirial(mixture, kelvin);
  const third = thirdVirial(mixture, kelvin);
  if (pressureBar === 0) return 1;
  const ideal = (GAS_CONSTANT * kelvin) / pressureBar;
  let volume = ideal + second;
  for (let step = 0; step < STEPS_MAX; step++) {
    const z = 1 + second / volume + third / volume ** 2;
    volume = ideal * z;
    const again = 1 + second / volume + third / volume ** 2;
    if (Math.abs(again - z) < 1e-9) return again;
  }
  throw new RangeError('SGERG-88 found no molar volume');
}

/** The five parts whose heat and density are those that were given. */
function mixtureOf(gas: GasQuality): Mixture {
  let second = -0.065;
  for (let step = 0; step < STEPS_MAX; step++) {
    const molarVolume = IDEAL_MOLAR_VOLUME + second;
    const mixture = mixtureAt(gas, molarVolume);
    second = secondVirial(mixture, ZERO_C);
    if (Math.abs(second + IDEAL_MOLAR_VOLUME - molarVolume) < 1e-8) return plausible(mixture);
  }
  throw contradiction();
}

/** Finds the hydrocarbon's heat at which the mixture has the density wanted, by secants. */
function mixtureAt(gas: GasQuality, molarVolume: number): Mixture {
  const co = gas.hydrogen * CO_PER_H2;
  const molarHeat = gas.superiorHeatMJ * molarVolume - gas.hydrogen * MOLAR_HEAT.h2 - co * MOLAR_HEAT.co;
  const at = (heat: number): Mixture => {
    const ch = molarHeat / heat;
    return {
      ch,
      n2: 1 - ch - gas.carbonDioxide - gas.hydrogen - co,
      co2: gas.carbonDioxide,
      h2: gas.hydrogen,
      co,
      heat,
    };
  };
  const wanted = gas.relativeDensity * AIR_DENSITY * molarVolume;
  const miss = (heat: number) => wanted - molarMass(at(heat));
  let heat = 1000;
  for (let step = 0; step < STEPS_MAX; step++) {
    const error = miss(heat);
    if (Math.abs(error) < 1e-7) return at(heat);
    heat += error / (error - miss(heat + 1));
  }
  throw contradiction();
}

function molarMass({ ch, n2, co2, h2, co, heat }: Mixture): number {
  const hydrocarbon = -2.709328 + 0.021062199 * heat;
  return ch * hydrocarbon + n2 * MOLAR_MASS.n2 + co2 * MOLAR_MASS.co2 + h2 * MOLAR_MASS.h2 + co * MOLAR_MASS.co;
}

function plausible(mixture: Mixture): Mixture {
  const isSound = mixture.n2 >= -0.01 && mixture.n2 <= 0.5 && mixture.n2 + mixture.co2 <= 0.5;
  if (!isSound) throw contradiction();
  return mixture;
}

function contradiction(): RangeError {
  return new RangeError('the calorific value, density and composition given to SGERG-88 contradict each other');
}

function secondVirial({ ch, n2, co2, h2, co, heat }: Mixture, kelvin: number): number {
  const [bCh, bN2, bCo2] = [hydrocarbon(B_CH, heat, kelvin), at(B_N2, kelvin), at(B_CO2, kelvin)];
  const withN2 = 0.72 + 1.875e-5 * (320 - kelvin) ** 2;
  return (
    ch ** 2 * bCh +
    ch * n2 * withN2 * (bCh + bN2) -
    1.73 * ch * co2 * Math.sqrt(bCh * bCo2) +
    n2 ** 2 * bN2 +
    2 * n2 * co2 * at(B_N2_CO2, kelvin) +
    co2 ** 2 * bCo2 +
    h2 ** 2 * at(B_H2, kelvin) +
    2 * ch * h2 * at(B_CH_H2, kelvin) +
    2 * n2 * h2 * B_N2_H2 +
    2 * ch * co * at(B_CH_CO, kelvin) +
    co ** 2 * at(B_CO, kelvin)
  );
}

function thirdVirial({ ch, n2, co2, h2, co, heat }: Mixture, kelvin: number): number {
  const c = { ch: hydrocarbon(C_CH, heat, kelvin), n2: at(C_N2, kelvin), co2: at(C_CO2, kelvin), h2: at(C_H2, kelvin) };
  const withN2 = 0.92 + 0.0013 * (kelvin - 270);
  return (
    ch ** 3 * c.ch +
    3 * ch ** 2 * n2 * withN2 * Math.cbrt(c.ch ** 2 * c.n2) +
    3 * ch ** 2 * co2 * 0.92 * Math.cbrt(c.ch ** 2 * c.co2) +
    3 * ch ** 2 * h2 * 1.2 * Math.cbrt(c.ch ** 2 * c.h2) +
    3 * ch * n2 ** 2 * withN2 * Math.cbrt(c.ch * c.n2 ** 2) +
    6 * ch * n2 * co2 * 1.1 * Math.cbrt(c.ch * c.n2 * c.co2) +
    3 * ch * co2 ** 2 * 0.92 * Math.cbrt(c.ch * c.co2 ** 2) +
    n2 ** 3 * c.n2 +
    3 * n2 ** 2 * co2 * at(C_N2_N2_CO2, kelvin) +
    3 * n2 * co2 ** 2 * at(C_N2_CO2_CO2, kelvin) +
    co2 ** 3 * c.co2 +
    h2 ** 3 * c.h2 +
    3 * ch ** 2 * co * at(C_CH_CH_CO, kelvin)
  );
}

function hydrocarbon(terms: readonly [Quadratic, Quadratic, Quadratic], heat: number, kelvin: number): number {
  return at(terms[0], kelvin) + at(terms[1], kelvin) * heat + at(terms[2], kelvin) * heat ** 2;
}

function at([constant, linear, square]: Quadratic, kelvin: number): number {
  return constant + linear * kelvin + square * kelvin ** 2;
}
