import { describe, expect, it } from 'vitest';
import { decimalText } from '../../src/core/decimal.ts';
import type { Step } from '../../src/core/driver.ts';
import { type BusMeter, mbusBus, oneAfterTheOther } from '../../src/sim/meter/mbus-bus.ts';
import { integer, record } from '../../src/sim/meter/mbus-encode.ts';
import type { SimulatedMeter } from '../../src/sim/meter/mbus-meter.ts';
import { converse } from './bus.testkit.ts';
import { hex } from './hex.ts';
import { mbusDriver } from './index.ts';
import { answer, boundDevice, HEADER, unhex } from './mbus.testkit.ts';
import { parseSecondary, secondaryText } from './secondary.ts';
import { applicationReset, baudSwitch, linkReset } from './setup.ts';

const VOLUME = { quantity: 'volume.base', unit: 'm3', kind: 'counter', mbus: { value: 'volume' } };
const PRESSURE = { quantity: 'pressure', unit: 'bar', kind: 'instantaneous', mbus: { value: 'pressure' } };
const CURRENT = { want: 'current', now: 1_774_674_000_000 } as const;

function meter(id: string, litres: number, more: Partial<BusMeter> = {}): BusMeter {
  const telegrams = [
    [...record({ vif: [0x13], data: integer(litres, 4) }), 0x1f],
    record({ vif: [0x68], data: integer(litres, 2) }),
  ];
  return { id, manufacturer: 'KAM', version: 1, medium: 3, primary: 0, telegrams: () => telegrams, ...more };
}

function session(secondary: string, readings: readonly unknown[] = [VOLUME]) {
  return mbusDriver.session(boundDevice(readings, { config: { address: 253, secondary } }), CURRENT);
}

function outcome(end: Step): string {
  if (end.kind === 'missed') return end.failure.code;
  return end.kind === 'read' ? end.result.values.map(({ value }) => decimalText(value)).join() : end.kind;
}

describe('a meter by its secondary address', () => {
  it('is selected, and asked at 253 with the frame count bit changing', () => {
    const bus = mbusBus([meter('12082058', 5, { manufacturer: 'AMT', version: 0x40 })]);
    const { requests, end } = converse(session('12082058', [VOLUME, PRESSURE]), bus);
    expect(requests.map((bytes) => hex(bytes))).toEqual([
      '680b0b6873fd5258200812ffffffff5016',
      '1040fd3d16',
      '680b0b6873fd5258200812ffffffff5016',
      '107bfd7816',
      '105bfd5816',
    ]);
    expect(outcome(end)).toBe('0.005,0.005');
    expect(end).toMatchObject({ result: { identity: { serial: '12082058', maker: 'AMT' } } });
  });

  it('is told from the others of its bus, read one after the other', () => {
    const bus = mbusBus([meter('11111111', 1), meter('11111112', 2), meter('11111113', 3)]);
    for (const round of [1, 2, 3])
      for (const n of [1, 2, 3]) {
        expect(outcome(converse(session(`1111111${n}`), bus).end), `round ${round}`).toBe(`0.00${n}`);
      }
  });

  describe('is deselected too, which it need not answer, and selected again', () => {
    const SELECT = '680b0b6873fd5211111111ffffffff0216';
    const CLEAN = [SELECT, '107bfd7816'];
    const RESET = [SELECT, '1040fd3d16', ...CLEAN];
    const one = (model = {}) => boundDevice([VOLUME], { config: { address: 253, secondary: '11111111' }, model });
    const read = (device: ReturnType<typeof one>, bus: SimulatedMeter) => {
      const { requests, end } = converse(mbusDriver.session(device, CURRENT), bus);
      return { sent: requests.map((bytes) => hex(bytes)), told: outcome(end) };
    };

    it('where its device file says so', () => {
      const bus = mbusBus([meter('11111111', 1)]);
      const device = one({ mbus: { deselect: true } });
      expect(read(device, bus)).toEqual({ sent: RESET, told: '0.001' });
      const silentThere: SimulatedMeter = (request, now) => (request[1] === 0x40 ? undefined : bus(request, now));
      expect(read(device, silentThere)).toEqual({ sent: RESET, told: '0.001' });
      const session = mbusDriver.session(device, CURRENT);
      expect(session.start()).not.toHaveProperty('isOptional');
      expect(session.received(unhex('e5'))).toMatchObject({ isOptional: true, replyWithinMs: 500 });
      expect(session.silent()).not.toHaveProperty('isOptional');
    });

    it('after a dialogue whose answer was lost, since the meter may have it still; not after one of a dead meter', () => {
      const bus = mbusBus([meter('11111111', 1)]);
      const device = one();
      expect(read(device, bus)).toEqual({ sent: RESET, told: '0.001' });
      expect(read(device, bus)).toEqual({ sent: CLEAN, told: '0.001' });
      expect(read(device, () => undefined).told).toBe('no-answer');
      expect(read(device, bus).sent).toEqual(CLEAN);
      const lost: SimulatedMeter = (request, now) => (request[1] === 0x7b ? undefined : bus(request, now));
      expect(read(device, lost)).toEqual({ sent: CLEAN, told: 'no-answer' });
      expect(read(device, bus)).toEqual({ sent: RESET, told: '0.001' });
      expect(read(device, bus).sent).toEqual(CLEAN);
    });

    it('at the first time, and from then on that a selection did not clear its bit: the last telegram is not taken again', () => {
      let litres = 0;
      const counting = meter('11111111', 0, {
        telegrams: () => [record({ vif: [0x13], data: integer(++litres, 4) })],
      });
      const bus = mbusBus([counting]);
      let isSelected = false;
      const stubborn: SimulatedMeter = (request, now) => {
        if (request[0] === 0x68 && isSelected) return unhex('e5');
        isSelected = request[1] !== 0x40;
        return bus(request, now);
      };
      const device = one();
      expect(read(device, stubborn)).toEqual({ sent: RESET, told: '0.001' });
      expect(read(device, stubborn)).toEqual({ sent: [...CLEAN, ...RESET.slice(1)], told: '0.002' });
      expect(read(device, stubborn)).toEqual({ sent: RESET, told: '0.003' });
      const afterRestart = one();
      expect(read(afterRestart, stubborn)).toEqual({ sent: RESET, told: '0.004' });
    });
  });

  it('gives its first telegram again after a dialogue that was broken off', () => {
    const bus = mbusBus([meter('11111111', 1)]);
    const first = session('11111111', [VOLUME, PRESSURE]);
    first.start();
    for (const request of ['1040fd3d16', '680b0b6873fd5211111111ffffffff0216', '107bfd7816']) bus(unhex(request), 0);
    expect(outcome(converse(session('11111111', [VOLUME, PRESSURE]), bus).end)).toBe('0.001,0.001');
  });

  it('may be given by part of its address', () => {
    const bus = mbusBus([meter('11111111', 1), meter('22222222', 2, { manufacturer: 'ELS' })]);
    expect(outcome(converse(session('2fffffff'), bus).end)).toBe('0.002');
    expect(outcome(converse(session('ffffffff9315ffff'), bus).end)).toBe('0.002');
    expect(outcome(converse(session('ffffffff93150103'), bus).end)).toBe('0.002');
    expect(outcome(converse(session('ffffffff93150203'), bus).end)).toBe('no-answer');
    expect(outcome(converse(session('ffffffff93150107'), bus).end)).toBe('no-answer');
  });

  it('that is not there is no answer; two that fit are a named failure', () => {
    const meters = [meter('11111111', 1), meter('11111112', 2)];
    expect(outcome(converse(session('33333333'), mbusBus(meters)).end)).toBe('no-answer');
    expect(outcome(converse(session('1111111f'), mbusBus(meters, oneAfterTheOther)).end)).toBe('frame-trailing');
  });

  it('must be the one that answers', () => {
    const acks = (reply: Uint8Array) => (request: Uint8Array) => (request[1] === 0x7b ? reply : unhex('e5'));
    const good = answer('0c 13 27 04 85 02', HEADER, 253);
    expect(outcome(converse(session('12345678'), acks(good)).end)).toBe('2850.427');
    expect(outcome(converse(session('12345679'), acks(good)).end)).toBe('wrong-address');
    expect(outcome(converse(session('12345678ffff02ff'), acks(good)).end)).toBe('wrong-address');
    expect(outcome(converse(session('12345678ffffff07'), acks(good)).end)).toBe('wrong-address');
    expect(outcome(converse(session('123456789315ffff'), acks(good)).end)).toBe('wrong-address');
    const nameless = unhex('68 09 09 68 08 01 78 0c 13 27 04 85 02 52 16');
    expect(outcome(converse(session('12345678'), acks(nameless)).end)).toBe('frame-unsupported');
  });

  it('does not begin without 253, and 253 not without it', () => {
    const begin = (config: object) => () => mbusDriver.session(boundDevice([VOLUME], { config }), CURRENT);
    expect(begin({ address: 5, secondary: '12345678' })).toThrow(RangeError);
    expect(begin({ address: 253 })).toThrow(RangeError);
    expect(begin({ address: 253, secondary: '1234' })).toThrow(RangeError);
  });

  it('is written as it is read', () => {
    for (const text of ['12345678ffffffff', '1234567f2d2c0103', '0500023e434c1202']) {
      expect(secondaryText(parseSecondary(text.toUpperCase()))).toBe(text);
    }
    expect(secondaryText(parseSecondary('12345678'))).toBe('12345678ffffffff');
  });
});

describe('setting up a meter', () => {
  const target = { address: 1, replyWithinMs: 500, gapTimeoutMs: 100 };
  const setting = { baud: 2400, dataBits: 8, parity: 'even', stopBits: 1 } as const;
  const steps = (play: ReturnType<typeof linkReset>, replies: readonly string[]) => {
    const left = [...replies];
    const seen: string[] = [];
    let step = play.start();
    while (step.kind !== 'read' && step.kind !== 'missed') {
      if (step.kind === 'line') {
        seen.push(`${step.setting.baud} baud`);
        step = play.received(new Uint8Array(0));
      } else {
        if (step.kind === 'send') seen.push(hex(step.bytes));
        const reply = left.shift();
        step = reply ? play.received(unhex(reply)) : play.silent();
      }
    }
    return [...seen, step.kind === 'missed' ? step.failure.code : step.kind];
  };

  it('resets the link and the application (CI 50)', () => {
    expect(steps(linkReset(target), ['e5'])).toEqual(['1040014116', 'read']);
    expect(steps(linkReset(target), [])).toEqual(['1040014116', 'no-answer']);
    expect(steps(applicationReset(target), ['e5', 'e5'])).toEqual(['1040014116', '68030368730150c416', 'read']);
    expect(steps(applicationReset(target, 0x10), ['e5', 'e5'])[1]).toBe('6804046873015010d416');
    expect(steps(linkReset(target), ['68 04 04 68 08 01 70 08 81 16'])).toEqual(['1040014116', 'wrong-function']);
  });

  it('is obeyed by a meter that is strict about the frame count bit, and once', () => {
    for (const at of [target, { ...target, address: 253, secondary: '11111111' }]) {
      const obeyed: number[] = [];
      const bus = mbusBus([meter('11111111', 1, { primary: 1, obeyed: (ci) => obeyed.push(ci) })]);
      for (let n = 1; n <= 3; n++) {
        const { end, requests } = converse(applicationReset(at), bus);
        expect(end.kind).toBe('read');
        expect(obeyed).toHaveLength(n);
        // The last frame once more, as after a lost acknowledgement: acknowledged, not obeyed again.
        expect(hex(bus(requests.at(-1)!, 0)!)).toBe('e5');
        expect(obeyed).toHaveLength(n);
      }
      // IEC 60870-5-2: with the bit clear the first command after a reset would pass for a repetition.
      bus(unhex('1040014116'), 0);
      expect(hex(bus(unhex('68030368530150a416'), 0)!)).toBe('e5');
      expect(obeyed).toHaveLength(3);
    }
  });

  it('changes the speed of meter and line (CI B8 to BD)', () => {
    expect(steps(baudSwitch(target, setting, 9600), ['e5', 'e5', 'e5'])).toEqual([
      '1040014116',
      '680303687301bd3116',
      '9600 baud',
      '1040014116',
      'read',
    ]);
    expect(() => baudSwitch(target, setting, 19_200)).toThrow(RangeError);
  });

  it('sets the line back when the meter does not answer at the new speed', () => {
    const seen = steps(baudSwitch(target, setting, 300), ['e5', 'e5']);
    expect(seen.slice(2)).toEqual(['300 baud', '1040014116', '2400 baud', 'no-answer']);
  });

  it('selects first where the meter has a secondary address', () => {
    const selected = { ...target, address: 253, secondary: '12345678' };
    expect(steps(baudSwitch(selected, setting, 4800), ['e5', 'e5', 'e5', 'e5']).slice(0, 3)).toEqual([
      '1040fd3d16',
      '680b0b6873fd5278563412ffffffffd216',
      '6803036873fdbc2c16',
    ]);
    expect(() => applicationReset({ ...selected, address: 1 })).toThrow(RangeError);
  });
});
