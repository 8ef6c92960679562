import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decimalText, equal, parseDecimal } from './decimal.ts';
import { convert, fits, QUANTITIES, type Quantity, UNITS, type Unit } from './quantity.ts';

const units = Object.keys(UNITS) as Unit[];
const quantities = Object.keys(QUANTITIES) as Quantity[];

describe('units', () => {
  test.each([
    ['1234567', 'Wh', 'kWh', '1234.567'],
    ['1.5', 'MWh', 'kWh', '1500'],
    ['12.5', 'l', 'm3', '0.0125'],
    ['101.325', 'kPa', 'bar', '1.01325'],
    ['1013.25', 'mbar', 'bar', '1.01325'],
    ['-3', 'W', 'kW', '-0.003'],
    ['7', 'kvarh', 'varh', '7000'],
  ] as const)('%s %s are %s', (value, from, to, expected) => {
    expect(decimalText(convert(parseDecimal(value), from, to))).toBe(expected);
  });

  test('there and back is the same value; between dimensions there is no way', () => {
    fc.assert(
      fc.property(fc.constantFrom(...units), fc.constantFrom(...units), fc.bigInt(), (from, to, coefficient) => {
        const value = { coefficient, exponent: -3 };
        if (UNITS[from].dimension === UNITS[to].dimension)
          expect(equal(convert(convert(value, from, to), to, from), value)).toBe(true);
        else expect(() => convert(value, from, to)).toThrow(RangeError);
      }),
    );
  });

  test('every quantity has a unit, and only units of its dimension fit', () => {
    for (const quantity of quantities) {
      const fitting = units.filter((unit) => fits(quantity, unit));
      expect(fitting).not.toEqual([]);
      for (const unit of fitting) expect(UNITS[unit].dimension).toBe(QUANTITIES[quantity].dimension);
    }
    expect(fits('volume.base', 'kWh')).toBe(false);
    expect(fits('energy.reactive.import', 'kWh')).toBe(false);
  });
});
