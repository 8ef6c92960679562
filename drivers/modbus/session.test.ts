import { describe, expect, test } from 'vitest';
import type { Session } from '../../src/core/driver.ts';
import { createModbusDriver, modbusDriver } from './index.ts';
import { modbusDevice, RegisterMeter } from './meter.testkit.ts';
import { rtuFrame } from './rtu.ts';
import { tcpFrame } from './tcp.ts';

const place = (address: number) => ({ table: 'input', address, type: 'u16' });
const reading = (quantity: string, unit: string, address: number) => ({
  quantity,
  unit,
  kind: 'instantaneous',
  modbus: place(address),
});
/** Two readings apart, so two requests of equal shape: what a late answer would be mistaken in. */
const MODEL = {
  readings: [reading('pressure', 'bar', 10), reading('temperature', '°C', 200)],
  gapTimeoutMs: 40,
  replyTimeoutMs: 900,
};
const rtu = modbusDevice(MODEL);
const tcp = modbusDevice(MODEL, {}, 'modbus-tcp');
const meter = new RegisterMeter();
meter.write('input', 10, [1]);
meter.write('input', 200, [2]);

const open = (device = rtu, driver = modbusDriver): Session => driver.session(device, { want: 'current', now: 0 });
function sent(step: ReturnType<Session['start']>): Uint8Array {
  if (step.kind !== 'send') throw new Error(`expected a request, got ${JSON.stringify(step)}`);
  return step.bytes;
}

describe('a dialogue', () => {
  test('one request after the other, an answer in any pieces', () => {
    const session = open();
    const first = session.start();
    expect(first).toMatchObject({ kind: 'send', replyWithinMs: 900 });
    const answer = meter.rtu(sent(first));
    expect(session.received(answer.subarray(0, 1))).toEqual({ kind: 'wait', atMostMs: 40 });
    expect(session.received(answer.subarray(1, 4))).toEqual({ kind: 'wait', atMostMs: 40 });
    const second = session.received(answer.subarray(4));
    expect(session.received(meter.rtu(sent(second)))).toMatchObject({ kind: 'read', result: { values: [{}, {}] } });
  });

  test("the site's reply time goes before the device file's", () => {
    expect(open(modbusDevice(MODEL, { replyTimeoutMs: 70 })).start()).toMatchObject({ replyWithinMs: 70 });
  });

  test('silence is no-answer, silence inside an answer is frame-truncated, and the session is spent', () => {
    const silent = open();
    silent.start();
    const missed = silent.silent();
    expect(missed).toMatchObject({
      kind: 'missed',
      failure: { code: 'no-answer', detail: 'unit 1, input 0x000a: nothing within 900 ms' },
    });
    expect(silent.received(Uint8Array.of(1, 4))).toBe(missed);
    expect(silent.silent()).toBe(missed);

    const cut = open();
    cut.received(meter.rtu(sent(cut.start())).subarray(0, 3));
    cut.silent();
    expect(cut.silent()).toMatchObject({ failure: { code: 'frame-truncated' } });
  });

  test('a failure in the second request leaves nothing of the first', () => {
    const session = open();
    session.received(meter.rtu(sent(session.start())));
    expect(session.silent()).toMatchObject({ kind: 'missed', failure: { code: 'no-answer' } });
  });

  test('an exception ends it by name', () => {
    const session = open();
    session.start();
    expect(session.received(new RegisterMeter().rtu(sent(open().start())))).toMatchObject({
      kind: 'missed',
      failure: { code: 'device-exception', detail: 'unit 1, input 0x000a: exception 2 (illegal data address)' },
    });
  });

  test('bytes before anything was asked are foreign', () => {
    expect(open().received(Uint8Array.of(1))).toMatchObject({ kind: 'missed', failure: { code: 'foreign-answer' } });
  });
});

describe('a busy device', () => {
  const exception = (step: ReturnType<Session['start']>, code: number): Uint8Array =>
    rtuFrame(1, Uint8Array.of(sent(step)[1]! | 0x80, code));

  test.each([5, 6])('exception %i: the same request again, and on with the next when it is answered', (code) => {
    const session = open();
    const first = session.start();
    const again = session.received(exception(first, code));
    expect(again).toEqual({ ...first, restMs: 100 });
    const second = session.received(meter.rtu(sent(again)));
    expect(session.received(meter.rtu(sent(second)))).toMatchObject({ kind: 'read' });
  });

  test('three more times for each request, then it is a failure by its name', () => {
    const session = open();
    let step = session.start();
    for (let tries = 1; tries <= 4; tries++) {
      expect(step.kind).toBe('send');
      step = session.received(exception(step, 6));
    }
    expect(step).toMatchObject({
      kind: 'missed',
      failure: { code: 'device-busy', detail: expect.stringContaining('exception 6 (server device busy)') },
    });
  });

  test('no other exception is asked again', () => {
    const session = open();
    expect(session.received(exception(session.start(), 4))).toMatchObject({
      kind: 'missed',
      failure: { code: 'device-exception' },
    });
  });
});

describe('late answers', () => {
  test('only RTU needs the line reopened after a time-out', () => {
    expect(modbusDriver.reopenAfterTimeout(rtu)).toBe(true);
    expect(modbusDriver.reopenAfterTimeout(tcp)).toBe(false);
  });

  test('over TCP, the late answer of the dialogue before is skipped and the right one taken', () => {
    const driver = createModbusDriver();
    const timedOut = open(tcp, driver);
    const late = meter.tcp(sent(timedOut.start()));
    timedOut.silent();

    const session = open(tcp, driver);
    const answer = meter.tcp(sent(session.start()));
    expect(session.received(late)).toEqual({ kind: 'wait', atMostMs: 900 });
    const second = sent(session.received(answer));
    // The answer to the first request once more: it has the shape of the answer to the second.
    expect(session.received(Uint8Array.of(...answer, ...meter.tcp(second)))).toMatchObject({
      kind: 'read',
      result: { values: [{ raw: '0001' }, { raw: '0002' }] },
    });
  });

  test('late answers only, then silence: no-answer that says so', () => {
    const driver = createModbusDriver();
    const late = meter.tcp(sent(open(tcp, driver).start()));
    const session = open(tcp, driver);
    session.start();
    session.received(late);
    expect(session.silent()).toMatchObject({
      failure: { code: 'no-answer', detail: expect.stringContaining('1 answers to earlier requests were skipped') },
    });
  });

  test('a flood of old answers ends', () => {
    const driver = createModbusDriver();
    const old = meter.tcp(sent(open(tcp, driver).start()));
    const session = open(tcp, driver);
    session.start();
    const flood = Array.from({ length: 9 }, () => session.received(old));
    expect(flood.at(-2)).toMatchObject({ kind: 'wait' });
    expect(flood.at(-1)).toMatchObject({ kind: 'missed', failure: { code: 'foreign-answer' } });
  });

  test('every request of a process has its own transaction id', () => {
    const driver = createModbusDriver();
    const ids = Array.from({ length: 65_537 }, () => {
      const frame = sent(open(tcp, driver).start());
      return frame[0]! * 256 + frame[1]!;
    });
    expect(new Set(ids.slice(0, 65_536)).size).toBe(65_536);
    expect(ids[65_536]).toBe(ids[0]);
    expect(sent(open(tcp, createModbusDriver()).start())).toEqual(tcpFrame(1, 1, Uint8Array.of(4, 0, 10, 0, 1)));
  });
});
