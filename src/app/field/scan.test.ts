import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBus } from '../../collect/bus.ts';
import { HOUR_MS } from '../../core/time.ts';
import { lineSchema } from '../../device/line-config.ts';
import { deviceSchema } from '../../device/site.ts';
import { simClock } from '../../sim/clock.ts';
import { type SimLineOptions, type SimMeter, simLine } from '../../sim/line.ts';
import { mbusBus } from '../../sim/meter/mbus-bus.ts';
import { modbusMeter } from '../../sim/meter/modbus-meter.ts';
import { type Park, parkMeter } from '../../sim/meter/park.ts';
import { createWorld } from '../../sim/world.ts';
import { deviceLibrary, loadDeviceModel } from '../device-files.ts';
import { PROJECT_FOLDER } from '../project.ts';
import { type ScanOutcome, type ScanPlan, scanLine } from './scan.ts';

const START = 1_774_674_000_000;
const PLAN: ScanPlan = {
  primary: true,
  secondary: true,
  units: { from: 1, to: 247 },
  replyWithinMs: 500,
  lateAnswerMs: 500,
  gapMs: 50,
};

function configOf(framing: string) {
  return lineSchema.parse({ id: 'hall', kind: 'tcp', host: '127.0.0.1', port: 1, framing });
}

/** @param stopAtShare the scan is stopped when it has come so far */
async function outcomeOf(
  framing: string,
  meters: readonly SimMeter[],
  plan = PLAN,
  stopAtShare = 2,
  weather?: SimLineOptions['weather'],
): Promise<{ outcome: ScanOutcome; shares: number[]; prepared: number }> {
  const world = createWorld(3);
  const clock = simClock(world, START);
  const wire = simLine(world, { meters, random: world.random, lateAfterReopen: true, ...(weather && { weather }) });
  const bus = createBus(wire, clock, {}, { opens: 0, bytesSent: 0, bytesReceived: 0 });
  let prepared = 0;
  const line: typeof bus = {
    ...bus,
    get isOpen() {
      return bus.isOpen;
    },
    prepare: (device, signal) => {
      prepared += 1;
      return bus.prepare(device, signal);
    },
  };
  const shares: number[] = [];
  const stop = new AbortController();
  const outcome = await world.run(async () => {
    await line.open();
    const progress = (share: number) => {
      shares.push(share);
      if (share >= stopAtShare) stop.abort(new Error('stopped'));
    };
    return scanLine(configOf(framing), { line, clock, plan, progress, signal: stop.signal });
  });
  expect(shares.every((share, n) => share >= (shares[n - 1] ?? 0))).toBe(true);
  return { outcome, shares, prepared };
}

async function scanned(framing: string, meters: readonly SimMeter[], plan = PLAN): Promise<ScanOutcome> {
  const { outcome, shares, prepared } = await outcomeOf(framing, meters, plan);
  expect(shares.at(-1)).toBe(1);
  expect(outcome.cutShortBy).toBeUndefined();
  // Each question is a dialogue of its own: the line is prepared for it, as the collector does.
  expect(prepared).toBeGreaterThan(15);
  return outcome;
}

/** A unit that has one register, or none and says so. */
function unit(
  framing: 'modbus-rtu' | 'modbus-ascii' | 'modbus-tcp',
  address: number,
  has = true,
  afterMs = 30,
): SimMeter {
  const image = { read: (_: string, __: number, count: number) => (has ? Array<number>(count).fill(7) : undefined) };
  const meter = modbusMeter({ unit: address, framing, image: { ...image, write: () => false } });
  return (request) => {
    const reply = meter(request, START);
    return reply ? [{ reply, afterMs }] : [];
  };
}

test.each(['modbus-rtu', 'modbus-ascii', 'modbus-tcp'] as const)(
  '%s: every unit that is there, whatever it answers',
  async (framing) => {
    const { found, unclear } = await scanned(framing, [unit(framing, 1), unit(framing, 17, false), unit(framing, 247)]);
    expect(found.map(({ address }) => address)).toEqual([1, 17, 247]);
    expect(unclear).toEqual([]);
  },
);

test.each([30, 540, 990])('a unit that answers after %i ms is found, and no other', async (afterMs) => {
  const { found, unclear } = await scanned('modbus-rtu', [unit('modbus-rtu', 5, true, afterMs)]);
  expect(found.map(({ address }) => address)).toEqual([5]);
  expect(unclear).toEqual([]);
});

test('an answer that comes too late is not taken for the next unit, and is told', async () => {
  const { found, unclear } = await scanned('modbus-rtu', [unit('modbus-rtu', 5, true, 1_240)]);
  expect(found).toEqual([]);
  expect(unclear).toEqual([expect.stringMatching(/^unit 6: .* unit 5 answered$/)]);
});

test('one that is late for every patience is told by its name', async () => {
  const meters = [unit('modbus-rtu', 5, true, 700), unit('modbus-rtu', 8, true, 1_240)];
  const { found, unclear } = await scanned('modbus-rtu', meters);
  expect(found.map(({ address }) => address)).toEqual([5]);
  expect(unclear).toEqual(['unit 8: the answer came too late, make --reply-ms longer']);
});

test('units that a Modbus TCP gateway says are silent are not there', async () => {
  const gateway: SimMeter = (request) => [
    {
      reply: Uint8Array.of(...request.subarray(0, 4), 0, 3, request[6]!, 0x83, request[6]! % 2 ? 10 : 11),
      afterMs: 20,
    },
  ];
  expect((await scanned('modbus-tcp', [gateway])).found).toEqual([]);
});

test('only the units that are asked for', async () => {
  const plan = { ...PLAN, units: { from: 2, to: 20 } };
  const { found } = await scanned('modbus-rtu', [unit('modbus-rtu', 1), unit('modbus-rtu', 17)], plan);
  expect(found).toEqual([{ address: 17 }]);
});

interface Meter {
  readonly primary: number;
  readonly id: string;
  readonly manufacturer: string;
  readonly version: number;
  readonly medium: number;
}
const KAM: Meter = { primary: 4, id: '12345678', manufacturer: 'KAM', version: 1, medium: 3 };
const NEW: Meter = { primary: 0, id: '00123456', manufacturer: 'ELS', version: 2, medium: 2 };

function bus(meters: readonly Meter[], afterMs = 30): SimMeter {
  const all = mbusBus(meters.map((meter) => ({ ...meter, telegrams: () => [[0x0c, 0x13, 0, 0, 0, 0]] })));
  return (request) => {
    const reply = all(request, START);
    return reply ? [{ reply, afterMs }] : [];
  };
}
const gas = { serial: '12345678', manufacturer: 'KAM', version: 1, medium: 'gas' };
const power = { serial: '00123456', manufacturer: 'ELS', version: 2, medium: 'electricity' };

test('M-Bus: each meter once, whichever way it was found', async () => {
  expect((await scanned('mbus', [bus([KAM, NEW])])).found).toEqual([
    {
      address: 253,
      secondary: '0012345693150202',
      ...power,
      remark: 'it has primary address 0 as every new meter has',
    },
    { address: 4, ...gas },
  ]);
});

test('M-Bus: by primary address alone, and by secondary alone', async () => {
  const addressed = await scanned('mbus', [bus([KAM, NEW])], { ...PLAN, secondary: false });
  expect(addressed.found).toEqual([
    { address: 0, ...power, remark: 'every new meter has address 0, a second one would collide with it' },
    { address: 4, ...gas },
  ]);
  const numbered = await scanned('mbus', [bus([KAM, NEW])], { ...PLAN, primary: false });
  expect(numbered.found.map(({ address, secondary }) => [address, secondary])).toEqual([
    [253, '0012345693150202'],
    [253, '123456782d2c0103'],
  ]);
});

test('M-Bus: two meters of one address are told apart by their numbers', async () => {
  const { found, unclear } = await scanned('mbus', [bus([KAM, { ...NEW, primary: 4, id: '98765432' }])]);
  expect(unclear).toEqual(['address 4']);
  expect(found.map(({ address, serial }) => [address, serial])).toEqual([
    [253, '12345678'],
    [253, '98765432'],
  ]);
});

test.each([540, 990])('M-Bus: a meter that takes %i ms is found under its own name', async (afterMs) => {
  const { found, unclear } = await scanned('mbus', [bus([KAM], afterMs)]);
  expect(found).toEqual([{ address: 4, ...gas }]);
  expect(unclear).toEqual([]);
});

test('M-Bus: an answer that is too late for every patience is nobody else, and is told', async () => {
  const plan = { ...PLAN, secondary: false };
  const alone = await scanned('mbus', [bus([KAM], 1_240)], plan);
  expect(alone).toEqual({ found: [], unclear: ['address 5'] });
  const { found, unclear } = await scanned('mbus', [bus([{ ...KAM, primary: 2 }], 700), bus([KAM], 1_240)], plan);
  expect(found.map(({ address }) => address)).toEqual([2]);
  expect(unclear).toEqual(['address 4: the answer came too late, make --reply-ms longer']);
});

test('a scan that is stopped tells what it had found', async () => {
  const plan = { ...PLAN, secondary: false };
  const { outcome, shares } = await outcomeOf('mbus', [bus([KAM, { ...KAM, primary: 200, id: '5' }])], plan, 0.1);
  expect(outcome.found).toEqual([{ address: 4, ...gas }]);
  expect(outcome.cutShortBy).toEqual(new Error('stopped'));
  expect(shares.at(-1)).toBeLessThan(0.2);
  const units = await outcomeOf('modbus-rtu', [unit('modbus-rtu', 1), unit('modbus-rtu', 200)], PLAN, 0.1);
  expect(units.outcome).toMatchObject({ found: [{ address: 1 }], cutShortBy: new Error('stopped') });
});

/** The other end closes the connection when one of these is asked. */
function hangingUp(at: (request: Uint8Array) => boolean): NonNullable<SimLineOptions['weather']> {
  return (request) => (at(request) ? { kind: 'disconnect' } : undefined);
}

test('an address at which the other end hangs up is told, and the scan goes on', async () => {
  const weather = hangingUp(([unit]) => unit === 3 || unit === 4 || unit === 5 || unit === 100);
  const meters = [unit('modbus-rtu', 1), unit('modbus-rtu', 5), unit('modbus-rtu', 200)];
  const { outcome } = await outcomeOf('modbus-rtu', meters, PLAN, 2, weather);
  expect(outcome.found.map(({ address }) => address)).toEqual([1, 200]);
  expect(outcome.unclear).toEqual([3, 4, 5, 100].map((n) => expect.stringMatching(RegExp(`^unit ${n}: .*closed`))));
  expect(outcome.cutShortBy).toBeUndefined();
});

test('M-Bus: the same, by primary address and by number', async () => {
  const weather = hangingUp((request) => request[2] === 3 || (request[0] === 0x68 && request[10] === 0x7f));
  const { outcome } = await outcomeOf('mbus', [bus([KAM, { ...NEW, primary: 9 }])], PLAN, 2, weather);
  expect(outcome.found.map(({ serial }) => serial)).toEqual(['12345678', '00123456']);
  expect(outcome.unclear).toEqual([
    expect.stringMatching(/^address 3: .*closed/),
    expect.stringMatching(/^secondary address 7fffffff: .*closed/),
  ]);
  expect(outcome.cutShortBy).toBeUndefined();
});

test('a line that is lost by address after address ends the scan, with what was found', async () => {
  const weather = hangingUp(([unit]) => unit! > 10);
  const { outcome, shares } = await outcomeOf('modbus-rtu', [unit('modbus-rtu', 1)], PLAN, 2, weather);
  expect(outcome.found).toEqual([{ address: 1 }]);
  expect(outcome.unclear).toHaveLength(3);
  expect(outcome.cutShortBy).toMatchObject({ failure: { code: 'line-lost' } });
  expect(shares.at(-1)).toBeLessThan(0.1);
});

test('the simulated meters of a rehearsal are found by their numbers', async () => {
  const park: Park = { seed: 1, zone: 'Europe/Prague', start: START - 24 * HOUR_MS, meters: [] };
  const name = 'generic/mbus-gas-corrector';
  const model = loadDeviceModel(name, deviceLibrary([join(PROJECT_FOLDER, 'device-config')]));
  const serials = ['10203040', '10203041'];
  const meters = serials.map((serial): SimMeter => {
    const device = deviceSchema.parse({ id: serial, model: name, line: 'hall', address: 253, secondary: serial });
    const place = { device, framing: 'mbus', point: 'boilers', commodity: 'gas', minutes: 60 } as const;
    const meter = parkMeter(park, { ...place, serial, fullPerHour: 1_000, startIndex: 5_000, stores: true }, model);
    return (request) => {
      const reply = meter(request, START);
      return reply ? [{ reply, afterMs: 30 }] : [];
    };
  });
  const { outcome } = await outcomeOf('mbus', meters, { ...PLAN, primary: false });
  expect(new Set(outcome.found.map(({ secondary }) => secondary?.slice(0, 8)))).toEqual(new Set(serials));
});
