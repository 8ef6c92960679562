import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isoUtc, parseUtc } from '../../src/core/time.ts';
import { encodeTime, fromHex, wordBytes } from './meter.testkit.ts';
import { type ClockSetting, decodeTime, type ModbusTime, meaningsOf, stampFault } from './times.ts';

const LOCAL: ClockSetting = { zone: 'Europe/Prague', mode: 'local' };
const NOW = parseUtc('2026-11-21T12:00:00Z');

function decoded(hex: string, type: ModbusTime, clock = LOCAL, near = NOW): string {
  const time = decodeTime(fromHex(hex), { type, words: 'high-first', bytes: 'high-first' }, clock, near);
  return time.kind === 'value' ? isoUtc(time.value) : time.why;
}

describe('times', () => {
  test.each(['unix-u32', 'local-words6', 'local-bcd3'] as const)('%s: what a meter writes is read back', (type) => {
    const instants = fc.integer({
      min: parseUtc('2001-01-01T00:00:00Z') / 1000,
      max: parseUtc('2099-01-01T00:00:00Z') / 1000,
    });
    fc.assert(
      fc.property(instants, (seconds) => {
        const at = seconds * 1000;
        const time = decodeTime(
          wordBytes(encodeTime(at, type)),
          { type, words: 'high-first', bytes: 'high-first' },
          LOCAL,
          at,
        );
        expect(time).toEqual({ kind: 'value', value: at });
      }),
    );
  });

  test('local, winter and UTC clocks', () => {
    expect(decoded('260701 120000', 'local-bcd3')).toBe('2026-07-01T10:00:00Z');
    expect(decoded('260701 120000', 'local-bcd3', { ...LOCAL, mode: 'winter' })).toBe('2026-07-01T11:00:00Z');
    expect(decoded('260701 120000', 'local-bcd3', { ...LOCAL, mode: 'utc' })).toBe('2026-07-01T12:00:00Z');
  });

  test('the word order turns a number, not a row of fields', () => {
    const low = { words: 'low-first', bytes: 'high-first' } as const;
    const unix = decodeTime(fromHex('5e80 6a45'), { type: 'unix-u32', ...low }, LOCAL, NOW);
    expect(unix).toEqual({ kind: 'value', value: 0x6a455e80 * 1000 });
    const noon = { kind: 'value', value: parseUtc('2026-07-01T10:00:00Z') };
    const words = fromHex('07ea 0007 0001 000c 0000 0000');
    expect(decodeTime(words, { type: 'local-words6', ...low }, LOCAL, NOW)).toEqual(noon);
    expect(decodeTime(fromHex('2607 0112 0000'), { type: 'local-bcd3', ...low }, LOCAL, NOW)).toEqual(noon);
  });

  test.each([
    ['260230 120000', 'local-bcd3'],
    ['26071a 120000', 'local-bcd3'],
    ['ffffff ffffff', 'local-bcd3'],
    ['000000 000000', 'local-bcd3'],
    ['260329 023000', 'local-bcd3'], // the hour that spring leaves out
    ['ffff ffff ffff ffff ffff ffff', 'local-words6'],
  ] as const)('%s is no time', (hex, type) => {
    expect(decoded(hex, type)).toContain('is no time');
  });

  test('the autumn hour is the one near now, and is known to be doubtful', () => {
    const twice = '261025 020000';
    expect(decoded(twice, 'local-bcd3', LOCAL, parseUtc('2026-10-25T00:05:00Z'))).toBe('2026-10-25T00:00:00Z');
    expect(decoded(twice, 'local-bcd3', LOCAL, parseUtc('2026-10-25T01:05:00Z'))).toBe('2026-10-25T01:00:00Z');
    const format = { type: 'local-bcd3', words: 'high-first', bytes: 'high-first' } as const;
    const meanings = (hex: string, clock = LOCAL) => meaningsOf(fromHex(hex), format, clock);
    const [early, late] = [parseUtc('2026-10-25T00:00:00Z'), parseUtc('2026-10-25T01:00:00Z')];
    expect(meanings(twice)).toEqual({ kind: 'value', value: { early, late } });
    expect(meanings(twice, { ...LOCAL, mode: 'winter' })).toEqual({ kind: 'value', value: { early: late, late } });
    expect(meanings('ffffff ffffff')).toMatchObject({ kind: 'invalid' });
  });
});

test.each([
  ['2026-11-21T12:00:00Z', undefined],
  ['2026-11-21T12:15:00Z', 'future'],
  ['2026-11-21T11:59:59Z', 'quarter-hour'],
  ['1970-01-01T00:00:00Z', 'never set'],
  ['2000-01-01T00:00:00Z', 'never set'],
])('a stamp %s: %s', (at, fault) => {
  const found = stampFault(parseUtc(at), NOW);
  if (fault === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(fault);
});
