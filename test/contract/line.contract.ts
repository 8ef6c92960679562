import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/machine/clock.ts';
import type { Line } from '../../src/machine/line.ts';
import type { SimMeter } from '../../src/sim/line.ts';

/** A line with a meter at its other end. */
export interface LineScene {
  readonly line: Line;
  readonly clock: Clock;
  /** The other end closes the connection. */
  readonly hangUp: () => void;
  /** The other end is gone: nobody can connect any more. */
  readonly vanish: () => Promise<void>;
}

export interface LineSubject {
  readonly name: string;
  run(meter: SimMeter, body: (scene: LineScene) => Promise<void>): Promise<void>;
}

const LONG_MS = 5_000;
const SHORT_MS = 20;

/** Says what it hears, one higher. */
const echo: SimMeter = (request) => [{ reply: request.map((byte) => byte + 1), afterMs: 0 }];

/** Answers each byte of the request by one byte, that many milliseconds after the request. */
const eachInItsTime: SimMeter = (request) => [...request].map((ms) => ({ reply: Uint8Array.of(ms), afterMs: ms }));

const deaf: SimMeter = () => [];

const FLOOD_BYTES = 200_000;
const flood: SimMeter = () => [{ reply: new Uint8Array(FLOOD_BYTES), afterMs: 0 }];

async function readAll(line: Line, count: number): Promise<number[]> {
  const all: number[] = [];
  while (all.length < count) {
    const bytes = await line.read(LONG_MS);
    if (bytes.length === 0) break;
    all.push(...bytes);
  }
  return all;
}

export function lineContract(subject: LineSubject): void {
  const withMeter = (meter: SimMeter, body: (scene: LineScene) => Promise<void>) => () =>
    subject.run(meter, async (scene) => {
      await scene.line.open();
      await body(scene);
      await scene.line.close();
    });
  const lost = { failure: { code: 'line-lost' } };

  describe(`line: ${subject.name}`, () => {
    it(
      'carries bytes there and back',
      withMeter(echo, async ({ line }) => {
        expect(line.isOpen).toBe(true);
        await line.write(Uint8Array.of(1, 254));
        const answer = await line.read(LONG_MS);
        expect(answer.constructor).toBe(Uint8Array);
        const rest = await readAll(line, 2 - answer.length);
        expect([...answer, ...rest]).toEqual([2, 255]);
      }),
    );

    it(
      'gives nothing, and not before its time, when nothing comes',
      withMeter(deaf, async ({ line, clock }) => {
        const before = clock.monotonicMs();
        expect(await line.read(SHORT_MS)).toHaveLength(0);
        expect(clock.monotonicMs() - before).toBeGreaterThanOrEqual(SHORT_MS);
        expect(line.isOpen).toBe(true);
      }),
    );

    it(
      'keeps what came while nobody read, whole and in order',
      withMeter(eachInItsTime, async ({ line, clock }) => {
        await line.write(Uint8Array.of(0, 3, 6));
        await clock.sleep(50);
        expect(await readAll(line, 3)).toEqual([0, 3, 6]);
        expect(await line.read(0)).toHaveLength(0);
      }),
    );

    it(
      'a late answer is not dropped by a read that gave up',
      withMeter(eachInItsTime, async ({ line }) => {
        await line.write(Uint8Array.of(60));
        expect(await line.read(1)).toHaveLength(0);
        expect([...(await line.read(LONG_MS))]).toEqual([60]);
      }),
    );

    it(
      'drain throws away until it was quiet, and counts',
      withMeter(eachInItsTime, async ({ line }) => {
        await line.write(Uint8Array.of(0, 10, 20, 30));
        expect(await line.drain(200, LONG_MS)).toBe(4);
        expect(await line.read(0)).toHaveLength(0);
      }),
    );

    it(
      'drain counts also what was too much to hold',
      withMeter(flood, async ({ line, clock }) => {
        await line.write(Uint8Array.of(1));
        await clock.sleep(100);
        // The paced wire takes 20 s for them, of its own time.
        expect(await line.drain(200, 60_000)).toBe(FLOOD_BYTES);
      }),
    );

    it(
      'drain waits no shorter than the quiet it wants',
      withMeter(deaf, async ({ line, clock }) => {
        const before = clock.monotonicMs();
        expect(await line.drain(SHORT_MS, LONG_MS)).toBe(0);
        expect(clock.monotonicMs() - before).toBeGreaterThanOrEqual(SHORT_MS);
      }),
    );

    it(
      'drain ends on a line that is never quiet',
      withMeter(
        () => Array.from({ length: 200 }, (_, n) => ({ reply: Uint8Array.of(7), afterMs: n })),
        async ({ line }) => {
          await line.write(Uint8Array.of(1));
          const count = await line.drain(50, 30);
          expect(count).toBeLessThan(200);
          expect((await line.read(LONG_MS)).length).toBeGreaterThan(0);
        },
      ),
    );

    it(
      'what came before the other end closed can be read; then the line is lost',
      withMeter(echo, async ({ line, clock, hangUp }) => {
        await line.write(Uint8Array.of(1));
        await clock.sleep(50);
        hangUp();
        await clock.sleep(50);
        expect(line.isOpen).toBe(false);
        expect([...(await line.read(LONG_MS))]).toEqual([2]);
        await expect(line.read(LONG_MS)).rejects.toMatchObject(lost);
        await expect(line.drain(1, 1)).rejects.toMatchObject(lost);
        await expect(line.write(Uint8Array.of(1))).rejects.toMatchObject(lost);
      }),
    );

    it(
      'a read under way ends when the line is lost',
      withMeter(deaf, async ({ line, clock, hangUp }) => {
        const reading = expect(line.read(LONG_MS)).rejects.toMatchObject(lost);
        await clock.sleep(20);
        hangUp();
        await reading;
      }),
    );

    it(
      'can be opened again after it was lost, and begins empty',
      withMeter(echo, async ({ line, clock, hangUp }) => {
        await line.write(Uint8Array.of(1));
        await clock.sleep(50);
        hangUp();
        await clock.sleep(50);
        await line.open();
        expect(await line.read(1)).toHaveLength(0);
        await line.write(Uint8Array.of(5));
        expect([...(await line.read(LONG_MS))]).toEqual([6]);
      }),
    );

    it(
      'opening an open line drops nothing',
      withMeter(echo, async ({ line, clock }) => {
        await line.write(Uint8Array.of(1));
        await clock.sleep(50);
        await line.open();
        expect([...(await line.read(LONG_MS))]).toEqual([2]);
      }),
    );

    it(
      'says when it cannot be opened',
      withMeter(echo, async ({ line, vanish }) => {
        await line.close();
        await vanish();
        await expect(line.open()).rejects.toMatchObject({ failure: { code: 'line-unreachable' } });
        expect(line.isOpen).toBe(false);
      }),
    );

    it(
      'a closed line is lost to everybody, also to a read under way',
      withMeter(deaf, async ({ line }) => {
        const reading = expect(line.read(LONG_MS)).rejects.toMatchObject(lost);
        await line.close();
        await reading;
        await expect(line.read(1)).rejects.toMatchObject(lost);
        await expect(line.write(Uint8Array.of(1))).rejects.toMatchObject(lost);
        await line.close();
      }),
    );

    it(
      "every wait ends with the signal's reason and takes no bytes with it",
      withMeter(eachInItsTime, async ({ line }) => {
        const reason = new Error('enough');
        for (const wait of ['read', 'drain'] as const) {
          const controller = new AbortController();
          const signal = controller.signal;
          const waiting = wait === 'read' ? line.read(LONG_MS, signal) : line.drain(LONG_MS, LONG_MS, signal);
          const ended = expect(waiting).rejects.toBe(reason);
          controller.abort(reason);
          await ended;
        }
        const signal = AbortSignal.abort(reason);
        await expect(line.read(1, signal)).rejects.toBe(reason);
        await expect(line.drain(1, 1, signal)).rejects.toBe(reason);
        await expect(line.write(Uint8Array.of(1), signal)).rejects.toBe(reason);
        await line.write(Uint8Array.of(2));
        expect([...(await line.read(LONG_MS))]).toEqual([2]);
        await line.close();
        await expect(line.open(signal)).rejects.toBe(reason);
      }),
    );

    it(
      'a change of speed is taken',
      withMeter(echo, async ({ line }) => {
        await line.set({ baud: 2400, dataBits: 8, parity: 'even', stopBits: 1 });
        await line.write(Uint8Array.of(1));
        expect(await readAll(line, 1)).toEqual([2]);
      }),
    );
  });
}
