import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BusMeter, type Collision, mbusBus, oneAfterTheOther, zerosWin } from '../../src/sim/meter/mbus-bus.ts';
import { integer, record } from '../../src/sim/meter/mbus-encode.ts';
import { play } from './bus.testkit.ts';
import { primaryScan } from './primary-scan.ts';
import { secondarySearch } from './secondary-search.ts';

const TIMING = { replyWithinMs: 500, gapMs: 100 };

function meter(id: string, more: Partial<BusMeter> = {}): BusMeter {
  const index = record({ vif: [0x13], data: integer(0, 4) });
  return { id, manufacturer: 'KAM', version: 1, medium: 3, primary: 0, telegrams: () => [index], ...more };
}

/** `12345678 KAM 1 3` */
const nameOf = ({ id, manufacturer, version, medium }: BusMeter) => `${id} ${manufacturer} ${version} ${medium}`;

function search(meters: readonly BusMeter[], collision?: Collision, options = {}) {
  const scan = secondarySearch(TIMING, options);
  const { requests, end } = play(scan, mbusBus(meters, collision));
  const found = scan.found.map(({ header: h }) => `${h.id} ${h.manufacturer} ${h.version} ${h.mediumCode}`);
  return { found: found.sort(), unclear: scan.unclear, requests, end, progress: scan.progress };
}

/** Bytes of the answers by turns: what a repeater with a buffer makes of it. */
const byTurns: Collision = (answers) => {
  const length = Math.max(...answers.map((answer) => answer.length));
  const bytes = Array.from({ length }, (_, n) => answers.map((answer) => answer[n]));
  return Uint8Array.from(bytes.flat().filter((byte) => byte !== undefined));
};
const collisions = fc.constantFrom(zerosWin, oneAfterTheOther, byTurns);

describe('secondary search', () => {
  it('of an empty bus asks once', () => {
    expect(search([])).toEqual({ found: [], unclear: [], requests: 2, end: 'done', progress: 1 });
  });

  it('finds a meter whose answer another hides bit by bit', () => {
    // Ids and checksums differ in one bit; answered together they are the first one's telegram, checksum included.
    const meters = [meter('12345670'), meter('12345671')];
    expect(search(meters).found).toEqual(meters.map(nameOf));
  });

  it('never loses one of different ids, however their answers disturb each other', () => {
    const digit = fc.constantFrom(...'0123456789abcde'.split(''));
    const id = fc.array(digit, { minLength: 2, maxLength: 2 }).map((two) => `123456${two.join('')}`);
    const any = fc.array(digit, { minLength: 8, maxLength: 8 }).map((digits) => digits.join(''));
    const ids = fc.uniqueArray(fc.oneof(id, any), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(ids, fc.array(fc.nat(300), { minLength: 8, maxLength: 8 }), collisions, (all, indexes, collision) => {
        const meters = all.map((own, n) =>
          meter(own, { telegrams: () => [record({ vif: [0x13], data: integer(indexes[n]!, 4) })] }),
        );
        const { found, end, unclear } = search(meters, collision);
        expect(found).toEqual(meters.map(nameOf).sort());
        expect(end).toBe('done');
        expect(unclear).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('never loses one of equal ids and different manufacturers, versions or media', () => {
    const codes = ['KAM', 'ELS', 'LUG', 'ITR', 'ABB'];
    const manufacturers = codes.map((code) => Array.from(code).reduce((sum, c) => sum * 32 + c.charCodeAt(0) - 64, 0));
    const twin = fc.record({
      id: fc.constantFrom('11111111', '11111112', '00000000'),
      manufacturer: fc.constantFrom(...codes),
      version: fc.integer({ min: 0, max: 254 }),
      medium: fc.constantFrom(2, 3, 7),
    });
    const sets = fc.uniqueArray(twin, { minLength: 2, maxLength: 5, selector: (own) => JSON.stringify(own) });
    fc.assert(
      fc.property(sets, collisions, (all, collision) => {
        const meters = all.map(({ id, ...more }) => meter(id, more));
        const { found } = search(meters, collision, { hiddenTwins: true, manufacturers });
        expect(found).toEqual(meters.map(nameOf).sort());
      }),
      { numRuns: 40 },
    );
  });

  it('tries every manufacturer where nothing else tells two meters apart', () => {
    const meters = [meter('11111111', { manufacturer: 'ABC' }), meter('11111111', { manufacturer: 'DEF' })];
    const { found, requests } = search(meters, oneAfterTheOther);
    expect(found).toEqual(meters.map(nameOf));
    expect(requests).toBeGreaterThan(17_576);
  });

  it('tells of two meters that nothing tells apart', () => {
    const { found, unclear } = search([meter('11111111'), meter('11111111')], oneAfterTheOther, {
      manufacturers: [0x2c2d],
    });
    expect(found).toEqual([]);
    expect(unclear).toEqual(['111111112d2c0103']);
  });

  it('ends on a line where something answers everything', () => {
    const scan = secondarySearch(TIMING);
    expect(play(scan, () => Uint8Array.of(0x00, 0xff)).end).toBe('frame-start');
    const babble = secondarySearch(TIMING);
    babble.start();
    expect(babble.received(new Uint8Array(5000))).toMatchObject({ failure: { code: 'dialogue-too-long' } });
  });
});

describe('primary scan', () => {
  it('finds who is there and tells where two share an address', () => {
    const meters = [
      meter('11111111', { primary: 7 }),
      meter('22222222', { primary: 250 }),
      meter('33333333', { primary: 9 }),
      meter('44444447', { primary: 9 }),
    ];
    const scan = primaryScan(TIMING);
    expect(play(scan, mbusBus(meters, oneAfterTheOther)).end).toBe('done');
    expect(scan.found.map(({ address, secondary }) => [address, secondary])).toEqual([
      [7, '111111112d2c0103'],
      [250, '222222222d2c0103'],
    ]);
    expect(scan.unclear).toEqual(['address 9']);
    expect(scan.progress).toBe(1);
  });

  it('can be limited, and not beyond the primary addresses', () => {
    const scan = primaryScan(TIMING, 3, 5);
    expect(play(scan, mbusBus([meter('11111111', { primary: 5 }), meter('22222222', { primary: 6 })]))).toEqual({
      requests: 4,
      end: 'done',
    });
    expect(scan.found).toHaveLength(1);
    expect(() => primaryScan(TIMING, 0, 251)).toThrow(RangeError);
  });
});
