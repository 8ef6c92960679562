import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Limits, pick, planRequests, type Wanted } from './plan.ts';
import { endOf, type RegisterRange } from './registers.ts';

const at = (address: number, count: number, table: RegisterRange['table'] = 'input'): RegisterRange => ({
  table,
  address,
  count,
});
const texts = (requests: readonly RegisterRange[]): string[] =>
  requests.map(({ table, address, count }) => `${table} ${address}+${count}`);
const plain = (...values: RegisterRange[]): Wanted[] => values.map((value) => ({ value }));
const WIDE: Limits = { registersMax: 125, holeMax: 0 };

describe('requests', () => {
  test('neighbours of one table are read together, tables apart', () => {
    expect(texts(planRequests(plain(at(2, 2), at(0, 2), at(4, 4), at(0, 1, 'holding')), WIDE))).toEqual([
      'holding 0+1',
      'input 0+8',
    ]);
  });

  test('a hole is read across only when the device file says so', () => {
    const wanted = plain(at(0, 2), at(5, 2));
    expect(texts(planRequests(wanted, { registersMax: 125, holeMax: 2 }))).toEqual(['input 0+2', 'input 5+2']);
    expect(texts(planRequests(wanted, { registersMax: 125, holeMax: 3 }))).toEqual(['input 0+7']);
  });

  test('a value is never split', () => {
    expect(texts(planRequests(plain(at(0, 4), at(4, 4), at(8, 4)), { registersMax: 10, holeMax: 0 }))).toEqual([
      'input 0+8',
      'input 8+4',
    ]);
    expect(() => planRequests(plain(at(0, 4)), { registersMax: 3, holeMax: 0 })).toThrow(RangeError);
  });

  test('a stamp comes with its value, even when that reads registers twice', () => {
    const stamp = at(0, 3);
    const wanted = [
      { value: at(3, 4), stamp },
      { value: at(7, 4), stamp },
    ];
    expect(texts(planRequests(wanted, { registersMax: 11, holeMax: 0 }))).toEqual(['input 0+11']);
    expect(texts(planRequests(wanted, { registersMax: 7, holeMax: 100 }))).toEqual([
      'input 0+3',
      'input 0+7',
      'input 7+4',
      'input 0+3',
    ]);
  });

  test('a stamp too far from its value is read before and after it', () => {
    const wanted = [{ value: at(500, 4), stamp: at(0, 3) }, ...plain(at(3, 2))];
    const requests = planRequests(wanted, WIDE);
    expect(texts(requests)).toEqual(['input 0+3', 'input 3+2', 'input 500+4', 'input 0+3']);

    const answers = (stamps: readonly number[]) =>
      requests.map((range, index) => ({ range, bytes: new Uint8Array(2 * range.count).fill(stamps[index]!) }));
    expect(pick(wanted[0]!, answers([1, 0, 9, 1]))).toMatchObject({
      torn: false,
      value: Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9),
    });
    expect(pick(wanted[0]!, answers([1, 0, 9, 2]))).toMatchObject({ torn: true });
  });
});

/** Values of 1, 2 or 4 registers side by side or overlapping, in two tables, some with stamps. */
const range = fc
  .record({
    table: fc.constantFrom('input' as const, 'holding' as const),
    address: fc.nat(60),
    count: fc.constantFrom(1, 2, 4),
  })
  .map(({ table, address, count }) => at(address, count, table));
const limits = fc.record({ registersMax: fc.integer({ min: 4, max: 20 }), holeMax: fc.integer({ min: 0, max: 4 }) });
const wantedList = fc.array(
  fc.oneof(
    range.map((value): Wanted => ({ value })),
    fc.tuple(range, range).map(([value, stamp]): Wanted => ({ value, stamp })),
  ),
  { maxLength: 12 },
);

function holds(request: RegisterRange, item: RegisterRange): boolean {
  return request.table === item.table && request.address <= item.address && endOf(item) <= endOf(request);
}

/** Within the limits: not too long, and no run of unused registers that is too long. */
function allowed(request: RegisterRange, items: readonly RegisterRange[], { registersMax, holeMax }: Limits): boolean {
  let hole = 0;
  for (let register = request.address; register < endOf(request); register++) {
    const used = items.some((item) => holds(item, at(register, 1, request.table)));
    hole = used ? 0 : hole + 1;
    if (hole > holeMax) return false;
  }
  return request.count <= registersMax;
}

/** The fewest allowed requests, by trying every way of putting the items into groups. */
function fewest(items: readonly RegisterRange[], within: Limits): number {
  const place = (index: number, groups: readonly RegisterRange[][]): number => {
    const item = items[index];
    if (!item) return groups.length;
    const ways = groups.flatMap((group, which) => {
      const joined = [...group, item];
      const start = Math.min(...joined.map(({ address }) => address));
      const whole = at(start, Math.max(...joined.map(endOf)) - start, item.table);
      const fits = joined.every(({ table }) => table === item.table) && allowed(whole, items, within);
      return fits ? [place(index + 1, groups.with(which, joined))] : [];
    });
    return Math.min(place(index + 1, [...groups, [item]]), ...ways);
  };
  return place(0, []);
}

describe('every plan', () => {
  test('holds all values whole, keeps the limits, and never parts a value from its stamp', () => {
    fc.assert(
      fc.property(wantedList, limits, (wanted, within) => {
        const requests = planRequests(wanted, within);
        const pieces = wanted.flatMap(({ value, stamp }) => (stamp ? [value, stamp] : [value]));
        for (const request of requests) expect(allowed(request, pieces, within)).toBe(true);
        // Every request gets an answer of its own, so a torn pair shows and one from a single request does not.
        const answers = requests.map((asked, index) => ({
          range: asked,
          bytes: new Uint8Array(2 * asked.count).fill(index),
        }));
        for (const one of wanted) {
          const picked = pick(one, answers);
          const index = picked.value[0]!;
          expect(holds(requests[index]!, one.value)).toBe(true);
          if (one.stamp) expect(picked.torn).toBe(!holds(requests[index]!, one.stamp));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('needs as few requests as any', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 7 }), limits, (values, within) => {
        expect(planRequests(plain(...values), within).length).toBe(fewest(values, within));
      }),
      { numRuns: 500 },
    );
  });
});
