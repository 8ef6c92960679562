import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eicCheckCharacter, gs1CheckDigit, isEan13, isEan18, isEic } from './identifier.ts';

/** Codes that the market publishes itself. */
const PUBLISHED_EIC = [
  '27XGOTE-CZ-GAS-R',
  '27ZG200Z1100012P',
  '27ZG700-805Q001B',
  '27ZG700Z3003000M',
  '27XG-CENTROPOL-P',
  '27XCEZ-INTRA---M',
  '24X-OT-SK------V',
  '10XSK-SEPS-GRIDB',
  '10XCZ-CEPS-GRIDE',
  '10YCZ-CEPS-----N',
  '10X1001A1001A46Z',
];

describe('EIC', () => {
  test.each(PUBLISHED_EIC)('%s is one', (code) => {
    expect(isEic(code)).toBe(true);
  });

  test('no single mistyped character passes', () => {
    const characters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-';
    fc.assert(
      fc.property(
        fc.constantFrom(...PUBLISHED_EIC),
        fc.nat(15),
        fc.constantFrom(...characters.split('')),
        (code, position, character) => {
          fc.pre(code[position] !== character);
          expect(isEic(code.slice(0, position) + character + code.slice(position + 1))).toBe(false);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('neighbours swapped do not pass', () => {
    fc.assert(
      fc.property(fc.constantFrom(...PUBLISHED_EIC), fc.nat(14), (code, n) => {
        fc.pre(code[n] !== code[n + 1]);
        expect(isEic(code.slice(0, n) + code[n + 1] + code[n] + code.slice(n + 2))).toBe(false);
      }),
    );
  });

  test('"-" is never a check character, and other characters give none', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9A-Z-]{15}$/), (payload) => {
        expect(eicCheckCharacter(payload)).not.toBe('-');
        expect(isEic(`${payload}-`)).toBe(false);
      }),
    );
    expect(eicCheckCharacter('27xgote-cz-gas-')).toBeUndefined();
    expect(eicCheckCharacter('27XGOTE-CZ-GAS')).toBeUndefined();
    expect(isEic('')).toBe(false);
  });
});

describe('EAN', () => {
  test('the operator itself is one of 13 digits', () => {
    expect(isEan13('8591824000007')).toBe(true);
    expect(isEan13('8591824000008')).toBe(false);
    expect(isEan18('8591824000007')).toBe(false);
  });

  test('any payload with its check digit passes, and no single mistyped digit', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{17}$/), fc.nat(17), fc.nat(9), (payload, position, digit) => {
        const code = payload + gs1CheckDigit(payload)!;
        expect(isEan18(code)).toBe(true);
        fc.pre(code[position] !== String(digit));
        expect(isEan18(code.slice(0, position) + digit + code.slice(position + 1))).toBe(false);
      }),
    );
  });

  test.each(['', '85918240000O7', '859182400000', ' 8591824000007'])('%j is none', (code) => {
    expect(isEan13(code)).toBe(false);
  });
});
