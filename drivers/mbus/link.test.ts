import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalText } from '../../src/core/decimal.ts';
import type { ReadRequest, Step } from '../../src/core/driver.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { type BusMeter, mbusBus } from '../../src/sim/meter/mbus-bus.ts';
import { integer, record } from '../../src/sim/meter/mbus-encode.ts';
import type { SimulatedMeter } from '../../src/sim/meter/mbus-meter.ts';
import { converse } from './bus.testkit.ts';
import { hex } from './hex.ts';
import { mbusDriver } from './index.ts';
import { boundDevice, unhex } from './mbus.testkit.ts';

/** The frame count bit from one dialogue to the next, and that an old telegram never passes for a new one. */

const VOLUME = { quantity: 'volume.base', unit: 'm3', kind: 'counter', mbus: { value: 'volume' } };
const PRESSURE = { quantity: 'pressure', unit: 'bar', kind: 'instantaneous', mbus: { value: 'pressure' } };
const SND_NKE = '1040014116';
const REQ_SET = '107b017c16';
const REQ_CLEAR = '105b015c16';
const SECOND = 1_000;
const NOW = 1_774_674_000_000;

/** Its counter shows the second at which the telegram was made, so that an old telegram shows itself. */
function meter(more: Partial<BusMeter> = {}): BusMeter {
  const telegrams = (now: number) => [record({ vif: [0x16], data: integer(Math.floor((now - NOW) / SECOND), 4) })];
  return { id: '12345678', manufacturer: 'KAM', version: 1, medium: 3, primary: 1, telegrams, ...more };
}

function current(second: number, unbroken = true): ReadRequest {
  return { want: 'current', now: NOW + second * SECOND, unbroken };
}

/** Requests and value of one dialogue. */
function read(device: BoundDevice, bus: SimulatedMeter, request: ReadRequest): { sent: string[]; told: string } {
  const { requests, end } = converse(mbusDriver.session(device, request), bus, request.now);
  return { sent: requests.map((bytes) => hex(bytes)), told: outcome(end) };
}

function outcome(end: Step): string {
  if (end.kind === 'missed') return end.failure.code;
  return end.kind === 'read' ? end.result.values.map(({ value }) => decimalText(value)).join() : end.kind;
}

describe('SND_NKE is left out where the link is known', () => {
  it('and the frame count bit goes on changing', () => {
    const [device, bus] = [boundDevice([VOLUME]), mbusBus([meter()])];
    expect(read(device, bus, current(1))).toEqual({ sent: [SND_NKE, REQ_SET], told: '1' });
    expect(read(device, bus, current(2))).toEqual({ sent: [REQ_CLEAR], told: '2' });
    expect(read(device, bus, current(3))).toEqual({ sent: [REQ_SET], told: '3' });
    expect(read(device, bus, current(4))).toEqual({ sent: [REQ_CLEAR], told: '4' });
  });

  it('but is sent where the line was opened anew or another spoke on it', () => {
    const [device, bus] = [boundDevice([VOLUME]), mbusBus([meter()])];
    read(device, bus, current(1));
    expect(read(device, bus, current(2, false))).toEqual({ sent: [SND_NKE, REQ_SET], told: '2' });
    expect(read(device, bus, { want: 'current', now: NOW + 3 * SECOND }).sent[0]).toBe(SND_NKE);
  });

  it('and where the last dialogue is longer ago than a minute, or in the future', () => {
    const [device, bus] = [boundDevice([VOLUME]), mbusBus([meter()])];
    read(device, bus, current(100));
    expect(read(device, bus, current(161)).sent[0]).toBe(SND_NKE);
    expect(read(device, bus, current(160)).sent[0]).toBe(SND_NKE);
    expect(read(device, bus, current(220)).sent).toEqual([REQ_CLEAR]);
  });

  it('and after any dialogue that failed', () => {
    const [device, bus] = [boundDevice([VOLUME]), mbusBus([meter()])];
    read(device, bus, current(1));
    expect(read(device, () => undefined, current(2))).toEqual({ sent: [REQ_CLEAR], told: 'no-answer' });
    expect(read(device, bus, current(3))).toEqual({ sent: [SND_NKE, REQ_SET], told: '3' });
  });

  it('and after a session that was begun and given up', () => {
    const [device, bus] = [boundDevice([VOLUME]), mbusBus([meter()])];
    read(device, bus, current(1));
    mbusDriver.session(device, current(2)).start();
    expect(read(device, bus, current(3)).sent[0]).toBe(SND_NKE);
  });

  it('and by secondary address, and behind an answer of several telegrams', () => {
    const bus = mbusBus([meter()]);
    const selected = boundDevice([VOLUME], { config: { address: 253, secondary: '12345678' } });
    read(selected, bus, current(0));
    const second = read(selected, bus, current(1)).sent;
    expect(read(selected, bus, current(2)).sent).toEqual(second);
    const two = meter({
      telegrams: () => [
        [...record({ vif: [0x16], data: integer(5, 4) }), 0x1f],
        record({ vif: [0x6b], data: integer(7, 4) }),
      ],
    });
    const [both, twice] = [boundDevice([VOLUME, PRESSURE]), mbusBus([two])];
    expect(read(both, twice, current(1))).toEqual({ sent: [SND_NKE, REQ_SET, REQ_CLEAR], told: '5,7' });
    expect(read(both, twice, current(2))).toEqual({ sent: [SND_NKE, REQ_SET, REQ_CLEAR], told: '5,7' });
  });
});

it('one meter that is two devices and has one bit for both: neither takes the answer to the other again', () => {
  const byPrimary = boundDevice([VOLUME]);
  const bySecondary = boundDevice([VOLUME], { config: { address: 253, secondary: '12345678' } });
  // As ABB's A43 and A44 do it: what is said to 253 counts as said to the primary address.
  const bus = mbusBus([meter()]);
  const oneBit: SimulatedMeter = (request, now) => {
    const reset = unhex('1040014116');
    if (request[2] === 0xfd && request[1] === 0x40) return bus(reset, now);
    if (request[0] === 0x68) return Uint8Array.of(0xe5);
    return bus(request[2] === 0xfd ? unhex(request[1] === 0x7b ? REQ_SET : REQ_CLEAR) : request, now);
  };
  expect(read(byPrimary, oneBit, current(1)).told).toBe('1');
  expect(read(byPrimary, oneBit, current(2)).told).toBe('2');
  expect(read(bySecondary, oneBit, current(3)).told).toBe('3');
  expect(read(byPrimary, oneBit, current(4))).toEqual({ sent: [SND_NKE, REQ_SET], told: '4' });
});

describe('an answer that does not show to be the next one', () => {
  it('is thrown away: the last telegram again, after another master had set the bit', () => {
    const [device, bus] = [boundDevice([VOLUME]), mbusBus([meter()])];
    read(device, bus, current(1));
    read(device, bus, current(2));
    // Another master: its reset and its request make the bit that comes next the one that it used.
    for (const text of [SND_NKE, REQ_SET, REQ_CLEAR, REQ_SET]) bus(unhex(text), NOW + 3 * SECOND);
    expect(read(device, bus, current(4))).toEqual({ sent: [REQ_SET, SND_NKE, REQ_SET], told: '4' });
  });

  it('and the meter is reset before each reading from then on', () => {
    const [device, bus] = [boundDevice([VOLUME]), mbusBus([meter({ countsAnswers: false })])];
    expect(read(device, bus, current(1)).told).toBe('1');
    expect(read(device, bus, current(2))).toEqual({ sent: [REQ_CLEAR, SND_NKE, REQ_SET], told: '2' });
    expect(read(device, bus, current(3))).toEqual({ sent: [SND_NKE, REQ_SET], told: '3' });
  });

  it('and another meter is not taken for the one before', () => {
    const device = boundDevice([VOLUME]);
    read(device, mbusBus([meter()]), current(1));
    const other = mbusBus([meter({ id: '87654321' })]);
    for (const text of [SND_NKE, REQ_SET]) other(unhex(text), NOW);
    expect(read(device, other, current(2)).sent).toEqual([REQ_CLEAR, SND_NKE, REQ_SET]);
  });
});

describe('on a line that loses and spoils', () => {
  /** What happens to one exchange: the request is lost, the answer is lost, or a byte of the answer is changed. */
  const fault = fc.constantFrom('none', 'none', 'none', 'request', 'answer', 'noise');

  it('no value is older than its question, whatever is lost', () => {
    const turns = fc.array(
      fc.record({ faults: fc.array(fault, { minLength: 4, maxLength: 4 }), reopened: fc.boolean() }),
      {
        maxLength: 30,
      },
    );
    let known = 0;
    fc.assert(
      fc.property(turns, fc.boolean(), (all, countsAnswers) => {
        const [device, bus] = [boundDevice([VOLUME]), mbusBus([meter({ countsAnswers })])];
        let wasGood = false;
        all.forEach(({ faults, reopened }, second) => {
          let exchange = 0;
          const lossy: SimulatedMeter = (request, now) => spoilt(faults[exchange++] ?? 'none', bus, request, now);
          // As the collector has it: unbroken after a good dialogue on a line that stayed open.
          const { sent, told } = read(device, lossy, current(second, wasGood && !reopened));
          wasGood = /^\d+$/.test(told);
          if (wasGood) expect(told).toBe(String(second));
          if (sent[0] !== SND_NKE) known += 1;
        });
      }),
      { numRuns: 500 },
    );
    expect(known).toBeGreaterThan(100);
  });

  function spoilt(kind: string, bus: SimulatedMeter, request: Uint8Array, now: number): Uint8Array | undefined {
    if (kind === 'request') return undefined;
    const answer = bus(request, now)?.slice();
    if (kind === 'answer') return undefined;
    if (kind === 'noise' && answer) answer[answer.length >> 1]! ^= 0x10;
    return answer;
  }
});
