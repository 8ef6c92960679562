import { describe, expect, it } from 'vitest';
import { decimalText } from '../../src/core/decimal.ts';
import { answer } from './mbus.testkit.ts';
import { decodeTelegram } from './telegram.ts';

/** What one 8-bit record of value 2 and this VIF (and VIFEs) says: `quantity value unit [vife]`. */
function said(vib: string, data = '01'): string {
  const length = { '01': '02', '02': '02 00', '04': '02 00 00 00' }[data];
  const decoded = decodeTelegram(answer(`${data} ${vib} ${length}`));
  if (!decoded.ok) return decoded.failure.code;
  const [record] = decoded.telegram.records;
  if (!record) return 'no record';
  const { quantity, unit, value, vife } = record;
  const text =
    value.kind === 'number' ? decimalText(value.number) : value.kind === 'text' ? `"${value.text}"` : value.kind;
  const reason = value.kind === 'invalid' ? value.reason : '';
  return [quantity, text, unit, reason, vife.length ? `[${vife.join(' ')}]` : ''].filter(Boolean).join(' ');
}

describe('primary VIFs (table 10)', () => {
  it.each([
    ['00', 'energy 0.002 Wh'],
    ['07', 'energy 20000 Wh'],
    ['08', 'energy 2 J'],
    ['0f', 'energy 20000000 J'],
    ['10', 'volume 0.000002 m3'],
    ['17', 'volume 20 m3'],
    ['18', 'mass 0.002 kg'],
    ['1f', 'mass 20000 kg'],
    ['20', 'on-time 2 s'],
    ['23', 'on-time 172800 s'],
    ['25', 'operating-time 120 s'],
    ['28', 'power 0.002 W'],
    ['2f', 'power 20000 W'],
    ['30', 'power 2 J/h'],
    ['38', 'volume-flow 0.000002 m3/h'],
    ['3f', 'volume-flow 20 m3/h'],
    ['40', 'volume-flow 0.0000120 m3/h'],
    ['48', 'volume-flow 0.000007200 m3/h'],
    ['50', 'mass-flow 0.002 kg/h'],
    ['58', 'flow-temperature 0.002 °C'],
    ['5b', 'flow-temperature 2 °C'],
    ['5c', 'return-temperature 0.002 °C'],
    ['60', 'temperature-difference 0.002 K'],
    ['64', 'temperature 0.002 °C'],
    ['68', 'pressure 0.002 bar'],
    ['6b', 'pressure 2 bar'],
    ['6e', 'heat-cost-units 2 1'],
    ['6f', 'reserved 2'],
    ['72', 'averaging-duration 7200 s'],
    ['77', 'actuality-duration 172800 s'],
    ['78', 'fabrication-number "2"'],
    ['79', 'identification "2"'],
    ['7a', 'bus-address 2'],
    ['7b', 'reserved 2'],
    ['7e', 'reserved 2'],
    ['7f', 'manufacturer-specific 2'],
  ])('%s is %s', (vib, expected) => {
    expect(said(vib)).toBe(expected);
  });

  it('takes dates only from the lengths that code one', () => {
    expect(said('6c')).toMatch(/^date invalid/);
    expect(said('6d', '02')).toMatch(/^time-point invalid/);
    expect(said('6d', '04')).toMatch(/no date set/);
  });

  it('takes codes and counts of the FD table as unsigned, quantities as signed', () => {
    const first = (vib: string) => {
      const decoded = decodeTelegram(answer(`01 ${vib} ff`));
      const value = decoded.ok ? decoded.telegram.records[0]?.value : undefined;
      return value?.kind === 'number' ? decimalText(value.number) : 'none';
    };
    expect(first('fd 17')).toBe('255');
    expect(first('fd 49')).toBe('-1');
  });
});

describe('extension tables', () => {
  it.each([
    ['fb 00', 'energy 200000 Wh'],
    ['fb 01', 'energy 2000000 Wh'],
    ['fb 02', 'reactive-energy 2000 varh'],
    ['fb 03', 'reactive-energy 20000 varh'],
    ['fb 04', 'apparent-energy 2000 VAh'],
    ['fb 06', 'reserved 2'],
    ['fb 08', 'energy 200000000 J'],
    ['fb 0d', 'energy 2000000 cal'],
    ['fb 10', 'volume 200 m3'],
    ['fb 14', 'reactive-power 2 var'],
    ['fb 18', 'mass 200000 kg'],
    ['fb 1a', 'relative-humidity 0.2 %'],
    ['fb 21', 'volume 0.2 ft3'],
    ['fb 28', 'power 200000 W'],
    ['fb 2f', 'frequency 2 Hz'],
    ['fb 30', 'power 200000000 J/h'],
    ['fb 37', 'apparent-power 2000 VA'],
    ['fb 77', 'temperature-limit 2 °C'],
    ['fb 7b', 'maximum-power-sum 2 W'],
    ['fd 03', 'credit 2 currency'],
    ['fd 0f', 'software-version "2"'],
    ['fd 17', 'error-flags 2'],
    ['fd 1c', 'baud-rate 2 Bd'],
    ['fd 24', 'storage-interval 2 s'],
    ['fd 28', 'storage-interval 2 month'],
    ['fd 31', 'tariff-duration 120 s'],
    ['fd 3a', 'dimensionless 2 1'],
    ['fd 3b', 'wireless-container bytes'],
    ['fd 40', 'voltage 0.000000002 V'],
    ['fd 48', 'voltage 0.2 V'],
    ['fd 5c', 'current 2 A'],
    ['fd 60', 'reset-counter 2'],
    ['fd 68', 'duration-since-cumulation 7200 s'],
    ['fd 6f', 'battery-operating-time 2 year'],
    ['fd 74', 'battery-remaining 2 day'],
    ['fd 7c', 'reserved 2'],
  ])('%s is %s', (vib, expected) => {
    expect(said(vib)).toBe(expected);
  });

  it('reads dates of the FD table', () => {
    expect(said('fd 30', '04')).toMatch(/^tariff-start invalid/);
    expect(said('fd 70', '02')).toMatch(/^battery-change invalid/);
  });
});

describe('VIFs in text', () => {
  it('gives the text as the unit, right-most character first', () => {
    expect(said('7c 03 48 52 25')).toBe('plain-text 2 %RH');
    expect(said('fc 03 48 52 25 74')).toBe('plain-text 0.02 %RH [74]');
  });

  it('refuses text that cannot be read', () => {
    expect(said('7c 01 07')).toBe('frame-unsupported');
    expect(said('7c 00')).toBe('frame-unsupported');
    expect(said('fc 74 03 48 52 25')).toBe('frame-length');
  });
});

describe('VIFEs (table 15)', () => {
  it.each([
    ['93 3b', 'volume 0.002 m3 [3b]'],
    ['93 bb 7c', 'reserved 2 [3b 7c]'],
    // 7C: the byte after it is of another table, here it would be a factor of 1000.
    ['93 fc 7d', 'volume 0.002 m3 [7c 7d]'],
    ['93 70', 'volume 0.000000002 m3 [70]'],
    ['93 77', 'volume 0.02 m3 [77]'],
    ['93 7d', 'volume 2 m3 [7d]'],
    ['93 7a', 'volume 0.102 m3 [7a]'],
    ['93 f7 7b', 'volume 1.02 m3 [77 7b]'],
    ['93 7e', 'volume 0.002 m3 [7e]'],
    ['93 ff 7d', 'volume 0.002 m3 [7f 7d]'],
    ['93 22', 'volume 0.002 m3/h [22]'],
    ['93 28', 'volume 0.002 m3/pulse in 0 [28]'],
    ['a9 36', 'power 0.02 W*s [36]'],
    ['93 15', 'volume invalid m3 no data available [15]'],
    ['93 16', 'volume invalid m3 data overflow [16]'],
    ['93 00', 'volume 0.002 m3 [00]'],
    ['93 1f', 'volume-profile bytes [1f]'],
    ['93 12', 'volume 0.002 m3 [12]'],
    // 14: a relative deviation, whose unit no table tells; 11 is reserved.
    ['93 14', 'volume-relative-deviation 2 [14]'],
    ['93 11', 'reserved 2 [11]'],
    ['83 3f', 'energy-obis-code bytes [3f]'],
    ['93 3d', 'reserved 2 [3d]'],
    // Limits, how often they were exceeded and for how long: none of it is a flow or an energy.
    ['bb 40', 'volume-flow-lower-limit 0.002 m3/h [40]'],
    ['bb 48', 'volume-flow-upper-limit 0.002 m3/h [48]'],
    ['83 41', 'energy-lower-limit-exceed-count 2 1 [41]'],
    ['bb 49', 'volume-flow-upper-limit-exceed-count 2 1 [49]'],
    ['be 51', 'volume-flow-lower-limit-exceed-first-duration 120 s [51]'],
    ['be 5e', 'volume-flow-upper-limit-exceed-last-duration 7200 s [5e]'],
    ['be 62', 'volume-flow-first-duration 7200 s [62]'],
    ['be 67', 'volume-flow-last-duration 172800 s [67]'],
    ['83 68', 'energy-during-lower-limit-exceed 2 Wh [68]'],
    ['83 6c', 'energy-during-upper-limit-exceed 2 Wh [6c]'],
    ['93 69', 'volume-leakage 0.002 m3 [69]'],
    ['93 6d', 'volume-overflow 0.002 m3 [6d]'],
    ['93 44', 'reserved 2 [44]'],
    ['fd c8 fc 01', 'voltage 0.2 V [7c 01]'],
    // Behind 7c: 13 is a direction in one edition and an end date in the next.
    ['83 fc 0c', 'energy 2 Wh [7c 0c]'],
    ['83 fc 13', 'reserved 2 [7c 13]'],
    ['ff 93 70', 'manufacturer-specific 2 [13 70]'],
    ['fd fd 70', 'reserved 2 [70]'],
  ])('%s is %s', (vib, expected) => {
    expect(said(vib)).toBe(expected);
  });

  it.each([
    ['39', 'start'],
    ['42', 'lower-limit-exceed-first-begin'],
    ['4f', 'upper-limit-exceed-last-end'],
    ['6a', 'first-begin'],
    ['6f', 'last-end'],
  ])('%s makes the value a date', (vife, name) => {
    expect(said(`bb ${vife}`, '04')).toBe(`volume-flow-${name} invalid no date set [${vife}]`);
  });

  it('7c 11 and 7c 12 (types C and D) make a number that may be below zero one that is not', () => {
    const of = (vib: string) => {
      const decoded = decodeTelegram(answer(`01 ${vib} ff`));
      const value = decoded.ok ? decoded.telegram.records[0]?.value : undefined;
      return value?.kind === 'number' ? decimalText(value.number) : 'none';
    };
    expect([of('83 fc 01'), of('83 fc 11'), of('83 fc 12')]).toEqual(['-1', '255', '255']);
  });
});
