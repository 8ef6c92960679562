import { describe, expect, test } from 'vitest';
import type { LineSetting } from '../core/driver.ts';
import { type SimLineOptions, simLine } from './line.ts';
import { createWorld } from './world.ts';

const SETTING = { baud: 2_400, dataBits: 8, parity: 'even', stopBits: 1 } as const;
/** 11 bits at 2400 Bd. */
const CHARACTER_MS = 11_000 / 2_400;

async function onLine<T>(
  options: Partial<SimLineOptions> & { setting?: LineSetting },
  main: (bench: { line: ReturnType<typeof simLine>; now: () => number }) => Promise<T>,
): Promise<T> {
  const world = createWorld(1);
  const { setting = SETTING, ...rest } = options;
  const line = simLine(world, { meters: [], random: world.random, pace: { setting, turnRoundMs: 20 }, ...rest });
  return world.run(async () => {
    await line.open();
    return main({ line, now: () => world.monotonicMs() });
  });
}

const three = () => [{ reply: Uint8Array.of(7, 8, 9), afterMs: 5 }];

test('request, turn-round and every byte of the answer take their time', async () => {
  await onLine({ meters: [three] }, async ({ line, now }) => {
    await line.write(new Uint8Array(5));
    expect(now()).toBeCloseTo(5 * CHARACTER_MS, 6);
    for (const n of [1, 2, 3]) {
      expect([...(await line.read(1_000))]).toEqual([6 + n]);
      expect(now()).toBeCloseTo((5 + n) * CHARACTER_MS + 20, 6);
    }
  });
});

test.each([
  ['none', 1, 10],
  ['none', 2, 11],
  ['odd', 1, 11],
  ['even', 2, 12],
] as const)('parity %s and %d stop bits: %d bits a character', async (parity, stopBits, bits) => {
  await onLine({ setting: { baud: 9_600, dataBits: 8, parity, stopBits } }, async ({ line, now }) => {
    await line.write(new Uint8Array(96));
    expect(now()).toBeCloseTo(bits * 10, 6);
  });
});

test('a meter that is set otherwise hears nothing until the line speaks as it does', async () => {
  const own = { ...SETTING, baud: 300 };
  const pace = { setting: SETTING, meterSettings: [own] };
  await onLine({ meters: [three], pace }, async ({ line }) => {
    await line.write(Uint8Array.of(1));
    expect(await line.read(1_000)).toHaveLength(0);
    await line.set(own);
    await line.write(Uint8Array.of(1));
    expect(await line.read(1_000)).toHaveLength(1);
  });
});

describe('two senders at once', () => {
  const long = (byte: number) => () => [{ reply: new Uint8Array(40).fill(byte), afterMs: 5 }];
  const all = async (line: ReturnType<typeof simLine>) => {
    const bytes: number[] = [];
    for (;;) {
      const more = await line.read(100);
      if (more.length === 0) return bytes;
      bytes.push(...more);
    }
  };

  test('two meters spoil each other', async () => {
    await onLine({ meters: [long(1), long(2)] }, async ({ line }) => {
      await line.write(Uint8Array.of(1));
      const bytes = await all(line);
      expect(bytes.filter((byte) => byte === 1 || byte === 2).length).toBeLessThan(10);
    });
  });

  test('a request into an answer spoils the rest of it', async () => {
    let isFirst = true;
    const once = () => (isFirst ? long(1)() : []);
    await onLine({ meters: [once] }, async ({ line }) => {
      await line.write(Uint8Array.of(1));
      isFirst = false;
      await line.read(100);
      await line.write(Uint8Array.of(1));
      expect((await all(line)).filter((byte) => byte === 1).length).toBeLessThan(10);
    });
  });
});
