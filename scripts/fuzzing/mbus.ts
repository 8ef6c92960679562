import { type Decoded, decodeTelegram, type MbusTelegram, mbusDriver } from '../../drivers/mbus/index.ts';
import type { FieldDriver, Step } from '../../src/core/driver.ts';
import { FAILURES } from '../../src/core/failure.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { deviceModelSchema } from '../../src/device/model.ts';
import * as sim from '../../src/sim/meter/mbus-encode.ts';
import type { Random } from '../../src/sim/random.ts';
import { type FuzzCase, mutated, randomBytes } from './fuzz.ts';

/** What is put to the test; a test of the judge gives faulty ones. */
export interface MbusUnderTest {
  readonly decode: typeof decodeTelegram;
  readonly driver: FieldDriver<BoundDevice>;
}

/**
 * M-Bus: noise, telegrams as meters send them, and those mutated, half of them under a right length and checksum. What is accepted
 * is judged without the decoder: frame, control field, encryption, and every byte must be that of a record.
 */
export function mbusFuzz({ decode, driver }: MbusUnderTest = { decode: decodeTelegram, driver: mbusDriver }): FuzzCase {
  return (random) => {
    const sound = random.chance(0.1) ? Uint8Array.from(randomBytes(random, random.below(300))) : telegram(random);
    const changed = mutated(sound, random);
    const bytes = random.chance(0.5) ? repaired(changed) : changed;
    const hasKey = random.chance(0.5);
    const decoded: Decoded = decode(bytes, hasKey ? (_, data) => Uint8Array.from(data) : undefined);
    const fault = decoded.ok ? acceptedFault(bytes, decoded.telegram, hasKey) : refusedFault(decoded.failure);
    return { fault: fault ?? dialogueFault(bytes, driver, random), accepted: decoded.ok };
  };
}

const MODEL = deviceModelSchema.parse({
  maker: 'fuzz',
  model: 'fuzz',
  medium: 'gas',
  protocol: 'mbus',
  hardwareTested: false,
  source: 'none',
  readings: [{ quantity: 'volume.base', unit: 'm3', kind: 'counter', mbus: { value: 'volume' } }],
  tests: [
    {
      name: 'none',
      source: 'none',
      now: '2026-03-28T05:00:00Z',
      expect: [{ quantity: 'volume.base', value: '1', unit: 'm3' }],
    },
  ],
});
const CONFIG = { id: 'fuzz', model: 'fuzz/fuzz', line: 'bus', multiplier: [], blocks: {} };
const PRIMARY: BoundDevice = {
  config: { ...CONFIG, address: 1 },
  model: MODEL,
  framing: 'mbus',
  zone: 'Europe/Prague',
};
const SECONDARY: BoundDevice = { ...PRIMARY, config: { ...CONFIG, address: 253, secondary: '12345678' } };
const NOW = 1_774_674_000_000;
const ACK = Uint8Array.of(0xe5);
const CIS = [0x72, 0x72, 0x72, 0x72, 0x72, 0x73, 0x77, 0x78, 0x7a, 0x70, 0x76];
/** How long the header behind the CI field is, where records follow it. */
const HEADER_BYTES: Readonly<Record<number, number>> = { 114: 12, 118: 12, 120: 0, 122: 4 };

function telegram(random: Random): Uint8Array {
  const identity = { id: '12345678', manufacturer: 'KAM', version: 1, medium: 3 };
  const security = random.chance(0.05) ? [0x10, 0x05] : [0, 0];
  const records = Array.from({ length: random.below(7) }, () => record(random)).flat();
  const end = [[], [0x0f], [0x1f], [0x2f]][random.below(4)]!;
  const data = [...sim.identityBytes(identity), random.below(256), 0, ...security, ...records, ...end];
  return sim.responseFrame(1, CIS[random.below(CIS.length)]!, data.slice(0, 252));
}

function record(random: Random): number[] {
  const vifes = Array.from({ length: random.below(3) }, () => random.below(128));
  const table = [[], [], [0xfb], [0xfd]][random.below(4)]!;
  const storage = random.below(random.chance(0.9) ? 3 : 4096);
  const vif = [...table, table.length === 0 && random.chance(0.5) ? 0x13 : random.below(0x7b), ...vifes];
  return sim.record({ vif, storage, tariff: random.below(3), subunit: random.below(2), data: data(random) });
}

function data(random: Random): sim.RecordData {
  const kinds = [
    () => sim.integer(random.uint32(), 4),
    () => sim.integer(random.uint32(), 2),
    () => sim.bcd(random.below(100_000_000), 8),
    () => sim.real32(random.fraction() * 1e6),
    () => sim.text('fuzz'),
    () => sim.binary(randomBytes(random, random.below(15))),
    () => ({ field: 0x6, bytes: randomBytes(random, 6) }),
  ];
  return kinds[random.below(kinds.length)]!();
}

/** A frame with the same content whose lengths and checksum are right. */
export function repaired(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 9) return bytes;
  const content = [...bytes.subarray(4, -2)].slice(0, 255);
  const checksum = content.reduce((sum, byte) => (sum + byte) & 0xff, 0);
  return Uint8Array.of(0x68, content.length, content.length, 0x68, ...content, checksum, 0x16);
}

function acceptedFault(bytes: Uint8Array, telegram: MbusTelegram, hasKey: boolean): string | undefined {
  const { records } = telegram;
  const content = bytes.subarray(4, -2);
  const sum = content.reduce((total, byte) => (total + byte) & 0xff, 0);
  const isFrame = bytes[0] === 0x68 && bytes[3] === 0x68 && bytes.at(-1) === 0x16;
  if (!isFrame || bytes[1] !== content.length || bytes[2] !== content.length || sum !== bytes.at(-2)) {
    return 'accepted a frame whose lengths or checksum are wrong';
  }
  if (((content[0] ?? 0) & 0xcf) !== 0x08) return `accepted control field ${content[0]}, which is no answer with data`;
  const fault = contentFault(content.subarray(2), telegram, hasKey);
  if (fault !== undefined) return fault;
  const unnamed = records.find(({ quantity, raw }) => quantity === '' || raw === '');
  return unnamed ? 'a record without a quantity or without its bytes' : undefined;
}

/** @param application CI field and all behind it */
function contentFault(application: Uint8Array, telegram: MbusTelegram, hasKey: boolean): string | undefined {
  const [ci = 0, ...data] = application;
  if (ci === 0x73 || ci === 0x77) return data.length === 16 ? undefined : 'a fixed structure of another length';
  const header = HEADER_BYTES[ci];
  if (header === undefined) return `accepted CI ${ci}`;
  const configuration = (ci === 0x76 ? data[header - 2] : data[header - 1]) ?? 0;
  const mode = header === 0 ? 0 : configuration & 0x1f;
  const isOldMaker = telegram.header.manufacturer === 'AMT' && mode > 15;
  if (mode !== 0 && !isOldMaker && !(mode === 5 && hasKey)) return `accepted security mode ${mode} as plain`;
  return untoldBytes(data.slice(header), telegram);
}

/** Every byte must be of a record, an idle filler, or the manufacturer's, in their order. */
function untoldBytes(data: readonly number[], { records, manufacturerData }: MbusTelegram): string | undefined {
  const text = data.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  let at = 0;
  for (const { raw } of records) {
    while (text.startsWith('2f', at)) at += 2;
    if (!text.startsWith(raw, at)) return `the record ${raw} is not what stands at byte ${at / 2}`;
    at += raw.length;
  }
  while (text.startsWith('2f', at)) at += 2;
  if (manufacturerData === undefined) return at === text.length ? undefined : `nothing is told of byte ${at / 2}`;
  return /^[01]f/.test(text.slice(at)) && text.slice(at + 2) === manufacturerData
    ? undefined
    : 'other manufacturer data';
}

function refusedFault({ code, detail }: { code: string; detail: string }): string | undefined {
  return code in FAILURES && detail !== '' ? undefined : `refused without a name: ${code}`;
}

/** The same bytes as the answer in a dialogue, in two pieces. */
function dialogueFault(bytes: Uint8Array, driver: FieldDriver<BoundDevice>, random: Random): string | undefined {
  const device = random.chance(0.8) ? PRIMARY : SECONDARY;
  const session = driver.session(device, { want: 'current', now: NOW });
  const cut = random.below(bytes.length + 1);
  let step: Step = session.start();
  for (let turn = 0; step.kind === 'send' && !isRequest(step.bytes); turn++) {
    if (turn > 3) return 'a dialogue that does not come to its request';
    step = session.received(ACK);
  }
  // What comes after a whole answer is no longer this dialogue's: the line is emptied before the next.
  let taken = 0;
  for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
    if (piece.length > 0 && (step.kind === 'wait' || (step.kind === 'send' && isRequest(step.bytes)))) {
      step = session.received(piece);
      taken += piece.length;
    }
  }
  if (step.kind === 'wait' || step.kind === 'send') step = session.silent();
  if (step.kind === 'read') {
    return readFault(bytes.subarray(0, taken), device);
  }
  return step.kind === 'missed' ? undefined : `the dialogue ended with "${step.kind}"`;
}

/** What is wrong with values from this answer: it must be a good one, of the meter that was asked. */
function readFault(answer: Uint8Array, device: BoundDevice): string | undefined {
  const decoded = decodeTelegram(answer);
  if (!decoded.ok) return 'values from a frame that the decoder refuses';
  const fault = acceptedFault(answer, decoded.telegram, false);
  if (fault !== undefined) return fault;
  const address = answer[5] ?? 0;
  if (![device.config.address, 253, 254].includes(address)) return `values from address ${address}`;
  const isOther = device === SECONDARY && decoded.telegram.header.id !== device.config.secondary;
  return isOther ? `values from meter ${decoded.telegram.header.id}` : undefined;
}

function isRequest(bytes: Uint8Array): boolean {
  return (bytes[1]! & 0x0f) === 0x0b;
}
