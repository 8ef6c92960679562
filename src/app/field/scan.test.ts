import { expect, test } from 'vitest';
import { lineSchema } from '../../device/line-config.ts';
import { simClock } from '../../sim/clock.ts';
import { type SimMeter, simLine } from '../../sim/line.ts';
import { mbusBus } from '../../sim/meter/mbus-bus.ts';
import { modbusMeter } from '../../sim/meter/modbus-meter.ts';
import { createWorld } from '../../sim/world.ts';
import { listen } from './listen.ts';
import { type ScanPlan, scanLine, siteSnippet } from './scan.ts';

const START = 1_774_674_000_000;
const PLAN: ScanPlan = {
  primary: true,
  secondary: true,
  units: { from: 1, to: 247 },
  replyWithinMs: 500,
  gapMs: 50,
};

function configOf(framing: string) {
  return lineSchema.parse({ id: 'hall', kind: 'tcp', host: '127.0.0.1', port: 1, framing });
}

async function scanned(framing: string, meters: readonly SimMeter[], plan = PLAN) {
  const world = createWorld(3);
  const clock = simClock(world, START);
  const line = simLine(world, { meters, random: world.random });
  const shares: number[] = [];
  const outcome = await world.run(async () => {
    await line.open();
    const progress = (share: number) => shares.push(share);
    return scanLine(configOf(framing), { line, clock, plan, progress, signal: new AbortController().signal });
  });
  expect(shares.at(-1)).toBe(1);
  expect(shares.every((share, n) => share >= (shares[n - 1] ?? 0))).toBe(true);
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

test('an answer that comes too late is not taken for the next unit', async () => {
  const { found } = await scanned('modbus-rtu', [unit('modbus-rtu', 5, true, 540)]);
  expect(found.map(({ address }) => address)).not.toContain(6);
});

test('only the units that are asked for', async () => {
  const plan = { ...PLAN, units: { from: 2, to: 20 } };
  const { found } = await scanned('modbus-rtu', [unit('modbus-rtu', 1), unit('modbus-rtu', 17)], plan);
  expect(found).toEqual([{ address: 17 }]);
});

const BUS = mbusBus([
  {
    primary: 4,
    id: '12345678',
    manufacturer: 'KAM',
    version: 1,
    medium: 3,
    telegrams: () => [[0x0c, 0x13, 0, 0, 0, 0]],
  },
  {
    primary: 0,
    id: '00123456',
    manufacturer: 'ELS',
    version: 2,
    medium: 2,
    telegrams: () => [[0x0c, 0x03, 0, 0, 0, 0]],
  },
]);
const bus: SimMeter = (request) => {
  const reply = BUS(request, START);
  return reply ? [{ reply, afterMs: 30 }] : [];
};

test('M-Bus: by primary address, and by secondary', async () => {
  const { found } = await scanned('mbus', [bus]);
  expect(found.map(({ address, secondary, serial }) => [address, secondary?.slice(0, 8), serial])).toEqual([
    [0, undefined, '00123456'],
    [4, undefined, '12345678'],
    [253, '00123456', '00123456'],
    [253, '12345678', '12345678'],
  ]);
});

test('what was found is ready to be put into a site file', () => {
  const found = [
    { address: 17 },
    { address: 253, secondary: '123456782d2c0103', serial: '12345678', note: 'KAM, gas' },
  ];
  expect(siteSnippet('hall', found)).toBe(`devices:
  - id: hall-17
    model: maker/model # the device file of this meter
    line: hall
    address: 17
  - id: hall-12345678
    model: maker/model # KAM, gas
    line: hall
    address: 253
    secondary: "123456782d2c0103"
    serial: "12345678"
`);
  expect(siteSnippet('hall', [])).toBe('');
});

test('listening tells what passes, and sends nothing', async () => {
  const world = createWorld(4);
  const line = simLine(world, { meters: [bus], random: world.random });
  const heard = await world.run(async () => {
    await line.open();
    // A second master would be heard through a converter; here the answers to requests of the test are.
    const stop = new AbortController();
    const texts: string[] = [];
    const listening = (async () => {
      for await (const frames of listen(line, 'mbus', 20, stop.signal)) texts.push(...frames.map(({ text }) => text));
    })();
    await line.write(Uint8Array.of(0x10, 0x40, 0x04, 0x44, 0x16));
    await simClock(world, START).sleep(100);
    await line.write(Uint8Array.of(0x10, 0x5b, 0x04, 0x5f, 0x16));
    await simClock(world, START).sleep(1_000);
    stop.abort();
    await listening;
    return texts;
  });
  expect(heard).toEqual(['acknowledged', 'meter 12345678 KAM: volume 0.000 m3']);
});
