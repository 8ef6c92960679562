import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { add, compare, decimal, decimalText, parseDecimal, subtract, ZERO } from '../core/decimal.ts';
import { MINUTE_MS } from '../core/time.ts';
import { type BoundaryRule, findBoundary } from './boundary.ts';
import { reading, START } from './profile.testkit.ts';

const RULE: BoundaryRule = { gapMsMax: 30 * MINUTE_MS, decimals: 3 };
const at = (minutes: number) => START + minutes * MINUTE_MS;
const index = (found: ReturnType<typeof findBoundary>) => found && decimalText(found.index);

describe('a boundary', () => {
  it('is what the meter froze, whatever the samples say', () => {
    const stored = reading(START, '100.5');
    const found = findBoundary(START, { stored, before: reading(at(-1), '90'), after: reading(at(1), '200') }, RULE);
    expect(found).toMatchObject({ at: START, source: 'stored', readings: [START] });
    expect(index(found)).toBe('100.5');
  });

  it('is interpolated between samples and rounded down', () => {
    const found = findBoundary(
      START,
      { before: reading(at(-2), '100', 'sampled'), after: reading(at(1), '100.01', 'sampled') },
      RULE,
    );
    // 100 + 0.01 x 2/3
    expect(index(found)).toBe('100.006');
    expect(found).toMatchObject({ source: 'interpolated', readings: [at(-2), at(1)] });
  });

  it('needs no second sample where one stands exactly on it', () => {
    const sample = reading(START, '12.25', 'sampled');
    expect(findBoundary(START, { before: sample, after: sample }, RULE)).toMatchObject({ readings: [START] });
  });

  it.each([
    [30, '100.015'],
    [31, undefined],
  ])('is interpolated over a gap of %d minutes: %s', (gap, expected) => {
    const near = { before: reading(at(-15), '100', 'sampled'), after: reading(at(gap - 15), `100.0${gap}`, 'sampled') };
    expect(index(findBoundary(START, near, RULE))).toBe(expected);
  });

  it.each([
    ['before', { after: reading(at(1), '1', 'sampled') }],
    ['after', { before: reading(at(-1), '1', 'sampled') }],
  ])('is not known without a reading %s', (_, near) => {
    expect(findBoundary(START, near, RULE)).toBeUndefined();
  });

  it('does not rest on a stamp from a clock that is off, and says that it passed one over', () => {
    const stored = reading(START, '100.5', 'stored', ['clock-invalid']);
    expect(findBoundary(START, { stored }, RULE)).toBeUndefined();
    const near = { before: reading(at(-1), '100', 'sampled'), after: reading(at(1), '102', 'sampled') };
    const found = findBoundary(START, { stored, ...near }, RULE);
    expect(index(found)).toBe('101.000');
    expect(found?.flags).toContain('clock-invalid');
    expect(findBoundary(START, { before: stored, after: near.after }, RULE)).toBeUndefined();
  });

  it('is not known across a step of our own clock, but is before and after it', () => {
    const stepped = reading(at(1), '102', 'sampled', ['wall-stepped']);
    expect(findBoundary(START, { before: reading(at(-1), '100', 'sampled'), after: stepped }, RULE)).toBeUndefined();
    const later = { before: stepped, after: reading(at(3), '104', 'sampled') };
    expect(index(findBoundary(at(2), later, RULE))).toBe('103.000');
    expect(index(findBoundary(at(1), { before: stepped, after: stepped }, RULE))).toBe('102.000');
    const frozen = { stored: reading(START, '101'), before: reading(at(-1), '100', 'sampled'), after: stepped };
    expect(index(findBoundary(START, frozen, RULE))).toBe('101');
  });

  it('carries what the meter said of both samples', () => {
    const near = {
      before: reading(at(-1), '1', 'sampled', ['alarm']),
      after: reading(at(1), '2', 'sampled', ['disturbed']),
    };
    expect(findBoundary(START, near, RULE)?.flags).toEqual(['alarm', 'disturbed']);
  });

  it('passes the last digit with the counter', () => {
    const rule = { ...RULE, rollover: decimal(1000) };
    const near = (before: string, after: string) => ({
      before: reading(at(-1), before, 'sampled'),
      after: reading(at(1), after, 'sampled'),
    });
    expect(index(findBoundary(START, near('999.000', '3.000'), rule))).toBe('1.000');
    expect(index(findBoundary(START, near('997.000', '1.000'), rule))).toBe('999.000');
    expect(findBoundary(START, near('500', '3'), rule)).toBeUndefined();
  });

  it('is not known across a reset', () => {
    const near = { before: reading(at(-1), '500', 'sampled'), after: reading(at(1), '3', 'sampled') };
    expect(findBoundary(START, near, RULE)).toBeUndefined();
  });

  it('lies between the samples, grows with time, and its differences telescope exactly', () => {
    const share = fc.integer({ min: 0, max: 10_000_000 });
    fc.assert(
      fc.property(
        share,
        share,
        fc.integer({ min: -6, max: 0 }),
        fc.uniqueArray(fc.integer({ min: 1, max: 1799 }), { minLength: 1, maxLength: 20 }),
        (from, grown, exponent, seconds) => {
          const before = reading(START, decimal(from, exponent), 'sampled');
          const after = reading(START + 1_800_000, decimal(from + grown, exponent), 'sampled');
          const states = seconds
            .sort((a, b) => a - b)
            .map((s) => findBoundary(START + s * 1000, { before, after }, RULE)!.index);
          const all = [before.value, ...states, after.value];
          const steps = all.slice(1).map((state, n) => subtract(state, all[n]!));
          for (const step of steps) expect(compare(step, ZERO)).toBeGreaterThanOrEqual(0);
          expect(compare(steps.reduce(add, ZERO), decimal(grown, exponent))).toBe(0);
        },
      ),
    );
  });

  it('keeps the decimals of the finer reading', () => {
    const near = { before: reading(at(-1), '1.00000', 'sampled'), after: reading(at(1), '2', 'sampled') };
    expect(findBoundary(START, near, RULE)?.index).toEqual(parseDecimal('1.50000'));
  });
});
