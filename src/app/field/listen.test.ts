import { expect, test } from 'vitest';
import { mbusDriver } from '../../../drivers/mbus/index.ts';
import { createModbusDriver } from '../../../drivers/modbus/index.ts';
import { createBus } from '../../collect/bus.ts';
import type { BoundDevice } from '../../device/bound.ts';
import { checkSite } from '../../device/parse.ts';
import { changed, libraryOf, SITE } from '../../device/site.testkit.ts';
import type { LineConfig } from '../../device/site.ts';
import { simClock } from '../../sim/clock.ts';
import { type SimLine, type SimMeter, simLine } from '../../sim/line.ts';
import { mbusBus } from '../../sim/meter/mbus-bus.ts';
import { modbusMeter } from '../../sim/meter/modbus-meter.ts';
import { createWorld } from '../../sim/world.ts';
import { type Heard, listen, listenToGateway } from './listen.ts';
import { parseRecording, type Recording, recordingHead, recordingLine } from './recording.ts';
import { replay } from './replay.ts';
import { hexOf, type Passed, tappedLine } from './tap.ts';
import { readTold, type ToldReading } from './told.ts';

const START = 1_774_674_000_000;
const SIGNAL = new AbortController().signal;

function answering(meter: (request: Uint8Array, now: number) => Uint8Array | undefined): SimMeter {
  return (request) => {
    const reply = meter(request, START);
    return reply ? [{ reply, afterMs: 30 }] : [];
  };
}

/** Energy 4711 kWh in two telegrams: VIF 06 is kWh. */
const METER = answering(
  mbusBus([
    {
      ...{ primary: 5, id: '00000123', manufacturer: 'ELS', version: 1, medium: 2 },
      telegrams: () => [
        [0x04, 0x06, 0x67, 0x12, 0, 0, 0x1f],
        [0x04, 0x2b, 1, 0, 0, 0],
      ],
    },
  ]),
);
const registers = { read: (_: string, __: number, count: number) => Array<number>(count).fill(1), write: () => false };

function siteWith(framing: string): ReadonlyMap<string, BoundDevice> {
  const text = changed(SITE, ['framing: modbus-tcp', `framing: ${framing}`], ['serial: "00123"', 'serial: "00000123"']);
  const checked = checkSite(text, 'site.yaml', libraryOf());
  if (!checked.ok) throw new Error('the site of the test is not sound');
  return checked.value.devices;
}

interface Recorded {
  readonly device: BoundDevice;
  readonly reading: ToldReading;
  readonly parts: Passed[];
}

/** A reading of a simulated meter, and what a gateway would hand to somebody who listens meanwhile. */
async function recorded(device: BoundDevice, meter: SimMeter): Promise<Recorded> {
  const world = createWorld(5);
  const clock = simClock(world, START);
  const parts: Passed[] = [];
  const wire = simLine(world, { meters: [meter], random: world.random });
  const tapped = tappedLine(wire, (way, bytes) => {
    // A serial port hands over what it has.
    const half = way === 'received' ? Math.ceil(bytes.length / 2) : bytes.length;
    for (const piece of [bytes.subarray(0, half), bytes.subarray(half)])
      if (piece.length > 0) parts.push({ at: clock.now(), way, hex: hexOf(piece) });
  });
  const bus = createBus(tapped, clock, {}, { opens: 0, bytesSent: 0, bytesReceived: 0 });
  const driver = device.framing === 'mbus' ? mbusDriver : createModbusDriver();
  const reading = await world.run(async () => {
    await bus.open();
    return readTold(bus, device, driver, clock, SIGNAL);
  });
  expect(reading.values).toHaveLength(1);
  return { device, reading, parts };
}

async function recordingOf({ device, parts }: Recorded): Promise<Recording> {
  const world = createWorld(6);
  const { framing } = device;
  async function* handedOn() {
    yield* parts;
  }
  const heard = await world.run(async () => {
    const all: Heard[] = [];
    for await (const frames of listenToGateway(handedOn(), framing, simClock(world, START))) all.push(...frames);
    return all;
  });
  const lines = heard.map((frame) => recordingLine({ ...frame, hex: hexOf(frame.bytes) }));
  return parseRecording(recordingHead({ id: 'hall', framing }) + lines.join(''), 'a.rec');
}

const CASES: readonly [LineConfig['framing'], string, SimMeter][] = [
  ['mbus', 'meter', METER],
  ...(['modbus-tcp', 'modbus-rtu', 'modbus-ascii'] as const).map((framing): [typeof framing, string, SimMeter] => [
    framing,
    'corrector',
    answering(modbusMeter({ unit: 1, framing, image: registers })),
  ]),
];

test.each(CASES)('%s: what was recorded is replayed to the same reading', async (framing, id, meter) => {
  const device = siteWith(framing === 'mbus' ? 'modbus-tcp' : framing).get(id)!;
  const real = await recorded(device, meter);
  const recording = await recordingOf(real);
  // In pieces from the line, whole in the recording.
  expect(recording.frames).toHaveLength(real.reading.passed.length);
  expect(recording.frames.length).toBeLessThan(real.parts.length);
  const again = await replay(recording, device);
  expect(again.notRecorded).toEqual([]);
  expect(again.reading).toEqual({ ...real.reading, passed: expect.anything() });
  expect(again.reading.passed.map(({ way }) => way)).toEqual(real.reading.passed.map(({ way }) => way));
});

test('a reading that was kept is replayed too; another transaction id is no other request', async () => {
  const device = siteWith('modbus-tcp').get('corrector')!;
  const { reading } = await recorded(device, CASES[1]![2]);
  const later = reading.passed.map(({ hex, ...passed }) => ({ ...passed, hex: `00ff${hex.slice(4)}` }));
  const text = recordingHead({ id: 'gas-line', framing: 'modbus-tcp' }) + later.map(recordingLine).join('');
  expect((await replay(parseRecording(text, 'a.rec'), device)).reading.values).toEqual(reading.values);
});

test('requests that are alike but for the frame count bit are answered in their order', async () => {
  const device = siteWith('modbus-tcp').get('meter')!;
  const energyLast = mbusBus([
    {
      ...{ primary: 5, id: '00000123', manufacturer: 'ELS', version: 1, medium: 2 },
      telegrams: () => [
        [0x04, 0x2b, 1, 0, 0, 0, 0x1f],
        [0x04, 0x2b, 2, 0, 0, 0, 0x1f],
        [0x04, 0x06, 0x67, 0x12, 0, 0],
      ],
    },
  ]);
  const real = await recorded(device, answering(energyLast));
  const again = await replay(await recordingOf(real), device);
  expect(again.notRecorded).toEqual([]);
  expect(again.reading.values).toEqual(real.reading.values);
  expect(again.reading.passed.map(({ hex }) => hex)).toEqual(real.reading.passed.map(({ hex }) => hex));
});

test('another number than the site file has is told beside the values of a recording too', async () => {
  const device = siteWith('modbus-tcp').get('meter')!;
  const recording = await recordingOf(await recorded(device, METER));
  const other = { ...device, config: { ...device.config, serial: '00000124' } };
  const { reading } = await replay(recording, other);
  expect(reading).toMatchObject({ values: [{ value: '4711' }], error: { code: 'identity-mismatch' } });
});

test('what the recording does not have is not answered, and is told', async () => {
  const device = siteWith('modbus-tcp').get('meter')!;
  const recording = await recordingOf(await recorded(device, METER));
  const other = { ...device, config: { ...device.config, address: 9 } };
  const { reading, notRecorded } = await replay(recording, other);
  expect(reading).toMatchObject({ values: [], error: { code: 'no-answer' } });
  expect(notRecorded).toContainEqual(expect.stringMatching(/^105b0964|^107b0984/));
  const corrector = siteWith('modbus-tcp').get('corrector')!;
  await expect(replay(recording, corrector)).rejects.toMatchObject({ failure: { code: 'usage' } });
  await expect(replay({ ...recording, frames: [] }, device)).rejects.toMatchObject({ failure: { code: 'usage' } });
});

test('another master that never resets the link can be recorded', async () => {
  const device = siteWith('modbus-tcp').get('meter')!;
  const recording = await recordingOf(await recorded(device, METER));
  const frames = recording.frames.filter(({ bytes }) => bytes[1] !== 0x40 && bytes[0] !== 0xe5);
  expect(frames.length).toBeLessThan(recording.frames.length);
  expect((await replay({ ...recording, frames }, device)).reading).toMatchObject({ values: [{ value: '4711' }] });
});

/** What is heard of answers to requests of the test, as a second master's would be heard through a converter. */
async function heardOf(say: (line: SimLine, rest: () => Promise<void>) => Promise<void>) {
  const world = createWorld(4);
  const clock = simClock(world, START);
  const noisy: SimMeter = (request) => (request[0] === 0xff ? [{ reply: request, afterMs: 5 }] : []);
  const line = simLine(world, { meters: [METER, noisy], random: world.random });
  return world.run(async () => {
    await line.open();
    const stop = new AbortController();
    const heard: Heard[] = [];
    const listening = (async () => {
      for await (const frames of listen(line, 'mbus', 20, clock, stop.signal)) heard.push(...frames);
    })();
    await say(line, () => clock.sleep(100));
    await clock.sleep(1_000);
    stop.abort();
    await listening;
    return heard;
  });
}

test('listening tells what passes, whose it is and when, and sends nothing', async () => {
  const heard = await heardOf(async (line, rest) => {
    await line.write(Uint8Array.of(0x10, 0x40, 0x05, 0x45, 0x16));
    await rest();
    await line.write(Uint8Array.of(0x10, 0x5b, 0x05, 0x60, 0x16));
  });
  expect(heard.map(({ at, way, text }) => [at - START, way, text])).toEqual([
    [30, 'received', 'acknowledged'],
    [130, 'received', expect.stringMatching(/^meter 00000123 ELS: energy 4711/)],
  ]);
});

test('noise is told, and what follows it is heard', async () => {
  const [nke, noise] = [Uint8Array.of(0x10, 0x40, 0x05, 0x45, 0x16), Uint8Array.of(0xff, 0x68, 0x00)];
  const heard = await heardOf(async (line) => {
    await line.write(Uint8Array.of(...noise, ...nke, ...noise));
  });
  expect(heard.map(({ way, bytes, text }) => [way, hexOf(bytes), text])).toEqual([
    [undefined, 'ff6800', 'no frame'],
    ['sent', '1040054516', 'SND_NKE to address 5'],
    [undefined, 'ff6800', 'no frame'],
  ]);
});

test('a line that goes away is told, opened again, and listened to', async () => {
  const nke = Uint8Array.of(0x10, 0x40, 0x05, 0x45, 0x16);
  const heard = await heardOf(async (line, rest) => {
    await rest();
    line.reachable(false);
    line.hangUp();
    for (let n = 0; n < 25; n++) await rest();
    line.reachable(true);
    for (let n = 0; n < 10; n++) await rest();
    await line.write(nke);
  });
  expect(heard.map(({ at, bytes, text }) => [at - START, bytes.length, text])).toEqual([
    [100, 0, 'the line went away'],
    [3_100, 0, 'the line is back'],
    [3_630, 1, 'acknowledged'],
  ]);
});
