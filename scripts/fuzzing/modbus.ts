import {
  asciiFrame,
  createModbusDriver,
  parseAsciiFrame,
  parseRtuAnswer,
  parseTcpFrame,
  rtuFrame,
  tcpFrame,
} from '../../drivers/modbus/index.ts';
import type { ReadRequest, Session, Step } from '../../src/core/driver.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { deviceModelSchema } from '../../src/device/model.ts';
import { modbusMeter } from '../../src/sim/meter/modbus-meter.ts';
import type { RegisterImage } from '../../src/sim/meter/registers.ts';
import type { Random } from '../../src/sim/random.ts';
import { type FuzzCase, mutated, randomBytes } from './fuzz.ts';

/**
 * Modbus: a meter's answers, one of a dialogue mutated or replaced by noise, some under a right checksum again, in pieces, in all
 * framings: registers, bits, and an archive behind a selector. A dialogue whose changed answer was not a right one must fail.
 */
export function modbusFuzz(createDriver: typeof createModbusDriver = createModbusDriver): FuzzCase {
  return (random) => {
    // A driver for each case: its transaction ids begin anew, so that a case can be run again by itself.
    const driver = createDriver();
    const framing = FRAMINGS[random.below(FRAMINGS.length)]!;
    const device: BoundDevice = { config: CONFIG, model: MODEL, framing, zone: 'Europe/Prague' };
    const session = driver.session(device, random.chance(0.5) ? CURRENT : ARCHIVE);
    return converse(session, framing, random);
  };
}

type ModbusFraming = 'modbus-rtu' | 'modbus-ascii' | 'modbus-tcp';
const FRAMINGS: readonly ModbusFraming[] = ['modbus-rtu', 'modbus-ascii', 'modbus-tcp'];
const UNIT = 17;
const NOW = 1_774_674_000_000;
const HOUR_MS = 3_600_000;
const CURRENT: ReadRequest = { want: 'current', now: NOW };
const ARCHIVE: ReadRequest = { want: 'archive', now: NOW, from: NOW - 3 * HOUR_MS, to: NOW };
const SELECTOR = 0x900;
const WINDOW = 0x910;
const TURNS_MAX = 100;

const MODEL = deviceModelSchema.parse({
  maker: 'fuzz',
  model: 'fuzz',
  medium: 'gas',
  protocol: 'modbus',
  hardwareTested: false,
  source: 'none',
  readings: [
    { quantity: 'volume.base', unit: 'm3', kind: 'counter', modbus: { table: 'holding', address: 7, type: 'u32' } },
    { quantity: 'pressure', unit: 'bar', kind: 'instantaneous', modbus: { table: 'input', address: 90, type: 'f32' } },
  ],
  flags: [{ flag: 'alarm', modbus: { table: 'coil', address: 5 } }],
  archive: {
    pattern: 'selector',
    select: { address: SELECTOR, function: 6, newest: 0xffff },
    window: { table: 'holding', address: WINDOW, registers: 8 },
    older: { offset: 0 },
    records: 100,
    stamp: { offset: 2, type: 'unix-u32' },
    values: [{ quantity: 'volume.base', unit: 'm3', offset: 4, type: 'u32' }],
  },
  tests: [
    {
      name: 'none',
      source: 'none',
      now: '2026-03-28T05:00:00Z',
      expect: [{ quantity: 'volume.base', value: '1', unit: 'm3' }],
    },
  ],
});
const CONFIG: BoundDevice['config'] = {
  id: 'fuzz',
  model: 'fuzz/fuzz',
  line: 'line',
  address: UNIT,
  multiplier: [],
  blocks: {},
};

/** Everything exists; the window shows the record that was selected, an hour older for each number below 50000. */
function image(): RegisterImage {
  let selected = 0xffff;
  return {
    read(table, first, count) {
      if (table !== 'holding' || first !== WINDOW) return Array.from({ length: count }, (_, n) => (first + n) & 1);
      const number = selected === 0xffff ? 50_000 : selected;
      const seconds = NOW / 1000 - (50_000 - number) * 3600;
      return [number - 1, 0, Math.floor(seconds / 0x10000), seconds % 0x10000, 0, number, 0, 0];
    },
    write(address, value) {
      if (address === SELECTOR) selected = value;
      return address === SELECTOR;
    },
  };
}

function converse(session: Session, framing: ModbusFraming, random: Random): ReturnType<FuzzCase> {
  const meter = modbusMeter({ unit: UNIT, framing, image: image() });
  const bad = random.below(6);
  let spoilt = false;
  let step: Step = session.start();
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    if (step.kind === 'read' || step.kind === 'missed') return judged(step, spoilt, bad <= turn);
    if (step.kind !== 'send') return { accepted: false, fault: `asked to ${step.kind} where an answer was complete` };
    const { bytes: request } = step;
    const good = meter(request, NOW);
    if (!good) return { accepted: false, fault: 'sent what no meter understands' };
    const answer = turn === bad ? changed(good, framing, random) : good;
    const { taken, next }: Given = give(session, answer, random);
    if (turn === bad && !couldBeRight(taken, good, framing)) spoilt = true;
    step = next;
  }
  return { accepted: false, fault: 'a dialogue without an end' };
}

/** Whether a dialogue's end is right: values only from good answers, and good answers never refused. */
function judged(
  step: Extract<Step, { kind: 'read' | 'missed' }>,
  spoilt: boolean,
  changed: boolean,
): ReturnType<FuzzCase> {
  if (step.kind === 'read')
    return { accepted: true, fault: spoilt ? 'values from a dialogue with an answer that is none' : undefined };
  const isRight = spoilt || changed;
  return { accepted: false, fault: isRight ? undefined : `refused good answers: ${step.failure.code}` };
}

interface Given {
  /** What the session saw before it went on: bytes behind a whole answer are the collector's to notice. */
  readonly taken: Uint8Array;
  readonly next: Step;
}

/** The bytes in two pieces, then silence where the session still waits. */
function give(session: Session, answer: Uint8Array, random: Random): Given {
  const cut = random.below(answer.length + 1);
  if (cut > 0) {
    const next = session.received(answer.subarray(0, cut));
    if (next.kind !== 'wait') return { taken: answer.subarray(0, cut), next };
  }
  const next = cut < answer.length ? session.received(answer.subarray(cut)) : session.silent();
  return { taken: answer, next: next.kind === 'wait' ? session.silent() : next };
}

function changed(good: Uint8Array, framing: ModbusFraming, random: Random): Uint8Array {
  if (random.chance(0.1)) return Uint8Array.from(randomBytes(random, random.below(300)));
  return random.chance(0.5) ? mutated(good, random) : resealed(good, framing, random);
}

/** What the frame says is changed, and its checksum or length made right again. */
function resealed(good: Uint8Array, framing: ModbusFraming, random: Random): Uint8Array {
  const parsed = parsedFrame(good, framing);
  if (parsed.kind !== 'frame') return good;
  const unit = random.chance(0.2) ? random.below(256) : parsed.unit;
  const pdu = mutated(parsed.pdu, random).slice(0, 253);
  if (framing === 'modbus-rtu') return rtuFrame(unit, pdu);
  if (framing === 'modbus-ascii') return asciiFrame(unit, pdu);
  return tcpFrame(random.chance(0.2) ? random.below(65536) : (good[0]! << 8) | good[1]!, unit, pdu);
}

function parsedFrame(bytes: Uint8Array, framing: ModbusFraming) {
  if (framing === 'modbus-rtu') return parseRtuAnswer(bytes);
  return framing === 'modbus-ascii' ? parseAsciiFrame(bytes) : parseTcpFrame(bytes);
}

/**
 * Whether the bytes are a frame that the meter could have sent to this request: whole, alone, from this unit, of the same
 * function and length (and echo, where it is one). Only the data may differ: no protocol could tell.
 */
function couldBeRight(all: Uint8Array, good: Uint8Array, framing: ModbusFraming): boolean {
  const answer = framing === 'modbus-tcp' ? withoutOlder(all, good) : all;
  const [sent, meant] = [parsedFrame(answer, framing), parsedFrame(good, framing)];
  if (sent.kind !== 'frame' || meant.kind !== 'frame') return false;
  const isBusy = (sent.pdu[0]! & 0x7f) === meant.pdu[0] && sent.pdu[0]! >= 0x80 && [5, 6].includes(sent.pdu[1] ?? 0);
  const fixed = meant.pdu[0]! > 4 ? meant.pdu.length : 2;
  const samePdu =
    sent.pdu.length === meant.pdu.length && sent.pdu.subarray(0, fixed).every((byte, at) => byte === meant.pdu[at]);
  const alone = sent.length === answer.length && sent.unit === UNIT;
  const sameId = framing !== 'modbus-tcp' || (answer[0] === good[0] && answer[1] === good[1]);
  return alone && sameId && (samePdu || (isBusy && sent.pdu.length === 2));
}

/** Over TCP whole answers to earlier requests may come first: their transaction ids say so. */
function withoutOlder(bytes: Uint8Array, good: Uint8Array): Uint8Array {
  const idOf = (frame: Uint8Array): number => (frame[0]! << 8) | frame[1]!;
  const parsed = parseTcpFrame(bytes);
  const behind = parsed.kind === 'frame' ? (idOf(good) - parsed.transaction) & 0xffff : 0;
  return parsed.kind === 'frame' && behind > 0 && behind < 0x8000
    ? withoutOlder(bytes.subarray(parsed.length), good)
    : bytes;
}
