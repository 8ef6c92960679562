import { parseDecimal } from '../core/decimal.ts';
import type { FieldDriver, ReadRequest, Session, Step } from '../core/driver.ts';
import { type Failure, failure } from '../core/failure.ts';
import type { BoundDevice } from '../device/bound.ts';
import { deviceModelSchema } from '../device/model.ts';
import { deviceSchema } from '../device/site.ts';

/**
 * A made-up protocol for testing the collector alone. Request: address, number of the question. Answer: address, length,
 * JSON, checksum. As in Modbus RTU nothing in the answer tells which question it is to.
 */
export interface ToyAnswer {
  readonly index?: string;
  readonly stored?: readonly { readonly at: number; readonly index: string }[];
  readonly serial?: string;
  readonly clock?: number;
  readonly unusable?: readonly Failure[];
}

export interface ToyRequest {
  readonly address: number;
  readonly question: number;
  readonly archive?: { readonly from: number; readonly to: number };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function toyRequestBytes({ address, question, archive }: ToyRequest): Uint8Array {
  return Uint8Array.of(address, question & 0xff, ...encoder.encode(archive ? `${archive.from} ${archive.to}` : ''));
}

export function toyRequestOf(bytes: Uint8Array): ToyRequest {
  const [address = 0, question = 0] = bytes;
  const [from, to] = decoder.decode(bytes.subarray(2)).split(' ').map(Number);
  return { address, question, ...(from !== undefined && to !== undefined ? { archive: { from, to } } : {}) };
}

export function toyAnswerBytes(address: number, answer: ToyAnswer): Uint8Array {
  const body = encoder.encode(JSON.stringify(answer));
  return Uint8Array.of(address, body.length >> 8, body.length & 0xff, ...body, sumOf(body));
}

function sumOf(body: Uint8Array): number {
  return body.reduce((sum, byte) => (sum + byte) & 0xff, 0);
}

/** `raw` of every value is the number of the question, so that a test sees whether an answer belongs to it. */
export function createToyDriver({
  reopen = true,
  onSession = () => {},
}: {
  readonly reopen?: boolean;
  readonly onSession?: (device: BoundDevice, request: ReadRequest) => void;
} = {}): FieldDriver<BoundDevice> {
  let questions = 0;
  return {
    protocol: 'modbus',
    reopenAfterTimeout: () => reopen,
    session(device, request) {
      onSession(device, request);
      questions += 1;
      return toySession(device, request, questions & 0xff);
    },
  };
}

function toySession({ config, model }: BoundDevice, request: ReadRequest, question: number): Session {
  const { address } = config;
  let got = new Uint8Array(0);
  return {
    start: () => ({
      kind: 'send',
      bytes: toyRequestBytes({ address, question, ...(request.want === 'archive' ? { archive: request } : {}) }),
      replyWithinMs: config.replyTimeoutMs ?? model.replyTimeoutMs,
    }),
    received(bytes): Step {
      got = Uint8Array.of(...got, ...bytes);
      if (got[0] !== address) return { kind: 'missed', failure: failure('wrong-address', `${got[0]}`) };
      const length = 4 + (got[1] ?? 0) * 256 + (got[2] ?? 0);
      if (got.length < 3 || got.length < length) return { kind: 'wait', atMostMs: model.gapTimeoutMs };
      if (got.length > length) return { kind: 'missed', failure: failure('frame-trailing', `${got.length} bytes`) };
      const body = got.subarray(3, length - 1);
      if (got[length - 1] !== sumOf(body)) return { kind: 'missed', failure: failure('frame-checksum', 'sum') };
      return toyResult(JSON.parse(decoder.decode(body)), question);
    },
    silent: () => ({
      kind: 'missed',
      failure: got.length === 0 ? failure('no-answer', `address ${address}`) : failure('frame-truncated', 'gap'),
    }),
  };
}

function toyResult(answer: ToyAnswer, question: number): Step {
  const common = { quantity: 'energy.active.import', kind: 'counter', unit: 'kWh', flags: [] } as const;
  const raw = question.toString(16).padStart(2, '0');
  const stored = answer.stored ?? [];
  return {
    kind: 'read',
    result: {
      values: [
        ...(answer.index === undefined ? [] : [{ ...common, raw, value: parseDecimal(answer.index) }]),
        ...stored.map(({ at, index }) => ({ ...common, raw, value: parseDecimal(index), storedAt: at })),
      ],
      identity: answer.serial === undefined ? {} : { serial: answer.serial },
      ...(answer.clock === undefined ? {} : { clock: answer.clock }),
      unusable: answer.unusable ?? [],
    },
  };
}

export interface ToyDevice {
  readonly address: number;
  readonly serial?: string;
  readonly replyTimeoutMs?: number;
  readonly lateAnswerMs?: number;
  /** The meter freezes its index at the boundary. */
  readonly stored?: boolean;
  /** It keeps a history that can be asked for. */
  readonly archive?: boolean;
}

/** Named `m` and its address. */
export function toyDevice({
  address,
  serial,
  replyTimeoutMs = 200,
  lateAnswerMs,
  stored,
  archive,
}: ToyDevice): BoundDevice {
  const place = { value: 'energy' };
  const model = deviceModelSchema.parse({
    maker: 'Toy',
    model: 'Meter',
    medium: 'electricity',
    protocol: 'modbus',
    hardwareTested: false,
    source: 'made up',
    replyTimeoutMs,
    lateAnswerMs,
    gapTimeoutMs: 20,
    readings: [
      {
        quantity: 'energy.active.import',
        unit: 'kWh',
        kind: 'counter',
        ...(stored ? { stamp: { mbus: place } } : {}),
        ...(archive ? { mbus: { ...place, storageTo: 9 } } : {}),
      },
    ],
    tests: [
      {
        name: 'none',
        source: 'made up',
        now: '',
        expect: [{ quantity: 'energy.active.import', value: '0', unit: 'kWh' }],
      },
    ],
  });
  const config = deviceSchema.parse({
    id: `m${address}`,
    model: 'toy/meter',
    line: 'bus',
    address,
    ...(serial === undefined ? {} : { serial }),
  });
  return { config, model, framing: 'modbus-rtu', zone: 'Europe/Prague' };
}
