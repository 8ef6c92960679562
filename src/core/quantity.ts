import { type Decimal, shift } from './decimal.ts';

/**
 * What a reading can be of: a closed list, so that a device file cannot invent a word.
 * Gas volume at base conditions is counted twice by a corrector, undisturbed and while an alarm lasts
 * (EN 12405); `total` is the meter's own sum of both.
 */
export const QUANTITIES = {
  'volume.base': { dimension: 'volume', what: 'gas volume at base conditions, undisturbed' },
  'volume.base.disturbed': { dimension: 'volume', what: 'gas volume at base conditions while disturbed' },
  'volume.base.total': { dimension: 'volume', what: 'gas volume at base conditions, undisturbed and disturbed' },
  'volume.operating': { dimension: 'volume', what: 'gas volume at operating conditions, undisturbed' },
  'volume.operating.disturbed': { dimension: 'volume', what: 'gas volume at operating conditions while disturbed' },
  'volume.operating.total': {
    dimension: 'volume',
    what: 'gas volume at operating conditions, undisturbed and disturbed',
  },
  'energy.gas': { dimension: 'energy', what: 'energy of gas as the corrector computes it' },
  'flow.base': { dimension: 'flow', what: 'gas flow at base conditions' },
  'flow.operating': { dimension: 'flow', what: 'gas flow at operating conditions' },
  pressure: { dimension: 'pressure', what: 'absolute gas pressure' },
  temperature: { dimension: 'temperature', what: 'gas temperature' },
  'conversion.factor': { dimension: 'ratio', what: 'volume conversion factor C' },
  compressibility: { dimension: 'ratio', what: 'compressibility ratio K' },
  'energy.active.import': { dimension: 'energy', what: 'active energy taken from the network' },
  'energy.active.export': { dimension: 'energy', what: 'active energy delivered to the network' },
  'energy.reactive.import': { dimension: 'reactive energy', what: 'reactive energy taken from the network' },
  'energy.reactive.export': { dimension: 'reactive energy', what: 'reactive energy delivered to the network' },
  'power.active': { dimension: 'power', what: 'active power, import positive' },
  'power.reactive': { dimension: 'reactive power', what: 'reactive power' },
} as const;

export type Quantity = keyof typeof QUANTITIES;

/** Unit -> its dimension and its size as a power of ten of the dimension's market unit (m3, kWh, kW, ...). */
export const UNITS = {
  m3: { dimension: 'volume', power: 0 },
  l: { dimension: 'volume', power: -3 },
  Wh: { dimension: 'energy', power: -3 },
  kWh: { dimension: 'energy', power: 0 },
  MWh: { dimension: 'energy', power: 3 },
  varh: { dimension: 'reactive energy', power: -3 },
  kvarh: { dimension: 'reactive energy', power: 0 },
  W: { dimension: 'power', power: -3 },
  kW: { dimension: 'power', power: 0 },
  MW: { dimension: 'power', power: 3 },
  var: { dimension: 'reactive power', power: -3 },
  kvar: { dimension: 'reactive power', power: 0 },
  'm3/h': { dimension: 'flow', power: 0 },
  bar: { dimension: 'pressure', power: 0 },
  mbar: { dimension: 'pressure', power: -3 },
  kPa: { dimension: 'pressure', power: -2 },
  '°C': { dimension: 'temperature', power: 0 },
  '1': { dimension: 'ratio', power: 0 },
} as const;

export type Unit = keyof typeof UNITS;

export function fits(quantity: Quantity, unit: Unit): boolean {
  return QUANTITIES[quantity].dimension === UNITS[unit].dimension;
}

/** Exact change of unit within a dimension. Throws RangeError between dimensions. */
export function convert(value: Decimal, from: Unit, to: Unit): Decimal {
  if (UNITS[from].dimension !== UNITS[to].dimension) throw new RangeError(`${from} cannot be turned into ${to}`);
  return shift(value, UNITS[from].power - UNITS[to].power);
}
