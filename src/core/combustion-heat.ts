import { compare, type Decimal, decimal } from './decimal.ts';

/** What natural gas and biomethane can have: a value in MJ/m3 or MWh does not pass for kWh/m3. */
const HEAT_MIN = decimal(5);
const HEAT_MAX = decimal(15);

/** Whether a number can be a combustion heat in kWh/m3. */
export function isCombustionHeat(value: Decimal): boolean {
  return compare(value, HEAT_MIN) >= 0 && compare(value, HEAT_MAX) <= 0;
}
