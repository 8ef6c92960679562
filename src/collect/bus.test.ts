import { describe, expect, test, vi } from 'vitest';
import type { LineSetting } from '../core/driver.ts';
import type { BoundDevice } from '../device/bound.ts';
import { simClock } from '../sim/clock.ts';
import { type SimLine, type SimMeter, simLine } from '../sim/line.ts';
import { createWorld } from '../sim/world.ts';
import { type Bus, createBus, type LineBytes, type LineTraits } from './bus.ts';
import { toyDevice } from './collect.testkit.ts';

const SETTING: LineSetting = { baud: 2_400, dataBits: 8, parity: 'even', stopBits: 1 };
const FAST: LineSetting = { ...SETTING, baud: 9_600 };
const { signal } = new AbortController();

interface Bench {
  readonly bus: Bus;
  readonly line: SimLine;
  readonly count: LineBytes;
  readonly now: () => number;
}

async function onBus<T>(traits: LineTraits, meter: SimMeter, main: (bench: Bench) => Promise<T>): Promise<T> {
  const world = createWorld(3);
  const line = simLine(world, { meters: [meter], random: world.random });
  const count = { opens: 0, bytesSent: 0, bytesReceived: 0 };
  const bus = createBus(line, simClock(world, 0), traits, count);
  return world.run(async () => {
    await bus.open();
    return main({ bus, line, count, now: () => world.monotonicMs() });
  });
}

function device(change: {
  framing?: BoundDevice['framing'];
  ofModel?: LineSetting;
  ofSite?: LineSetting;
}): BoundDevice {
  const toy = toyDevice({ address: 1 });
  return {
    ...toy,
    framing: change.framing ?? 'modbus-rtu',
    model: { ...toy.model, ...(change.ofModel ? { line: change.ofModel } : {}) },
    config: { ...toy.config, ...(change.ofSite ? { setting: change.ofSite } : {}) },
  };
}

const deaf: SimMeter = () => [];

describe('what is counted', () => {
  const answers: SimMeter = () => [{ reply: Uint8Array.of(1, 2, 3), afterMs: 5 }];

  test('bytes out, bytes in whether read or thrown away, and each opening', () =>
    onBus({}, answers, async ({ bus, line, count }) => {
      await bus.write(Uint8Array.of(1, 1), signal);
      expect(await bus.read(100, signal)).toHaveLength(3);
      expect(count).toEqual({ opens: 1, bytesSent: 2, bytesReceived: 3 });
      await bus.write(Uint8Array.of(1), signal);
      expect(await bus.drain(20, 100, signal)).toBe(3);
      expect(count).toEqual({ opens: 1, bytesSent: 3, bytesReceived: 6 });
      line.hangUp();
      await bus.open(signal);
      await bus.open(signal);
      expect(count.opens).toBe(2);
    }));

  test('an echo counts as received, and is not handed on', () => {
    const echoing: SimMeter = (request) => [{ reply: Uint8Array.of(...request, 9), afterMs: 5 }];
    return onBus({ echo: true }, echoing, async ({ bus, count }) => {
      await bus.write(Uint8Array.of(1, 1), signal);
      expect(await bus.read(100, signal)).toEqual(Uint8Array.of(9));
      expect(count).toMatchObject({ bytesSent: 2, bytesReceived: 3 });
    });
  });
});

describe('the setting of the line', () => {
  const settings = async (traits: LineTraits, story: (bench: Bench) => Promise<void>) =>
    onBus(traits, deaf, async (bench) => {
      const set = vi.spyOn(bench.line, 'set');
      await story(bench);
      return set.mock.calls.map(([setting]: readonly unknown[]) => setting);
    });

  test('is changed for a device that differs, and back for the next one', async () => {
    const set = await settings({ setting: SETTING }, async ({ bus }) => {
      for (const each of [device({}), device({ ofModel: FAST }), device({ ofModel: FAST }), device({})])
        await bus.prepare(each, signal);
    });
    expect(set).toEqual([FAST, SETTING]);
  });

  test("the site file's word for a device counts more than its device file's", async () => {
    const set = await settings({ setting: SETTING }, ({ bus }) =>
      bus.prepare(device({ ofModel: SETTING, ofSite: FAST }), signal),
    );
    expect(set).toEqual([FAST]);
  });

  test('what a dialogue set for itself is undone before the next one', async () => {
    const set = await settings({ setting: SETTING }, async ({ bus }) => {
      await bus.prepare(device({}), signal);
      await bus.set(FAST);
      await bus.prepare(device({}), signal);
    });
    expect(set).toEqual([FAST, SETTING]);
  });

  test("a line that was opened again stands in its own setting, and the device's is set again", async () => {
    const set = await settings({ setting: SETTING }, async ({ bus, line }) => {
      await bus.prepare(device({ ofModel: FAST }), signal);
      line.hangUp();
      await bus.open();
      await bus.prepare(device({ ofModel: FAST }), signal);
    });
    expect(set).toEqual([FAST, FAST]);
  });

  test('is left alone where nobody knows it', async () => {
    expect(await settings({}, ({ bus }) => bus.prepare(device({ ofModel: FAST }), signal))).toEqual([]);
  });
});

describe('the rest between an answer and the next request', () => {
  const answering: SimMeter = () => [{ reply: Uint8Array.of(1), afterMs: 10 }];
  test.each([
    ['Modbus RTU: 3.5 characters', 'modbus-rtu', SETTING, (3.5 * 11_000) / 2_400],
    ['Modbus RTU above 19200 Bd: 1.75 ms', 'modbus-rtu', { ...SETTING, baud: 38_400 }, 1.75],
    ['M-Bus: one character', 'mbus', SETTING, 11_000 / 2_400],
    ['Modbus TCP: none', 'modbus-tcp', SETTING, 0],
    ['a wire that nobody described: none', 'modbus-rtu', undefined, 0],
  ] as const)('%s', async (_name, framing, setting, restMs) => {
    await onBus(setting ? { setting } : {}, answering, async ({ bus, now }) => {
      await bus.prepare(device({ framing }), signal);
      await bus.write(Uint8Array.of(9));
      await bus.read(100);
      await bus.write(Uint8Array.of(9));
      expect(now()).toBeCloseTo(10 + restMs, 6);
    });
  });

  test('counts from the answer: who comes later does not wait', async () => {
    await onBus({ setting: SETTING }, answering, async ({ bus, now }) => {
      await bus.prepare(device({}), signal);
      await bus.write(Uint8Array.of(9));
      await bus.read(100);
      await bus.read(100);
      await bus.write(Uint8Array.of(9));
      expect(now()).toBe(110);
    });
  });
});

describe('a line that echoes', () => {
  const request = Uint8Array.of(5, 6, 7);
  const ask = (meter: SimMeter) =>
    onBus({ echo: true }, meter, async ({ bus }) => {
      await bus.write(request);
      const heard: number[] = [];
      for (;;) {
        const bytes = await bus.read(100);
        if (bytes.length === 0) return heard;
        heard.push(...bytes);
      }
    });
  const wrong = { failure: { code: 'echo-wrong' } };

  test.each([
    ['the echo in one piece with the answer', [{ reply: Uint8Array.of(5, 6, 7, 1, 2), afterMs: 1 }]],
    [
      'the echo in pieces',
      [
        { reply: Uint8Array.of(5), afterMs: 1 },
        { reply: Uint8Array.of(6, 7), afterMs: 2 },
        { reply: Uint8Array.of(1, 2), afterMs: 30 },
      ],
    ],
  ])('%s: only the answer is heard', async (_name, replies) => {
    expect(await ask(() => replies)).toEqual([1, 2]);
  });

  test('the echo alone is no answer', async () => {
    expect(await ask((bytes) => [{ reply: bytes, afterMs: 1 }])).toEqual([]);
  });

  test.each([
    ['a changed echo: two sent at once', [{ reply: Uint8Array.of(5, 2, 7), afterMs: 1 }]],
    ['no echo', []],
    ['half an echo', [{ reply: Uint8Array.of(5, 6), afterMs: 1 }]],
  ])('%s', async (_name, replies) => {
    await expect(ask(() => replies)).rejects.toMatchObject(wrong);
  });

  test('an answer that equals the request is kept', async () => {
    const twice = (bytes: Uint8Array) => [bytes, bytes].map((reply, n) => ({ reply, afterMs: n }));
    expect(await ask(twice)).toEqual([5, 6, 7]);
  });
});
