import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalText } from '../../src/core/decimal.ts';
import { longFrame } from './frame.ts';
import { statusFlags } from './header.ts';
import { answer, unhex } from './mbus.testkit.ts';
import type { MbusRecord } from './record.ts';
import { decodeTelegram, type MbusTelegram } from './telegram.ts';

function telegram(bytes: Uint8Array): MbusTelegram {
  const decoded = decodeTelegram(bytes);
  if (!decoded.ok) throw new Error(`${decoded.failure.code}: ${decoded.failure.detail}`);
  return decoded.telegram;
}

function record(hexText: string): MbusRecord {
  const { records } = telegram(answer(hexText));
  expect(records).toHaveLength(1);
  return records[0]!;
}

/** `12.3 m3`, `text`, `invalid: why`, ... */
function shown({ value, unit }: MbusRecord): string {
  switch (value.kind) {
    case 'number':
      return `${decimalText(value.number)} ${unit}`.trim();
    case 'invalid':
      return `invalid: ${value.reason}`;
    case 'text':
      return `"${value.text}" ${unit}`.trim();
    case 'bytes':
      return `<${value.hex}> ${unit}`.trim();
    case 'none':
    case 'time':
    case 'time-of-day':
    case 'periodic':
      return value.kind;
  }
}

function refusal(bytes: Uint8Array): string {
  const decoded = decodeTelegram(bytes);
  return decoded.ok ? 'decoded' : decoded.failure.code;
}

describe('header', () => {
  it('keeps leading zeros and hex digits of the id', () => {
    const { header, address } = telegram(answer('', '3e 02 00 05 43 4c 12 02 13 10 00 00', 5));
    expect(address).toBe(5);
    expect(header).toEqual({
      id: '0500023e',
      manufacturer: 'SBC',
      manufacturerCode: 0x4c43,
      version: 18,
      medium: 'electricity',
      mediumCode: 2,
      accessNumber: 0x13,
      status: 0x10,
      signature: 0,
    });
  });

  it('reads the short header (CI 7A) and none (CI 78)', () => {
    const short = telegram(longFrame(0x08, 1, 0x7a, unhex('2a 04 00 00 0c 13 27 04 85 02')));
    expect(short.header).toEqual({ accessNumber: 0x2a, status: 4, signature: 0 });
    expect(short.records.map(shown)).toEqual(['2850.427 m3']);
    const none = telegram(longFrame(0x08, 1, 0x78, unhex('0c 13 27 04 85 02')));
    expect(none.header).toEqual({});
    expect(none.records.map(shown)).toEqual(['2850.427 m3']);
  });

  it('refuses encrypted telegrams, but not the old signature of one maker', () => {
    expect(refusal(answer('0c 13 27 04 85 02', '78 56 34 12 2d 2c 01 03 2a 00 10 05'))).toBe('telegram-encrypted');
    expect(refusal(answer('0c 13 27 04 85 02', '78 56 34 12 2d 2c 01 03 2a 00 00 07'))).toBe('frame-unsupported');
    // Configuration field b627 is mode 22 of a field of five bits; Aquametro's (AMT) is older than that.
    expect(refusal(answer('0c 13 27 04 85 02', '78 56 34 12 2d 2c 01 03 2a 00 27 b6'))).toBe('frame-unsupported');
    expect(refusal(answer('0c 13 27 04 85 02', '78 56 34 12 b4 05 01 03 2a 00 27 b6'))).toBe('decoded');
    expect(refusal(answer('0c 13 27 04 85 02', '78 56 34 12 b4 05 01 03 2a 00 27 06'))).toBe('frame-unsupported');
  });

  it('refuses other CI fields and names application errors', () => {
    expect(refusal(longFrame(0x08, 1, 0x79, unhex('12 34 56 78')))).toBe('frame-unsupported');
    expect(refusal(longFrame(0x08, 1, 0x70, unhex('08')))).toBe('device-busy');
    expect(refusal(longFrame(0x08, 1, 0x70, unhex('03')))).toBe('device-exception');
    expect(refusal(longFrame(0x08, 1, 0x70, unhex('')))).toBe('device-exception');
    expect(refusal(longFrame(0x08, 1, 0x72, unhex('12 34')))).toBe('frame-length');
    expect(refusal(unhex('e5'))).toBe('wrong-function');
    expect(refusal(unhex('68 04'))).toBe('frame-truncated');
  });

  it('turns the status byte into flags', () => {
    expect(statusFlags({ status: 0x00 })).toEqual([]);
    expect(statusFlags({ status: 0xe0 })).toEqual([]);
    expect(statusFlags({ status: 0x04 })).toEqual(['low-battery']);
    for (const status of [0x02, 0x03, 0x08, 0x10]) expect(statusFlags({ status })).toEqual(['alarm']);
    expect(statusFlags({ status: 0x1c })).toEqual(['alarm', 'low-battery']);
  });
});

describe('data of every type (table 4)', () => {
  it.each([
    ['no data', '00 13', 'none'],
    ['selection for readout', '08 13', 'none'],
    ['int 8', '01 13 ff', '-0.001 m3'],
    ['int 16', '02 13 00 80', '-32.768 m3'],
    ['int 24', '03 13 15 31 00', '12.565 m3'],
    ['int 24, negative', '03 13 ff ff ff', '-0.001 m3'],
    ['int 32', '04 13 ff ff ff 7f', '2147483.647 m3'],
    ['int 48', '06 13 00 00 00 00 00 80', '-140737488355.328 m3'],
    ['int 64', '07 13 ff ff ff ff ff ff ff 7f', '9223372036854775.807 m3'],
    ['int 64, negative', '07 13 ff ff ff ff ff ff ff ff', '-0.001 m3'],
    ['real 32', '05 13 cd cc cc 3d', '0.0001 m3'],
    ['real 32, not a number', '05 13 00 00 c0 7f', 'invalid: the real number is NaN'],
    ['real 32, infinite', '05 13 00 00 80 ff', 'invalid: the real number is -Infinity'],
    ['BCD 2', '09 13 42', '0.042 m3'],
    ['BCD 4', '0a 13 34 12', '1.234 m3'],
    ['BCD 6', '0b 3b 27 01 00', '0.127 m3/h'],
    ['BCD 8', '0c 13 78 56 34 12', '12345.678 m3'],
    ['BCD 12', '0e 13 12 90 78 56 34 12', '123456789.012 m3'],
    ['BCD, negative', '0b 62 02 00 f0', '-0.2 K'],
    ['BCD, error digits', '0c 13 dd d4 eb dd', 'invalid: error digits DDEBD4DD'],
    ['BCD, F not in front', '0a 13 f4 12', 'invalid: error digits 12F4'],
    ['BCD, F in front of an error digit', '0a 13 34 fa', 'invalid: error digits FA34'],
    ['text', '0d fd 11 03 43 42 41', '"ABC"'],
    ['text, empty', '0d fd 11 00', '""'],
    ['variable BCD', '0d 13 c2 34 12', '1.234 m3'],
    ['variable BCD, negative', '0d 13 d2 34 12', '-1.234 m3'],
    ['variable BCD, none', '0d 13 c0', 'none'],
    ['variable BCD, none of a negative one', '0d 13 d0', 'none'],
    ['variable BCD, error digits', '0d 13 c1 f1', 'invalid: error digits F1'],
    // Table 5: E0 to EF and F0 to F6 are binary numbers.
    ['variable binary', '0d 13 e3 01 02 03', '197.121 m3'],
    ['variable binary, negative', '0d 13 e3 ff ff ff', '-0.001 m3'],
    ['variable binary of seven bytes', '0d 03 e7 ff ff ff ff ff ff 7f', '36028797018963967 Wh'],
    ['variable binary, none', '0d 13 e0', 'none'],
    ['variable binary of a count', '0d fd 60 e2 ff ff', '65535'],
    ['variable binary of what names something', '0d fd 0b e3 01 02 03', '<010203>'],
    ['variable binary of the manufacturer', '0d 7f e3 01 02 03', '<010203>'],
    [
      'numbers of variable length where a date was due',
      '0d 6d c2 12 34',
      'invalid: a number of variable length codes no date',
    ],
    [
      'binary of variable length where a date was due',
      '0d 6d e4 00 a6 7c 33',
      'invalid: a number of variable length codes no date',
    ],
    ['variable BCD in a container', '0d fd 3b c2 12 34', '<1234>'],
    ['text where a quantity was due', '0d 13 03 43 42 41', '"ABC"'],
    // Table 10, VIF 78 and 79; table 12, ids: digits, not quantities.
    ['fabrication number', '0c 78 78 56 04 00', '"00045678"'],
    ['fabrication number with hex digits', '0c 78 3e 02 00 05', '"0500023e"'],
    ['fabrication number, binary', '04 78 ff ff ff ff', '"4294967295"'],
    ['identification of twelve digits', '0e 79 12 90 78 56 34 00', '"003456789012"'],
    ['firmware version', '0a fd 0e 02 01', '"0102"'],
    ['identification, variable BCD', '0d 79 c2 34 02', '"0234"'],
  ])('%s', (_, bytes, expected) => {
    expect(shown(record(bytes))).toBe(expected);
  });

  it.each([0xca, 0xda, 0xf7, 0xff])('refuses the reserved length code %i', (lvar) => {
    expect(refusal(answer(`0d 13 ${lvar.toString(16)}`))).toBe('frame-unsupported');
  });

  it('holds long binaries', () => {
    expect(shown(record(`0d 16 f0 ${'00'.repeat(15)} 01`))).toBe(`${2n ** 120n} m3`);
    expect(shown(record(`0d 16 f4 ${'ff'.repeat(32)}`))).toBe('-1 m3');
    expect(shown(record(`0d 16 f5 01 ${'00'.repeat(47)}`))).toBe('1 m3');
    expect(shown(record(`0d fd 19 f6 ${'5a'.repeat(64)}`))).toBe(`<${'5a'.repeat(64)}>`);
  });

  it('reads back any BCD and any integer exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const bytes = BigInt.asUintN(64, value).toString(16).padStart(16, '0');
        const low = (bytes.match(/../g) ?? []).reverse().join('');
        expect(shown(record(`07 16 ${low}`))).toBe(`${value} m3`);
      }),
      { numRuns: 200 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99_999_999 }), (value) => {
        const low = (String(value).padStart(8, '0').match(/../g) ?? []).reverse().join('');
        expect(shown(record(`0c 16 ${low}`))).toBe(`${value} m3`);
      }),
      { numRuns: 200 },
    );
  });
});

describe('where a record stands', () => {
  it('reads function and storage from the DIF', () => {
    expect(record('01 13 00')).toMatchObject({ function: 'instantaneous', storage: 0, tariff: 0, subunit: 0 });
    expect(record('51 13 00')).toMatchObject({ function: 'maximum', storage: 1 });
    expect(record('21 13 00')).toMatchObject({ function: 'minimum' });
    expect(record('31 13 00')).toMatchObject({ function: 'error' });
  });

  it('adds up the DIFEs', () => {
    expect(record('81 40 13 00')).toMatchObject({ storage: 0, tariff: 0, subunit: 1 });
    expect(record('c1 b1 42 13 00')).toMatchObject({ storage: 1 + 2 + 64, tariff: 3, subunit: 2 });
    expect(record(`c1 ${'ff'.repeat(9)} 7f 13 00`)).toMatchObject({
      storage: 2 ** 41 - 1,
      tariff: 2 ** 20 - 1,
      subunit: 1023,
    });
  });

  it('refuses more than ten DIFEs or VIFEs', () => {
    expect(refusal(answer(`81 ${'80'.repeat(10)} 00 13 00`))).toBe('frame-unsupported');
    expect(refusal(answer(`01 93 ${'ff'.repeat(10)} 00 00`))).toBe('frame-unsupported');
  });

  it('keeps the bytes of each record', () => {
    const { records } = telegram(answer('2f 0c 13 27 04 85 02 2f 2f 42 6c ff 0c 2f'));
    expect(records.map(({ raw }) => raw)).toEqual(['0c1327048502', '426cff0c']);
  });

  it('keeps manufacturer data and tells that more telegrams follow', () => {
    expect(telegram(answer('01 13 01 0f aa bb'))).toMatchObject({ manufacturerData: 'aabb', moreFollows: false });
    expect(telegram(answer('01 13 01 1f'))).toMatchObject({ manufacturerData: '', moreFollows: true });
    expect(telegram(answer('01 13 01'))).toMatchObject({ manufacturerData: undefined, moreFollows: false });
  });

  it('refuses the whole telegram for one bad record', () => {
    expect(refusal(answer('0c 13 27 04 85 02 0c 13 27 04 85'))).toBe('frame-length');
    expect(refusal(answer('0c 13 27 04 85 02 3f'))).toBe('frame-unsupported');
    expect(refusal(answer('0c 13 27 04 85 02 7f'))).toBe('frame-unsupported');
    expect(refusal(answer('0c 13 27 04 85 02 8f 00'))).toBe('frame-unsupported');
    expect(refusal(answer('0c'))).toBe('frame-length');
  });
});
