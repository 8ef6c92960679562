import { describe, expect, it } from 'vitest';
import { decimalText } from '../../src/core/decimal.ts';
import type { ReadRequest, ReadResult, Step } from '../../src/core/driver.ts';
import { isoUtc, parseUtc } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { longFrame, sndNke } from './frame.ts';
import { hex } from './hex.ts';
import { mbusDriver } from './index.ts';
import { answer, boundDevice, HEADER, unhex } from './mbus.testkit.ts';

const ACK = unhex('e5');
const NOW = parseUtc('2026-03-28T05:00:20Z');
const CURRENT: ReadRequest = { want: 'current', now: NOW };

const VOLUME = { quantity: 'volume.base', unit: 'm3', kind: 'counter', mbus: { value: 'volume' } };
const STORED = {
  ...VOLUME,
  mbus: { value: 'volume', storage: 1 },
  stamp: { mbus: { value: 'time-point', storage: 1 } },
};
const HISTORY = {
  ...VOLUME,
  mbus: { value: 'volume', storage: 2, storageTo: 4 },
  stamp: { mbus: { value: 'time-point' } },
};
/** 2850.427 m3 now. */
const VOLUME_NOW = '0c 13 27 04 85 02';

/** Gives the session one answer for each request; an empty list of answers is silence. */
function dialogue(
  device: BoundDevice,
  answers: readonly Uint8Array[],
  request = CURRENT,
): { sent: string[]; end: Step } {
  const session = mbusDriver.session(device, request);
  const sent: string[] = [];
  const left = [...answers];
  let step = session.start();
  while (step.kind === 'send' || step.kind === 'wait') {
    if (step.kind === 'send') sent.push(hex(step.bytes));
    const bytes = left.shift();
    step = bytes ? session.received(bytes) : session.silent();
  }
  return { sent, end: step };
}

function read(device: BoundDevice, answers: readonly Uint8Array[], request = CURRENT): ReadResult {
  const { end } = dialogue(device, answers, request);
  if (end.kind === 'read') return end.result;
  throw new Error(end.kind === 'missed' ? `${end.failure.code}: ${end.failure.detail}` : end.kind);
}

function missed(device: BoundDevice, answers: readonly Uint8Array[]): string {
  const { end } = dialogue(device, answers);
  return end.kind === 'missed' ? end.failure.code : end.kind;
}

/** `2850.427 m3`, with `@ instant` when the meter froze it. */
function shown({ values }: ReadResult): string[] {
  return values.map(({ value, unit, storedAt }) =>
    [decimalText(value), unit, ...(storedAt === undefined ? [] : ['@', isoUtc(storedAt)])].join(' '),
  );
}

describe('dialogue', () => {
  const device = boundDevice([VOLUME]);

  it('resets the link, asks for data and reads', () => {
    const { sent, end } = dialogue(device, [ACK, answer(VOLUME_NOW)]);
    expect(sent).toEqual(['1040014116', '107b017c16']);
    expect(end).toEqual({
      kind: 'read',
      result: {
        values: [
          {
            quantity: 'volume.base',
            kind: 'counter',
            value: { coefficient: 2850427n, exponent: -3 },
            unit: 'm3',
            flags: [],
            raw: '0c1327048502',
          },
        ],
        identity: { serial: '12345678', maker: 'KAM', version: '1' },
        unusable: [],
      },
    });
  });

  it('takes an answer in any pieces', () => {
    const bytes = answer(VOLUME_NOW);
    const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
    expect(shown(read(device, [ACK, ...pieces]))).toEqual(['2850.427 m3']);
  });

  it('takes E5 for the end of several telegrams, and judges what there is', () => {
    const first = answer(`${VOLUME_NOW} 1f`);
    const pressure = { quantity: 'pressure', unit: 'bar', kind: 'instantaneous', mbus: { value: 'pressure' } };
    expect(missed(boundDevice([VOLUME, pressure]), [ACK, first, ACK])).toBe('value-missing');
  });

  it('waits as long as the device file says', () => {
    const slow = boundDevice([VOLUME], { model: { replyTimeoutMs: 1500, gapTimeoutMs: 40 } });
    const session = mbusDriver.session(slow, CURRENT);
    expect(session.start()).toMatchObject({ kind: 'send', replyWithinMs: 1500 });
    expect(session.received(ACK)).toMatchObject({ kind: 'send', replyWithinMs: 1500 });
    expect(session.received(unhex('68 1f'))).toEqual({ kind: 'wait', atMostMs: 40 });
    const own = boundDevice([VOLUME], { config: { replyTimeoutMs: 3000 } });
    expect(mbusDriver.session(own, CURRENT).start()).toMatchObject({ replyWithinMs: 3000 });
  });

  it.each([
    ['silence after the reset', [], 'no-answer'],
    ['silence after the request', [ACK], 'no-answer'],
    ['an answer that stops', [ACK, answer(VOLUME_NOW).subarray(0, 20)], 'frame-truncated'],
    ['a broken checksum', [ACK, unhex('68 04 04 68 08 01 70 09 81 16')], 'frame-checksum'],
    ['a late answer to an earlier request', [answer(VOLUME_NOW)], 'wrong-function'],
    ['an acknowledgement instead of data', [ACK, ACK], 'wrong-function'],
    ['our own request as an echo', [ACK, sndNke(1)], 'wrong-function'],
    ['another meter', [ACK, answer(VOLUME_NOW, HEADER, 2)], 'wrong-address'],
    ['a foreign master', [ACK, longFrame(0x53, 1, 0x51, new Uint8Array())], 'wrong-function'],
    ['two meters at one address', [unhex('e5 e5')], 'frame-trailing'],
    ['an application error', [ACK, longFrame(0x08, 1, 0x70, unhex('08'))], 'device-busy'],
    ['the busy status', [ACK, answer(VOLUME_NOW, '78 56 34 12 2d 2c 01 03 2a 01 00 00')], 'device-busy'],
    ['a record cut off', [ACK, answer('0c 13 27 04')], 'frame-length'],
  ])('ends with a named failure after %s', (_, answers, code) => {
    expect(missed(device, answers)).toBe(code);
  });

  it('does not begin with an address that no single meter has', () => {
    expect(() => mbusDriver.session(boundDevice([VOLUME], { config: { address: 255 } }), CURRENT)).toThrow(RangeError);
    expect(() => mbusDriver.session(boundDevice([VOLUME], { config: { address: 251 } }), CURRENT)).toThrow(RangeError);
  });

  it('wants the line reopened after a time-out', () => {
    expect(mbusDriver.reopenAfterTimeout(device)).toBe(true);
  });
});

describe('several telegrams', () => {
  const device = boundDevice([VOLUME, STORED]);
  const first = answer(`${VOLUME_NOW} 1f`);
  const second = answer('4c 13 00 04 85 02 44 6d 00 26 5c 33');

  it('are asked for with the frame count bit changing', () => {
    const { sent, end } = dialogue(device, [ACK, first, second]);
    expect(sent).toEqual(['1040014116', '107b017c16', '105b015c16']);
    expect(end).toMatchObject({ kind: 'read', result: { values: [{}, {}] } });
  });

  it('are not asked for when nothing is missing', () => {
    expect(dialogue(boundDevice([VOLUME]), [ACK, first]).sent).toHaveLength(2);
  });

  it('are refused when the meter repeats itself or another goes on', () => {
    expect(missed(device, [ACK, first, first])).toBe('foreign-answer');
    const other = answer('4c 13 00 04 85 02 44 6d 00 26 5c 33', HEADER.replace('78', '79'));
    expect(missed(device, [ACK, first, other])).toBe('wrong-address');
  });

  it('have an end', () => {
    const endless = Array.from({ length: 70 }, (_, n) => answer(`01 7f ${n.toString(16).padStart(2, '0')} 1f`));
    expect(missed(device, [ACK, ...endless])).toBe('frame-unsupported');
  });
});

describe('values', () => {
  it('are found by function, storage, tariff, subunit and VIFE, and told in the unit of the device file', () => {
    const device = boundDevice([
      { quantity: 'energy.active.import', unit: 'kWh', kind: 'counter', mbus: { value: 'energy', tariff: 2 } },
      { quantity: 'energy.active.export', unit: 'Wh', kind: 'counter', mbus: { value: 'energy', vife: ['3c'] } },
      { quantity: 'power.active', unit: 'W', kind: 'instantaneous', mbus: { value: 'power', function: 'maximum' } },
      { quantity: 'volume.base', unit: 'm3', kind: 'counter', mbus: { value: 'volume', subunit: 1 } },
    ]);
    const records = '02 06 01 00 82 20 06 02 00 02 86 3c 03 00 02 2b 04 00 12 2b 05 00 82 40 16 06 00';
    expect(shown(read(device, [ACK, answer(records)]))).toEqual(['2 kWh', '3000 Wh', '5 W', '6 m3']);
  });

  it('that are missing or there twice end the dialogue', () => {
    const device = boundDevice([VOLUME]);
    expect(missed(device, [ACK, answer('4c 13 27 04 85 02')])).toBe('value-missing');
    expect(missed(device, [ACK, answer('0c 93 3b 27 04 85 02')])).toBe('value-missing');
    expect(missed(device, [ACK, answer(`${VOLUME_NOW} 0c 16 27 04 85 02`)])).toBe('value-ambiguous');
    const joule = boundDevice([{ ...VOLUME, quantity: 'energy.gas', unit: 'kWh', mbus: { value: 'energy' } }]);
    expect(missed(joule, [ACK, answer('02 0e 01 00')])).toBe('value-missing');
  });

  it('that the meter marks as none are told and not stored', () => {
    const { values, unusable } = read(boundDevice([VOLUME]), [ACK, answer('0c 13 dd d4 eb dd')]);
    expect(values).toEqual([]);
    expect(unusable.map(({ code }) => code)).toEqual(['value-invalid']);
  });

  it('carry the flags of the status byte', () => {
    const header = '78 56 34 12 2d 2c 01 03 2a 14 00 00';
    const { values } = read(boundDevice([VOLUME]), [ACK, answer(VOLUME_NOW, header)]);
    expect(values[0]?.flags).toEqual(['alarm', 'low-battery']);
  });
});

describe('stamps', () => {
  const device = boundDevice([STORED]);
  const stamped = (stamp: string) => [ACK, answer(`4c 13 00 04 85 02 ${stamp}`)];
  const refused = (stamp: string, model = {}) => {
    const { values, unusable } = read(boundDevice([STORED], { model }), stamped(stamp));
    return { values, codes: unusable.map(({ code }) => code) };
  };
  const NOT_CREDIBLE = { values: [], codes: ['clock-not-credible'] };

  it('say for which instant the meter froze the value', () => {
    // 2026-03-28 06:00, winter time in Prague
    expect(shown(read(device, stamped('44 6d 00 26 5c 33')))).toEqual(['2850.400 m3 @ 2026-03-28T05:00:00Z']);
    const utc = boundDevice([STORED], { model: { clock: 'utc' } });
    expect(shown(read(utc, stamped('44 6d 00 25 5c 33')))).toEqual(['2850.400 m3 @ 2026-03-28T05:00:00Z']);
  });

  it('keep the bytes of value and stamp', () => {
    expect(read(device, stamped('44 6d 00 26 5c 33')).values[0]?.raw).toBe('4c1300048502 446d00265c33');
  });

  it('are not believed when marked invalid, impossible, a bare date or in the future', () => {
    expect(refused('44 6d 80 26 5c 33')).toEqual(NOT_CREDIBLE);
    expect(refused('44 6d 00 00 00 00')).toEqual(NOT_CREDIBLE);
    expect(refused('44 6d 00 29 5c 33')).toEqual(NOT_CREDIBLE);
    // 2026-03-29 02:30 does not exist; read an hour later.
    const gap = mbusDriver.session(device, { want: 'current', now: parseUtc('2026-03-29T01:40:00Z') });
    gap.start();
    gap.received(ACK);
    expect(gap.received(answer('4c 13 00 04 85 02 44 6d 1e 22 5d 33'))).toMatchObject({
      result: { values: [], unusable: [{ code: 'clock-not-credible' }] },
    });
    const byDate = boundDevice([{ ...STORED, stamp: { mbus: { value: 'date', storage: 1 } } }]);
    expect(read(byDate, stamped('42 6c 5c 33')).unusable[0]?.code).toBe('clock-not-credible');
  });

  it('are not believed when their summer bit contradicts the device file or the calendar', () => {
    expect(refused('44 6d 00 a6 5c 33')).toEqual(NOT_CREDIBLE);
    expect(refused('44 6d 00 a5 5c 33', { clock: 'utc' })).toEqual(NOT_CREDIBLE);
    expect(refused('44 6d 00 a6 5c 33', { clock: 'winter' })).toEqual(NOT_CREDIBLE);
  });

  describe('in the autumn hour that happens twice', () => {
    /** 2026-10-25 02:00 local, read at `now`. */
    const at = (hourByte: string, now: string, more = '') => {
      const result = read(device, [ACK, answer(`4c 13 00 04 85 02 44 6d 00 ${hourByte} 59 3a ${more}`)], {
        want: 'current',
        now: parseUtc(now),
      });
      return shown(result)[0]?.split(' @ ')[1];
    };

    it('go by the summer bit where the meter uses it', () => {
      expect(at('a2', '2026-10-25T04:10:00Z')).toBe('2026-10-25T00:00:00Z');
      expect(at('22', '2026-10-25T00:59:30Z', '04 6d 00 a1 59 3a')).toBe('2026-10-25T01:00:00Z');
    });

    it('go by the time of reading where it does not', () => {
      expect(at('22', '2026-10-25T00:10:00Z')).toBe('2026-10-25T00:00:00Z');
      expect(at('22', '2026-10-25T01:10:00Z')).toBe('2026-10-25T01:00:00Z');
      // The meter's clock may be some seconds ahead of ours, or behind it.
      expect(at('22', '2026-10-25T00:59:55Z')).toBeUndefined();
      expect(at('22', '2026-10-25T01:00:05Z')).toBeUndefined();
    });
  });

  it('of a missing record end the dialogue', () => {
    expect(missed(device, [ACK, answer('4c 13 00 04 85 02')])).toBe('value-missing');
  });
});

describe("the meter's clock", () => {
  const device = boundDevice([VOLUME, STORED], { model: { meterClock: { mbus: { value: 'time-point' } } } });
  const stored = `${VOLUME_NOW} 4c 13 00 04 85 02 44 6d 00 26 5c 33`;

  it('is read, and how coarse it is', () => {
    const coarse = read(device, [ACK, answer(`${stored} 04 6d 01 26 5c 33`)]);
    expect([isoUtc(coarse.clock ?? 0), coarse.clockStepMs]).toEqual(['2026-03-28T05:01:00Z', 60_000]);
    const fine = read(device, [ACK, answer(`${stored} 06 6d 07 01 06 5c 33 00`)]);
    expect([isoUtc(fine.clock ?? 0), fine.clockStepMs]).toEqual(['2026-03-28T05:01:07Z', undefined]);
  });

  it('is asked for in the next telegram where the first lacks it', () => {
    const result = read(device, [ACK, answer(`${stored} 1f`), answer('04 6d 01 26 5c 33')]);
    expect(isoUtc(result.clock ?? 0)).toBe('2026-03-28T05:01:00Z');
  });

  it('when invalid marks what it stamped', () => {
    const result = read(device, [ACK, answer(`${stored} 04 6d 80 00 00 00`)]);
    expect(result.clock).toBeUndefined();
    expect(result.unusable.map(({ code }) => code)).toEqual(['clock-not-credible']);
    expect(result.values.map(({ flags }) => flags)).toEqual([[], ['clock-invalid']]);
  });
});

describe('history', () => {
  const device = boundDevice([HISTORY]);
  /** Storage 2, 3, 4 at 05:00, 04:00, 03:00 local on 2026-03-28. */
  const entry2 = '8c 01 13 02 00 00 00 84 01 6d 00 25 5c 33';
  const entry3 = 'cc 01 13 01 00 00 00 c4 01 6d 00 24 5c 33';
  const entry4 = '8c 02 13 00 00 00 00 84 02 6d 00 23 5c 33';

  it('is read with the stamp of each storage number', () => {
    expect(shown(read(device, [ACK, answer(`${entry2} ${entry3} ${entry4}`)]))).toEqual([
      '0.002 m3 @ 2026-03-28T04:00:00Z',
      '0.001 m3 @ 2026-03-28T03:00:00Z',
      '0.000 m3 @ 2026-03-28T02:00:00Z',
    ]);
  });

  it('may have holes, which are told', () => {
    const { values, unusable } = read(device, [ACK, answer(`${entry2} ${entry4}`)]);
    expect(values).toHaveLength(2);
    expect(unusable.map(({ code }) => code)).toEqual(['value-missing']);
  });

  it('gives none of two different values for one instant', () => {
    const { values, unusable } = read(device, [ACK, answer(`${entry2} ${entry3.replace('24 5c', '25 5c')} ${entry4}`)]);
    expect(values).toHaveLength(1);
    expect(unusable.map(({ code }) => code)).toEqual(['clock-not-credible']);
  });

  it('is void when an entry is there twice', () => {
    expect(missed(device, [ACK, answer(`${entry2} ${entry2}`)])).toBe('value-ambiguous');
  });

  it('serves as the archive, both ends included', () => {
    const [from, to] = [parseUtc('2026-03-28T02:00:00Z'), parseUtc('2026-03-28T03:00:00Z')];
    const archive: ReadRequest = { want: 'archive', now: NOW, from, to };
    const both = boundDevice([VOLUME, HISTORY]);
    expect(shown(read(both, [ACK, answer(`${entry2} ${entry3} ${entry4}`)], archive))).toEqual([
      '0.001 m3 @ 2026-03-28T03:00:00Z',
      '0.000 m3 @ 2026-03-28T02:00:00Z',
    ]);
    expect(() => mbusDriver.session(boundDevice([VOLUME]), archive)).toThrow(RangeError);
  });

  it('needs a stamp', () => {
    const { stamp: _, ...bare } = HISTORY;
    expect(() => mbusDriver.session(boundDevice([bare]), CURRENT)).toThrow(RangeError);
  });
});
