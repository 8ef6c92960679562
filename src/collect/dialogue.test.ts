import { describe, expect, test, vi } from 'vitest';
import { decimalText } from '../core/decimal.ts';
import type { Session, Step } from '../core/driver.ts';
import { failure } from '../core/failure.ts';
import { type SimClock, simClock } from '../sim/clock.ts';
import { type SimLine, type SimLineOptions, simLine } from '../sim/line.ts';
import { createWorld } from '../sim/world.ts';
import { createToyDriver, toyAnswerBytes, toyDevice, toyRequestOf } from './collect.testkit.ts';
import { type DialogueOutcome, runDialogue } from './dialogue.ts';

const RULES = { gapTimeoutMs: 20, pauseMs: 0, dialogueLimitMs: 5_000, lateAnswerMs: 200, reopenAfterTimeout: true };
const REPLY_MS = 20;
const READ: Step = { kind: 'read', result: { values: [], identity: {}, unusable: [] } };
const ASK: Step = { kind: 'send', bytes: Uint8Array.of(1, 1), replyWithinMs: 200 };
const NO_ANSWER: Step = { kind: 'missed', failure: failure('no-answer', '') };

interface Bench {
  readonly line: SimLine;
  readonly clock: SimClock;
  /** A dialogue of the toy protocol with meter 1, whose index is the number of the question. */
  readonly ask: () => Promise<DialogueOutcome>;
  readonly play: (session: Session, rules?: Partial<typeof RULES>) => Promise<DialogueOutcome>;
}

/** Runs `main` in virtual time on an open line with one meter that echoes the number of each question as its index. */
async function onBench<T>(main: (bench: Bench) => Promise<T>, options: Partial<SimLineOptions> = {}): Promise<T> {
  const world = createWorld(1);
  const clock = simClock(world, 0);
  const echo = (request: Uint8Array) => {
    const { address, question } = toyRequestOf(request);
    return [{ reply: toyAnswerBytes(address, { index: String(question) }), afterMs: REPLY_MS }];
  };
  const line = simLine(world, { meters: [echo], random: world.random, ...options });
  const driver = createToyDriver();
  const device = toyDevice({ address: 1 });
  const { signal } = new AbortController();
  const play: Bench['play'] = (session, rules = {}) =>
    runDialogue(line, clock, session, { ...RULES, ...rules }, signal);
  const ask = async () => {
    await line.open();
    return play(driver.session(device, { want: 'current', now: 0 }));
  };
  return world.run(async () => {
    await line.open();
    return main({ line, clock, ask, play });
  });
}

/** The steps in their order, whatever comes. */
function script(first: Step, ...later: readonly Step[]): Session {
  const rest = [...later];
  const next = () => rest.shift() ?? NO_ANSWER;
  return { start: () => first, received: next, silent: next };
}

/** Whether the value belongs to the question that was asked. */
function isRight(end: DialogueOutcome): boolean {
  if (!end.ok) return false;
  const [value] = end.result.values;
  return value !== undefined && decimalText(value.value) === String(Number.parseInt(value.raw, 16));
}

test('a good dialogue tells when it was', async () => {
  const end = await onBench(({ ask }) => ask());
  expect(end).toMatchObject({ ok: true, startedWall: 0, endedWall: REPLY_MS, strayBytes: 0 });
  expect(isRight(end)).toBe(true);
});

describe('an answer that comes late', () => {
  test.each([
    ['by 50 ms, the line stays', false, 50, false],
    ['by 50 ms, to the socket that is gone', true, 50, false],
    ['by 190 ms, through a converter', true, 190, true],
    ['by 190 ms, the line stays', false, 190, false],
  ])('%s: of 200 readings after it none is wrong', async (_name, reopen, byMs, lateAfterReopen) => {
    const ends = await onBench(
      async ({ line, play, clock }) => {
        const driver = createToyDriver();
        const device = toyDevice({ address: 1 });
        const all: DialogueOutcome[] = [];
        line.faultNext({ kind: 'late', byMs: 200 - REPLY_MS + byMs });
        for (let n = 0; n <= 200; n++) {
          await line.open();
          const session = driver.session(device, { want: 'current', now: clock.now() });
          all.push(await play(session, { reopenAfterTimeout: reopen }));
        }
        return all;
      },
      { lateAfterReopen },
    );
    expect(ends[0]).toMatchObject({ ok: false, timedOut: true, failure: { code: 'no-answer' } });
    expect(ends[0]?.strayBytes).toBeGreaterThan(0);
    expect(ends.slice(1).filter((end) => !isRight(end))).toEqual([]);
    expect(ends).toHaveLength(201);
  });

  test('after a time-out the line is silent for the longest late answer, then closed where framing has no id', async () => {
    await onBench(async ({ line, ask, clock }) => {
      line.faultNext({ kind: 'silence' });
      await ask();
      expect(clock.monotonicMs()).toBe(200 + 200);
      expect(line.isOpen).toBe(false);
    });
  });

  test('silence where nobody need answer is no time-out', async () => {
    await onBench(async ({ line, play, clock }) => {
      for (const _ of [1, 2]) line.faultNext({ kind: 'silence' });
      const optional: Step = { ...ASK, isOptional: true };
      const end = await play(script(optional, optional, ASK, READ));
      expect(end).toMatchObject({ ok: true });
      expect(clock.monotonicMs()).toBe(200 + 200 + REPLY_MS);
      expect(line.isOpen).toBe(true);
    });
  });

  test('the failure says that the answer came, only too late', async () => {
    await onBench(async ({ line, ask }) => {
      line.faultNext({ kind: 'late', byMs: 230 });
      const end = await ask();
      expect(end).toMatchObject({
        failure: { code: 'no-answer', detail: expect.stringContaining('make replyTimeoutMs longer') },
      });
      line.faultNext({ kind: 'silence' });
      expect(await ask()).toMatchObject({ failure: { detail: expect.not.stringContaining('longer') } });
    });
  });

  test('a session that asks again after a time-out does so after the silence only', async () => {
    await onBench(async ({ line, play, clock }) => {
      line.faultNext({ kind: 'late', byMs: 200 });
      const end = await play(script(ASK, ASK, READ));
      expect(end).toMatchObject({ ok: true });
      expect(end.strayBytes).toBeGreaterThan(0);
      // 200 without an answer; the late one at 220, quiet 200 after it; then the answer.
      expect(clock.monotonicMs()).toBe(220 + 200 + REPLY_MS);
    });
  });
});

describe('an answer that is not right is a named failure, and the next dialogue is good', () => {
  test.each([
    ['truncated', { kind: 'truncated', keep: 4 }, 'frame-truncated'],
    ['changed by noise', { kind: 'foreign', bytes: spoilt() }, 'frame-checksum'],
    ["another meter's", { kind: 'foreign', bytes: toyAnswerBytes(2, { index: '1' }) }, 'wrong-address'],
    ['two run together', { kind: 'foreign', bytes: twice() }, 'frame-trailing'],
  ] as const)('%s', async (_name, fault, code) => {
    await onBench(async ({ line, ask }) => {
      line.faultNext(fault);
      expect(await ask()).toMatchObject({ ok: false, failure: { code } });
      expect(isRight(await ask())).toBe(true);
    });
  });

  function spoilt(): Uint8Array {
    const bytes = toyAnswerBytes(1, { index: '1' });
    return bytes.with(-1, bytes.at(-1)! ^ 1);
  }
  function twice(): Uint8Array {
    const bytes = toyAnswerBytes(1, { index: '1' });
    return Uint8Array.of(...bytes, ...bytes);
  }
});

test('stray bytes are gone before the first request and counted', async () => {
  await onBench(
    async ({ line, play, clock }) => {
      await line.write(Uint8Array.of(9));
      await clock.sleep(100);
      const end = await play(script(ASK, READ));
      expect(end).toMatchObject({ ok: true, strayBytes: 3 });
    },
    { meters: [([first]) => [{ reply: first === 9 ? Uint8Array.of(7, 7, 7) : Uint8Array.of(1), afterMs: 5 }]] },
  );
});

test('bytes after an answer, between two requests: nothing of the dialogue is believed', async () => {
  const twiceOver = () => [
    { reply: Uint8Array.of(1), afterMs: 5 },
    { reply: Uint8Array.of(1), afterMs: 6 },
  ];
  const end = await onBench(({ play }) => play(script(ASK, ASK, READ), { pauseMs: 10 }), { meters: [twiceOver] });
  expect(end).toMatchObject({ ok: false, failure: { code: 'frame-trailing' } });
});

test('between two requests the device has its pause', async () => {
  await onBench(async ({ play, clock }) => {
    await play(script(ASK, ASK, READ), { pauseMs: 50 });
    expect(clock.monotonicMs()).toBe(REPLY_MS + 50 + REPLY_MS);
  });
});

test('and a longer one where the driver wants it', async () => {
  await onBench(async ({ play, clock }) => {
    await play(script(ASK, { ...ASK, restMs: 100 }, { ...ASK, restMs: 10 }, READ), { pauseMs: 50 });
    expect(clock.monotonicMs()).toBe(REPLY_MS + 100 + REPLY_MS + 50 + REPLY_MS);
  });
});

test('a device that babbles does not hold the line for ever', async () => {
  const babble = () => Array.from({ length: 1_000 }, (_, n) => ({ reply: Uint8Array.of(1), afterMs: 15 * n }));
  const forever: Session = {
    start: () => ASK,
    received: () => ({ kind: 'wait', atMostMs: 100 }),
    silent: () => NO_ANSWER,
  };
  await onBench(
    async ({ play, clock }) => {
      const end = await play(forever);
      expect(end).toMatchObject({ ok: false, failure: { code: 'dialogue-too-long' } });
      expect(clock.monotonicMs()).toBeLessThanOrEqual(RULES.dialogueLimitMs + 3 * RULES.lateAnswerMs);
    },
    { meters: [babble] },
  );
});

test('an exception is a whole answer: no silence after it', async () => {
  await onBench(async ({ line, play, clock }) => {
    const end = await play(script(ASK, { kind: 'missed', failure: failure('device-exception', 'illegal address') }));
    expect(end).toMatchObject({ ok: false, timedOut: false });
    expect(clock.monotonicMs()).toBe(REPLY_MS);
    expect(line.isOpen).toBe(true);
  });
});

test('a line that is lost comes back as a failure, closed, after the answer can no longer be on the bus', async () => {
  await onBench(async ({ line, ask, clock }) => {
    line.faultNext({ kind: 'disconnect' });
    expect(await ask()).toMatchObject({ ok: false, failure: { code: 'line-lost' } });
    expect(line.isOpen).toBe(false);
    expect(clock.monotonicMs()).toBe(200);
    expect(isRight(await ask())).toBe(true);
  });
});

test('a line that was lost before the request went out costs no silence', async () => {
  await onBench(async ({ line, play, clock }) => {
    line.hangUp();
    expect(await play(script(ASK, READ))).toMatchObject({ ok: false, failure: { code: 'line-lost' } });
    expect(clock.monotonicMs()).toBe(0);
  });
});

test('a session that throws is a failure of that dialogue only', async () => {
  await onBench(async ({ line, play, ask }) => {
    const faulty: Session = {
      start: () => ASK,
      received: () => {
        throw new TypeError('oops');
      },
      silent: () => NO_ANSWER,
    };
    expect(await play(faulty)).toMatchObject({ ok: false, failure: { code: 'unexpected' } });
    expect(line.isOpen).toBe(false);
    expect(isRight(await ask())).toBe(true);
  });
});

test('the line changes its setting where the session says so', async () => {
  await onBench(async ({ line, play, clock }) => {
    const setting = { baud: 9600, dataBits: 8, parity: 'even', stopBits: 1 } as const;
    const set = vi.spyOn(line, 'set');
    await play(script({ kind: 'line', setting, thenMs: 300 }, READ));
    expect(set.mock.calls.map(([to]: readonly unknown[]) => to)).toEqual([setting]);
    expect(clock.monotonicMs()).toBe(300);
  });
});

test('an abort ends the dialogue with its reason', async () => {
  const world = createWorld(1);
  const clock = simClock(world, 0);
  const line = simLine(world, { meters: [], random: world.random });
  const stop = new AbortController();
  await world.run(async () => {
    await line.open();
    world.after(50, () => stop.abort(new Error('stopped')));
    await expect(runDialogue(line, clock, script(ASK), RULES, stop.signal)).rejects.toThrow('stopped');
    expect(clock.monotonicMs()).toBe(50);
  });
});
