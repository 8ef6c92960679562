import { decodeTelegram, type MbusTelegram, mbusDriver } from '../../drivers/mbus/index.ts';
import type { Step } from '../../src/core/driver.ts';
import { FAILURES } from '../../src/core/failure.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { deviceModelSchema } from '../../src/device/model.ts';
import * as sim from '../../src/sim/meter/mbus-encode.ts';
import type { Random } from '../../src/sim/random.ts';
import { type FuzzCase, mutated, randomBytes } from './fuzz.ts';

/** M-Bus: noise, telegrams as meters send them, and those mutated, half of them under a right length and checksum. */
export function mbusFuzz(): FuzzCase {
  return (random) => {
    const sound = random.chance(0.1) ? Uint8Array.from(randomBytes(random, random.below(300))) : telegram(random);
    const changed = mutated(sound, random);
    const bytes = random.chance(0.5) ? repaired(changed) : changed;
    const decoded = decodeTelegram(bytes, random.chance(0.5) ? (_, data) => Uint8Array.from(data) : undefined);
    const fault = decoded.ok ? acceptedFault(bytes, decoded.telegram) : refusedFault(decoded.failure);
    return { fault: fault ?? dialogueFault(bytes, random), accepted: decoded.ok };
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
const CIS = [0x72, 0x72, 0x72, 0x72, 0x72, 0x73, 0x78, 0x7a, 0x70, 0x76];

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
function repaired(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 9) return bytes;
  const content = [...bytes.subarray(4, -2)].slice(0, 255);
  const checksum = content.reduce((sum, byte) => (sum + byte) & 0xff, 0);
  return Uint8Array.of(0x68, content.length, content.length, 0x68, ...content, checksum, 0x16);
}

function acceptedFault(bytes: Uint8Array, { records, manufacturerData = '' }: MbusTelegram): string | undefined {
  const content = bytes.subarray(4, -2);
  const sum = content.reduce((total, byte) => (total + byte) & 0xff, 0);
  const isFrame = bytes[0] === 0x68 && bytes[3] === 0x68 && bytes.at(-1) === 0x16;
  if (!isFrame || bytes[1] !== content.length || bytes[2] !== content.length || sum !== bytes.at(-2)) {
    return 'accepted a frame whose lengths or checksum are wrong';
  }
  const told = records.reduce((length, { raw }) => length + raw.length, manufacturerData.length) / 2;
  if (told > content.length) return `tells ${told} bytes of ${content.length}`;
  const unnamed = records.find(({ quantity, raw }) => quantity === '' || raw === '');
  return unnamed ? 'a record without a quantity or without its bytes' : undefined;
}

function refusedFault({ code, detail }: { code: string; detail: string }): string | undefined {
  return code in FAILURES && detail !== '' ? undefined : `refused without a name: ${code}`;
}

/** The same bytes as the answer in a dialogue, in two pieces. */
function dialogueFault(bytes: Uint8Array, random: Random): string | undefined {
  const session = mbusDriver.session(random.chance(0.8) ? PRIMARY : SECONDARY, { want: 'current', now: NOW });
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
    return decodeTelegram(bytes.subarray(0, taken)).ok ? undefined : 'values from a frame that the decoder refuses';
  }
  return step.kind === 'missed' ? undefined : `the dialogue ended with "${step.kind}"`;
}

function isRequest(bytes: Uint8Array): boolean {
  return (bytes[1]! & 0x0f) === 0x0b;
}
