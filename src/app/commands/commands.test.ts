import { describe, expect, test, vi } from 'vitest';
import { memoryStore } from '../../buffer/buffer.testkit.ts';
import { openBuffer } from '../../buffer/index.ts';
import type { CommandKind } from '../../core/command-kind.ts';
import type { Failure } from '../../core/failure.ts';
import { HOUR_MS, MINUTE_MS, type Millis, type MonotonicMs, SECOND_MS, type UtcMs } from '../../core/time.ts';
import { hostCodec, hostSigner, newKeyPem } from '../../host/signer.ts';
import type { Clock } from '../../machine/clock.ts';
import { simFolder } from '../../sim/folder.ts';
import {
  type AnswerHead,
  answerResult,
  COMMAND_BYTES_MAX,
  type CommandHead,
  openAnswer,
  openCommand,
  packCommand,
} from '../../uplink/relay/command.ts';
import { type CommandLine, createCommandTaker, type Performed } from '../../uplink/relay/command-taker.ts';
import { isSignedBy } from '../../uplink/relay/frame.ts';
import { quietLog } from '../../uplink/uplink.testkit.ts';
import { chainFaults } from '../audit-chain.ts';
import { readAudit } from '../audit-texts.ts';
import { openCommandBook } from './book.ts';

const NOW = Date.UTC(2026, 5, 1, 8);
const codec = hostCodec();
const relay = hostSigner(newKeyPem());
const stranger = hostSigner(newKeyPem());
const siteKey = hostSigner(newKeyPem());
const ID = 'a'.repeat(32);

const HEAD = {
  relay: 'centre-1',
  site: 'site-a',
  id: ID,
  kind: 'read',
  by: 'jn',
  madeAt: NOW - MINUTE_MS,
  expiresAt: NOW + HOUR_MS,
};
const BODY = JSON.stringify({ device: 'meter-1' });

function command(change: Partial<Omit<CommandHead, 'v' | 'what' | 'hash'>> = {}, body = BODY, signer = relay) {
  return packCommand({ ...HEAD, ...change }, body, signer, codec);
}

/** A site's disk and what it did; `start` switches the program on over what the disk has. */
function site(allowed: readonly CommandKind[] = ['read']) {
  const rows = new Map<string, Uint8Array>();
  const folder = simFolder();
  const wall: { at: UtcMs; monotonic: MonotonicMs; offMsAtMost?: Millis } = { at: NOW, monotonic: 0 };
  const said: { head: AnswerHead; result: unknown }[] = [];
  const alerts: (Failure | undefined)[] = [];
  const performed: string[] = [];
  let outcome: () => Promise<Performed> = async () => ({ outcome: 'done', detail: 'read', result: { value: '12.5' } });
  const clock: Clock = {
    now: () => wall.at,
    monotonicMs: () => wall.monotonic,
    after: () => () => undefined,
    whenWall: () => () => undefined,
    sleep: (_, signal) =>
      new Promise((_resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
    sleepUntil: () => new Promise(() => undefined),
  };
  const line: CommandLine = {
    isOnline: () => true,
    async say(payload) {
      const answer = openAnswer(payload)!;
      expect(isSignedBy(answer.frame, [siteKey.publicKey], codec)).toBe(true);
      said.push({ head: answer.head, result: JSON.parse(answerResult(answer, codec)!) });
    },
    sendAgain: () => undefined,
    clockOffMsAtMost: () => wall.offMsAtMost,
    alert: (problem) => alerts.push(problem),
  };
  const buffer = () => openBuffer(memoryStore(rows), { clock });
  return {
    wall,
    said,
    alerts,
    performed,
    willEnd(how: () => Promise<Performed>) {
      outcome = how;
    },
    buffer,
    async start() {
      const book = await openCommandBook(await buffer(), folder, clock.now);
      const stop = new AbortController();
      const taker = createCommandTaker({
        site: 'site-a',
        signer: siteKey,
        codec,
        relayKeys: [relay.publicKey],
        allowed,
        book,
        async perform(id) {
          performed.push(id);
          return outcome();
        },
        clock,
        log: quietLog,
      });
      const running = taker.run(line, stop.signal);
      return {
        taker,
        book,
        async deliver(payload: Uint8Array, answers = 1) {
          const before = said.length;
          taker.received(payload);
          await vi.waitFor(() => expect(said.length).toBeGreaterThanOrEqual(before + answers));
          return said.slice(before).map(({ head }) => [head.outcome, head.reason]);
        },
        async stop() {
          stop.abort();
          await running;
        },
      };
    },
    async audit() {
      const log = await (await buffer()).auditLog();
      expect(chainFaults(log)).toEqual([]);
      return log.map(({ text }) => readAudit(text));
    },
  };
}

describe('what a site does of a command', () => {
  test('it says that it has it, does it, answers with the result, and the audit log has both', async () => {
    const place = site();
    const { deliver, stop } = await place.start();
    expect(await deliver(command(), 2)).toEqual([
      ['taken', ''],
      ['done', ''],
    ]);
    expect(place.said[1]).toMatchObject({ head: { id: ID, site: 'site-a' }, result: { value: '12.5' } });
    await stop();
    expect(await place.audit()).toMatchObject([
      { what: 'command', id: ID, kind: 'read', by: 'jn', relay: 'centre-1', outcome: 'taken', body: BODY },
      { what: 'answer', id: ID, outcome: 'done' },
    ]);
  });

  test('an id is done once, however often it comes, also after a restart; the answer is given again', async () => {
    const place = site();
    const first = await place.start();
    await first.deliver(command(), 2);
    expect(await first.deliver(command())).toEqual([['done', '']]);
    await first.stop();
    const second = await place.start();
    expect(await second.deliver(command())).toEqual([['done', '']]);
    await second.stop();
    expect(place.performed).toEqual([ID]);
    expect(place.said.at(-1)?.result).toEqual({ value: '12.5' });
    expect(await place.audit()).toHaveLength(2);
  });

  test('what was begun when the power went is not begun again', async () => {
    const place = site();
    place.willEnd(() => new Promise(() => undefined));
    const first = await place.start();
    await first.deliver(command());
    // No stop: the power goes.
    const second = await place.start();
    expect(second.book.open()).toEqual([ID]);
    expect(await second.deliver(command())).toEqual([['taken', '']]);
    expect(place.performed).toEqual([ID]);
    await second.stop();
  });

  test('a result that no broker would carry is left out, and that is said', async () => {
    const place = site();
    const text = Array.from({ length: 20_000 }, (_, n) => codec.sha256(new TextEncoder().encode(`${n}`))).join('');
    place.willEnd(async () => ({ outcome: 'done', detail: '', result: text.slice(0, 900_000) }));
    const { deliver, stop } = await place.start();
    await deliver(command(), 2);
    expect(place.said[1]?.result).toEqual({ note: expect.stringContaining('left out') });
    await stop();
  });

  test('a failure is answered with its code', async () => {
    const place = site();
    place.willEnd(() => Promise.reject(new RangeError('no line')));
    const { deliver, stop } = await place.start();
    expect(await deliver(command(), 2)).toEqual([
      ['taken', ''],
      ['failed', 'unexpected'],
    ]);
    await stop();
  });
});

const refusals: [string, string, Uint8Array, object?][] = [
  ['is no longer valid', 'expired', command({ expiresAt: NOW })],
  ['would be valid for months', 'expired', command({ expiresAt: NOW + 60 * 24 * HOUR_MS })],
  [
    'is from the future: the clocks are far apart',
    'clock-off',
    command({ madeAt: NOW + HOUR_MS, expiresAt: NOW + 2 * HOUR_MS }),
  ],
  ['is for another site', 'wrong-site', command({ site: 'site-b' })],
  ['is of a kind that nobody knows', 'unknown-kind', command({ kind: 'shell' })],
  ['is of a kind that the site file does not allow', 'not-allowed', command({ kind: 'diagnose' }, '{}')],
  ['has a body that does not fit', 'bad-body', command({}, JSON.stringify({ device: 'm', run: 'reboot' }))],
  ['has a body that is no JSON', 'bad-body', command({}, 'reboot')],
  ['has a body of a gigabyte in a few bytes', 'bad-body', command({}, ' '.repeat(1_000_001))],
];

describe('a command that the relay signed is refused, answered and in the audit log when it', () => {
  test.each(refusals)('%s', async (_, reason, payload) => {
    const place = site();
    const { deliver, stop } = await place.start();
    expect(await deliver(payload)).toEqual([['refused', reason]]);
    expect(await deliver(payload)).toEqual([['refused', reason]]);
    await stop();
    expect(place.performed).toEqual([]);
    expect(await place.audit()).toMatchObject([{ what: 'command', id: ID, outcome: 'refused', reason }]);
  });

  test('has the id of another one', async () => {
    const place = site();
    const { deliver, stop } = await place.start();
    await deliver(command(), 2);
    expect(await deliver(command({}, JSON.stringify({ device: 'meter-2' })))).toEqual([['refused', 'changed-content']]);
    expect(place.said.at(-1)?.head.of).not.toBe(place.said[0]?.head.of);
    expect(await deliver(command())).toEqual([['done', '']]);
    await stop();
    expect(place.performed).toEqual([ID]);
  });

  test('was kept back until the clock of the site was set back', async () => {
    const place = site();
    const { deliver, stop } = await place.start();
    const kept = command({ id: 'b'.repeat(32), expiresAt: NOW + MINUTE_MS });
    place.wall.at = NOW + HOUR_MS;
    await deliver(command({ madeAt: NOW + HOUR_MS, expiresAt: NOW + 2 * HOUR_MS }), 2);
    place.wall.at = NOW;
    expect(await deliver(kept)).toEqual([['refused', 'expired']]);
    await stop();
  });
});

test('a time in which site and relay were both years ahead makes later commands old only until the relay is seen to agree', async () => {
  const place = site();
  const year = 365 * 24 * HOUR_MS;
  place.wall.at = NOW + 4 * year;
  let run = await place.start();
  const ahead = { id: 'c'.repeat(32), madeAt: NOW + 4 * year, expiresAt: NOW + 4 * year + HOUR_MS };
  await run.deliver(command(ahead), 2);
  // Both clocks were set right, and the gateway was started anew.
  await run.stop();
  place.wall.at = NOW;
  run = await place.start();
  const fresh = (letter: string) => command({ id: letter.repeat(32) });
  expect(await run.deliver(fresh('d'))).toEqual([['refused', 'expired']]);
  place.wall.offMsAtMost = 11 * MINUTE_MS;
  expect(await run.deliver(fresh('e'))).toEqual([['refused', 'expired']]);
  place.wall.offMsAtMost = SECOND_MS;
  expect(await run.deliver(fresh('f'), 2)).toEqual([
    ['taken', ''],
    ['done', ''],
  ]);
  expect(await run.deliver(command(ahead))).toEqual([['done', '']]);
  await run.stop();
  expect(place.performed).toHaveLength(2);
});

describe('somebody without the relay’s key', () => {
  const forged = () => command({}, BODY, stranger);
  const swapped = () => {
    const good = command();
    const other = command({}, JSON.stringify({ device: 'meter-2' }));
    const at = good.length - openCommand(good)!.frame.packed.length;
    return Uint8Array.from([...good.slice(0, at), ...openCommand(other)!.frame.packed]);
  };

  test('is not obeyed, and raises an alert that the next good command takes back', async () => {
    const place = site();
    const { deliver, stop } = await place.start();
    expect(await deliver(forged())).toEqual([['refused', 'bad-signature']]);
    expect(place.alerts).toMatchObject([{ code: 'command-refused' }]);
    // His words are kept under no id: the true command is done.
    expect(await deliver(command(), 2)).toEqual([
      ['taken', ''],
      ['done', ''],
    ]);
    expect(place.alerts.at(-1)).toBeUndefined();
    await stop();
  });

  test('cannot put another body to what was signed', async () => {
    const place = site();
    const { deliver, stop } = await place.start();
    expect(await deliver(swapped())).toEqual([['refused', 'bad-body']]);
    expect(place.performed).toEqual([]);
    await stop();
  });

  test.each([
    ['too large', new Uint8Array(COMMAND_BYTES_MAX + 1)],
    ['noise', Uint8Array.from({ length: 300 }, (_, n) => n % 251)],
    ['nothing', new Uint8Array(0)],
  ])('and without its form (%s): no answer, an alert, one entry', async (_, payload) => {
    const place = site();
    const { taker, stop } = await place.start();
    for (let n = 0; n < 10; n++) taker.received(payload);
    await vi.waitFor(() => expect(place.alerts).toHaveLength(10));
    await stop();
    expect(place.said).toEqual([]);
    expect(await place.audit()).toMatchObject([{ what: 'stranger' }]);
  });
});
