import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shiftDay } from '../core/calendar.ts';
import { decimal, equal, parseDecimal } from '../core/decimal.ts';
import type { Channel, Quality } from '../core/interval.ts';
import { spanMinutes } from '../core/time.ts';
import { makeDocument, splitPoints } from './document.ts';
import {
  dayOf,
  ELECTRICITY_POINT,
  electricityPack,
  GAS_POINTS,
  gasPack,
  madeXml,
  packFrom,
  packText,
  pointDay,
  requestOf,
  ZONE,
} from './message.testkit.ts';
import type { FormatPack } from './pack.ts';
import { readDocument } from './read.ts';
import type { DocumentRequest } from './request.ts';

function whyRefused(pack: FormatPack, request: DocumentRequest): string {
  const made = makeDocument(pack, request);
  if (made.kind === 'document') throw new Error('a document was made');
  return `${made.failure.code}: ${made.failure.detail}`;
}

const utcGasPack = packFrom(
  packText('gasdat').replace('period: local-offset', 'period: utc').replace('day: local-offset', 'day: utc'),
);
const megawattPack = packFrom(
  packText('cdsdata').replaceAll('unit: KWH, decimals: 3', 'unit: MWH, shift: -3, decimals: 6'),
);

/** Both switches of the year stand among the days. */
const day = fc.oneof(
  fc.constantFrom('2026-03-28', '2026-03-29', '2026-10-24', '2026-10-25'),
  fc.integer({ min: 0, max: 3650 }).map((days) => shiftDay('2024-01-01', days)),
);
const qualities = fc.array(fc.constantFrom<Quality>('measured', 'flagged', 'computed', 'estimated', 'substituted'), {
  minLength: 100,
  maxLength: 100,
});
const thousandths = fc.array(fc.bigInt({ min: 0n, max: 10n ** 9n }), { minLength: 100, maxLength: 100 });

describe('made and read back', () => {
  const variants: [string, FormatPack, readonly string[], readonly Channel[], number[]][] = [
    ['gas, local time', gasPack, GAS_POINTS, ['volume', 'energy'], [60]],
    ['gas, UTC', utcGasPack, GAS_POINTS, ['volume', 'energy'], [60]],
    ['electricity, numbers', electricityPack, [ELECTRICITY_POINT], ['import', 'export'], [15, 60]],
    ['electricity, MWh', megawattPack, [ELECTRICITY_POINT], ['import'], [15]],
  ];
  test.each(variants)('%s: every interval of a random day is the same', (_, pack, points, channels, lengths) => {
    fc.assert(
      fc.property(day, thousandths, qualities, fc.constantFrom(...lengths), (name, values, states, minutes) => {
        const shape = {
          pack,
          day: name,
          minutes,
          value: (n: number) => decimal(values[n]!, -3),
          quality: (n: number) => states[n]!,
        };
        const request = {
          ...requestOf(
            pack,
            name,
            points.map((code) => pointDay(shape, code, channels)),
          ),
          corrects: '00000000000007',
        };
        const read = readDocument(pack, madeXml(pack, request), ZONE);
        if (read.kind === 'refused') throw new Error(read.why);
        const { rows, ...head } = read.document;
        expect(head).toEqual({
          id: request.id,
          sender: request.sender.id,
          receiver: request.receiver.id,
          day: name,
          madeAt: expect.stringContaining(':15:30'),
          corrects: '00000000000007',
        });
        const sent = points.flatMap((code) => channels.flatMap((channel) => dayOf(shape, code, channel)));
        expect(rows.map(({ value: _value, ...row }) => row)).toEqual(
          sent.map((interval) => ({
            point: interval.point,
            channel: interval.channel,
            start: interval.start,
            minutes: spanMinutes(interval),
            unit: interval.unit,
            quality: interval.quality,
          })),
        );
        expect(rows.every(({ value }, n) => equal(parseDecimal(value), sent[n]!.value!))).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});

describe('carried', () => {
  test('names every interval with its version', () => {
    const shape = { pack: gasPack, day: '2026-10-24', minutes: 60 };
    const intervals = dayOf(shape, GAS_POINTS[0], 'volume').map((interval, n) => ({ ...interval, version: n + 1 }));
    const made = makeDocument(
      gasPack,
      requestOf(gasPack, shape.day, [{ code: GAS_POINTS[0], channels: { volume: intervals } }]),
    );
    if (made.kind === 'refused') throw new Error(made.failure.detail);
    expect(made.carried).toEqual(
      intervals.map(({ start, version }) => ({ point: GAS_POINTS[0], channel: 'volume', start, version })),
    );
    expect(made.carried).toHaveLength(25);
  });
});

describe('refused rather than bent', () => {
  const shape = { pack: gasPack, day: '2026-03-28', minutes: 60 };
  const whole = dayOf(shape, GAS_POINTS[0], 'volume');
  const ask = (intervals: typeof whole) =>
    requestOf(gasPack, shape.day, [{ code: GAS_POINTS[0], channels: { volume: intervals } }]);

  test('an interval without a value, a hole, a double, a stranger, a negative value', () => {
    const missing = dayOf({ ...shape, quality: (n) => (n === 3 ? 'missing' : 'measured') }, GAS_POINTS[0], 'volume');
    expect(whyRefused(gasPack, ask(missing))).toMatch(/volume: 2026-03-28T08:00:00Z has no value/);
    expect(whyRefused(gasPack, ask(whole.slice(1)))).toMatch(/2026-03-28T05:00:00Z is not there/);
    expect(whyRefused(gasPack, ask([...whole, whole[5]!]))).toMatch(/2026-03-28T10:00:00Z is there twice/);
    const next = dayOf({ ...shape, day: '2026-03-29' }, GAS_POINTS[0], 'volume');
    expect(whyRefused(gasPack, ask([...whole, next[0]!]))).toMatch(/1 intervals are of another day/);
    const negative = dayOf({ ...shape, value: () => decimal(-1, -3) }, GAS_POINTS[0], 'volume');
    expect(whyRefused(gasPack, ask(negative))).toMatch(/2026-03-28T05:00:00Z is negative: -0.001/);
  });

  test('another point, unit, channel, length, commodity, coding scheme; no points, one point twice', () => {
    const other = dayOf(shape, GAS_POINTS[1], 'volume');
    expect(whyRefused(gasPack, ask([...whole.slice(1), other[0]!]))).toMatch(/another point or channel/);
    expect(whyRefused(gasPack, ask(whole.map((interval) => ({ ...interval, unit: 'kWh' }))))).toMatch(/in kWh, not m3/);
    expect(whyRefused(gasPack, ask(dayOf({ ...shape, minutes: 15 }, GAS_POINTS[0], 'volume')))).toMatch(/of 15 min/);
    const electric = pointDay({ ...shape, pack: electricityPack }, ELECTRICITY_POINT, ['import']);
    expect(whyRefused(gasPack, requestOf(gasPack, shape.day, [electric]))).toMatch(/import: the pack has no such/);
    expect(whyRefused(electricityPack, ask(whole))).toMatch(/the pack is for electricity.*sender .* coding scheme 15/);
    expect(whyRefused(gasPack, requestOf(gasPack, shape.day, []))).toMatch(/no points/);
    const twice = [ask(whole).points[0]!, ask(whole).points[0]!];
    expect(whyRefused(gasPack, requestOf(gasPack, shape.day, twice))).toMatch(/is there twice/);
  });

  test('too many decimals where the pack says refuse, too many points, too many bytes', () => {
    const strict = packFrom(packText('gasdat').replaceAll('rounding: carry', 'rounding: refuse'));
    const fine = dayOf({ ...shape, value: () => decimal(12_345, -4) }, GAS_POINTS[0], 'volume');
    expect(whyRefused(strict, ask(fine))).toMatch(/is 1.2345, more than 3 decimals/);
    const crowd = Array.from({ length: gasPack.pointsPerMessageMax + 1 }, (_, n) => ({
      code: `27ZG${n}`,
      channels: { volume: whole.map((interval) => ({ ...interval, point: `27ZG${n}` })) },
    }));
    expect(whyRefused(gasPack, requestOf(gasPack, shape.day, crowd))).toMatch(/12 points, the pack allows 11/);
    const tight = packFrom(packText('gasdat').replace('bytesMax: 90000', 'bytesMax: 1000'));
    expect(whyRefused(tight, ask(whole))).toMatch(/^message-too-large: .* bytes, the pack allows 1000/);
  });

  test('a pack may leave out what has no value; the others keep their place', () => {
    const lenient = packFrom(packText('cdsdata').replace('missing: refuse', 'missing: omit'));
    const gappy = {
      pack: lenient,
      day: '2026-03-29',
      minutes: 15,
      quality: (n: number) => (n === 1 ? 'missing' : 'measured'),
    } as const;
    const xml = madeXml(lenient, requestOf(lenient, gappy.day, [pointDay(gappy, ELECTRICITY_POINT, ['import'])]));
    expect([...xml.matchAll(/period="(\d+)"/g)].map(([, number]) => number).slice(0, 3)).toEqual(['1', '3', '4']);
  });

  test('a correction that the pack could not mark as one', () => {
    const silent = packFrom(packText('gasdat').replace(/ {4}Corrects:\n.*\n.*\n/, ''));
    expect(makeDocument(silent, ask(whole)).kind).toBe('document');
    expect(whyRefused(silent, { ...ask(whole), corrects: '00000000000007' })).toMatch(
      /cannot say that it corrects 0+7/,
    );
  });

  test('a long list of reasons is cut', () => {
    const nothing = dayOf({ ...shape, quality: () => 'missing' }, GAS_POINTS[0], 'volume');
    expect(whyRefused(gasPack, ask(nothing))).toMatch(/2026-03-28T12:00:00Z has no value; and 15 more$/);
  });

  test('a quality without a status is not sent', () => {
    const strict = packFrom(packText('gasdat').replace('  estimated: ESTIMATED\n', ''));
    const guessed = dayOf({ ...shape, quality: (n) => (n === 0 ? 'estimated' : 'measured') }, GAS_POINTS[0], 'volume');
    expect(whyRefused(strict, ask(guessed))).toMatch(/is estimated, and the pack has no status for that/);
  });
});

describe('size', () => {
  // What the operator's answer time depends on: a full message must stay below the limit on the longest day.
  test.each([
    ['gas', gasPack, '2026-10-24', 60, ['volume', 'energy'] as const],
    ['electricity', electricityPack, '2026-10-25', 15, ['import', 'export'] as const],
  ])('%s: as many points as the pack allows fit on the longest day', (_, pack, name, minutes, channels) => {
    const shape = {
      pack,
      day: name,
      minutes,
      value: () => decimal(123_456_789, -3),
      quality: () => 'substituted' as const,
    };
    const points = Array.from({ length: pack.pointsPerMessageMax }, (_p, n) =>
      pointDay(shape, String(859182400000000000 + n * 10_000), channels),
    );
    expect(makeDocument(pack, requestOf(pack, name, points)).kind).toBe('document');
  });

  test('points are split in their order, none twice, none lost', () => {
    const points = Array.from({ length: 30 }, (_, n) => n);
    expect(splitPoints(gasPack, points).map((part) => part.length)).toEqual([11, 11, 8]);
    expect(splitPoints(gasPack, points).flat()).toEqual(points);
    expect(splitPoints(gasPack, [])).toEqual([]);
  });
});
