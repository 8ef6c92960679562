import { describe, expect, test } from 'vitest';
import { isoUtc, parseUtc } from '../../src/core/time.ts';
import { anchorAges, type Dated, dateRecords, type RecordStamp, refuseDoubtful } from './archive-stamps.ts';
import { encodeLocal, wordBytes } from './meter.testkit.ts';
import { hexText } from './registers.ts';
import { meaningsOf } from './times.ts';

const FORMAT = { type: 'local-bcd3', words: 'high-first', bytes: 'high-first' } as const;
const CLOCK = { zone: 'Europe/Prague', mode: 'local' } as const;

/** Local hours of 2026-10-25 in Prague, newest first; 2 happens twice, from 00:00Z and from 01:00Z. */
function records(...hours: readonly number[]): RecordStamp[] {
  return hours.map((hour, age) => {
    const local = { year: 2026, month: 10, day: 25, hour, minute: 0, second: 0 };
    const stamp = wordBytes(encodeLocal(local, 'local-bcd3'));
    const meanings = meaningsOf(stamp, FORMAT, CLOCK);
    return { age, stamp, meanings, raw: `${hexText(stamp)}${age}`, torn: false };
  });
}

function dated(list: readonly RecordStamp[], now = '2026-10-25T12:00:00Z'): Dated[] {
  return dateRecords(list, FORMAT, CLOCK, parseUtc(now));
}
const hoursOf = (list: readonly Dated[]): (string | undefined)[] =>
  list.map(({ at }) => (at === undefined ? undefined : isoUtc(at).slice(11, 16)));

describe('the doubled hour', () => {
  test('is told apart in a row without a gap', () => {
    expect(hoursOf(refuseDoubtful(dated(records(4, 3, 2, 2, 1))))).toEqual([
      '03:00',
      '02:00',
      '01:00',
      '00:00',
      '23:00',
    ]);
  });

  test.each([
    ['one of the two lost', records(4, 3, 2, 1), ['03:00', '02:00', undefined, '23:00']],
    [
      'the hours beside it lost too, so that it lies evenly',
      records(5, 4, 2, 1),
      ['04:00', '03:00', undefined, '23:00'],
    ],
    ['the record after the doubled hour lost', records(4, 2, 2, 1), ['03:00', undefined, undefined, '23:00']],
    ['nothing older read', records(4, 3, 2, 2), ['03:00', '02:00', undefined, undefined]],
    [
      'a torn record in the row',
      records(3, 2, 2, 1).with(2, { ...records(3, 2, 2)[2]!, torn: true }),
      ['02:00', undefined, undefined, '23:00'],
    ],
  ])('%s: refused', (_what, list, hours) => {
    expect(hoursOf(refuseDoubtful(dated(list)))).toEqual(hours);
  });

  test('as the newest record, the time of reading and the older record must agree', () => {
    expect(hoursOf(refuseDoubtful(dated(records(2, 1), '2026-10-25T00:20:00Z')))).toEqual(['00:00', '23:00']);
    expect(hoursOf(refuseDoubtful(dated(records(2, 1), '2026-10-25T01:20:00Z')))).toEqual([undefined, '23:00']);
    expect(hoursOf(refuseDoubtful(dated(records(2, 2, 1), '2026-10-25T01:20:00Z')))).toEqual([
      '01:00',
      '00:00',
      '23:00',
    ]);
    // Asked just before the meter wrote the second of the two.
    expect(hoursOf(refuseDoubtful(dated(records(2, 2, 1), '2026-10-25T00:59:59Z')))).toEqual([
      undefined,
      undefined,
      '23:00',
    ]);
  });

  test('asks for the records that anchor it', () => {
    const list = dated(records(4, 3, 2, 2, 1));
    expect(anchorAges(list, 99)).toEqual([]);
    expect(anchorAges(list.slice(2, 3), 99)).toEqual([1, 3]);
    expect(anchorAges(list.slice(2, 3), 3)).toEqual([1]);
    expect(anchorAges(list.slice(0, 2), 99)).toEqual([]);
  });
});
