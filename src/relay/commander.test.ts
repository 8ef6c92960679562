import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { OdecetError } from '../core/failure.ts';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import { hostCodec, hostSigner, newKeyPem } from '../host/signer.ts';
import type { Signer } from '../machine/signer.ts';
import { pause } from '../machine/timers.ts';
import { simClock } from '../sim/clock.ts';
import { simEntropy } from '../sim/entropy.ts';
import { createWorld, type World } from '../sim/world.ts';
import {
  type AnswerText,
  forgedMarkOf,
  markOf,
  openAnswer,
  openCommand,
  packAnswer,
  VALID_MS_MAX,
} from '../uplink/relay/command.ts';
import { createCommandTaker } from '../uplink/relay/command-taker.ts';
import { isSignedBy } from '../uplink/relay/frame.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import { type CommandWish, createCommander } from './commander.ts';
import type { CommandLog, EndedCommand, GivenCommand } from './given-command.ts';
import { registryOf } from './registry.ts';

const START = Date.UTC(2026, 5, 1, 8);
const codec = hostCodec();
const relay = hostSigner(newKeyPem());
const [siteA, siteB] = [hostSigner(newKeyPem()), hostSigner(newKeyPem())];
const registry = registryOf([
  { site: 'site-a', key: siteA.publicKey, senders: ['x'], revoked: false },
  { site: 'site-b', key: siteB.publicKey, senders: ['x'], revoked: false },
  { site: 'site-c', key: siteB.publicKey, senders: ['x'], revoked: true },
]);
const WISH: CommandWish = {
  site: 'site-a',
  kind: 'read',
  body: JSON.stringify({ device: 'meter-1' }),
  by: 'jn',
  validMs: HOUR_MS,
};

interface Before extends Partial<Pick<CommandLog, 'open' | 'unanswered'>> {
  readonly name?: string;
  readonly signer?: Signer;
  readonly isOnline?: boolean;
}

function centre(world: World, before: Before = {}) {
  const { open = [], unanswered = [], name = 'centre-1', signer = relay } = before;
  const given: GivenCommand[] = [];
  const taken: string[] = [];
  const ended: EndedCommand[] = [];
  const sent: Uint8Array[] = [];
  let isOnline = before.isOnline ?? true;
  let isAway = false;
  const commandLog: CommandLog = {
    open,
    unanswered,
    given: async (command) => void given.push(command),
    taken: async (id) => void taken.push(id),
    ended: async (end) => void ended.push(end),
  };
  const commander = createCommander({
    name,
    registry: () => registry,
    signer,
    codec,
    commandLog,
    async publish({ topic, payload }) {
      if (!isOnline) throw new OdecetError('broker-unreachable', 'away');
      expect(topic).toBe('odecet/1/site-a/command');
      expect(given.length + open.length).toBeGreaterThan(0);
      sent.push(payload);
    },
    isAway: () => isAway,
    clock: simClock(world, START),
    entropy: simEntropy(world.random),
    log: quietLog,
  });
  const stop = new AbortController();
  void commander.run(stop.signal);
  return {
    commander,
    given,
    taken,
    ended,
    sent,
    stop,
    online(is: boolean) {
      isOnline = is;
    },
    away(is: boolean) {
      isAway = is;
    },
  };
}

/** What the site says to the last command that was sent. */
function answerTo(payload: Uint8Array, change: Partial<AnswerText> = {}, signer = siteA, site = 'site-a'): Uint8Array {
  const command = openCommand(payload)!;
  const { id } = command.head;
  const text: AnswerText = {
    id,
    of: markOf(command, codec),
    outcome: 'done',
    reason: '',
    detail: 'read',
    at: START,
    result: '{"value":"12.5"}',
    ...change,
  };
  return packAnswer(text, site, signer, codec);
}

const never = new AbortController().signal;

describe('a command of the centre', () => {
  test('is signed, in the log before it leaves, and ends with the answer', async () => {
    const world = createWorld(1);
    await world.run(async () => {
      const { commander, given, ended, sent, stop } = centre(world);
      const told: string[] = [];
      const end = commander.give(WISH, (progress) => told.push(progress), never);
      await pause(world, 100);
      const command = openCommand(sent[0]!)!;
      expect(isSignedBy(command.frame, [relay.publicKey], codec)).toBe(true);
      expect(given).toMatchObject([{ id: command.head.id, site: 'site-a', kind: 'read', by: 'jn' }]);
      commander.heard('site-a', answerTo(sent[0]!, { outcome: 'taken', result: 'null' }));
      commander.heard('site-a', answerTo(sent[0]!));
      expect(await end).toMatchObject({ outcome: 'done', result: '{"value":"12.5"}' });
      expect(told).toEqual(['given', 'sent', 'taken']);
      expect(ended).toHaveLength(1);
      commander.heard('site-a', answerTo(sent[0]!));
      await pause(world, HOUR_MS);
      expect([ended.length, sent.length]).toEqual([1, 1]);
      stop.abort();
    });
  });

  test('goes again until the site has it, by the same bytes, and ends unanswered when it is too late', async () => {
    const world = createWorld(2);
    await world.run(async () => {
      const { commander, ended, sent, stop, online } = centre(world);
      online(false);
      const end = commander.give(WISH, () => undefined, never);
      await pause(world, 10 * MINUTE_MS);
      expect(sent).toEqual([]);
      online(true);
      await pause(world, 2 * MINUTE_MS);
      expect(sent.length).toBeGreaterThan(0);
      expect(new Set(sent.map((payload) => codec.sha256(payload))).size).toBe(1);
      const before = sent.length;
      commander.siteIsHere('site-a');
      await pause(world, 2_000);
      expect(sent.length).toBe(before + 1);
      expect(await end).toMatchObject({ outcome: 'unanswered', reason: 'command-unanswered' });
      expect(ended).toHaveLength(1);
      stop.abort();
    });
  });

  test('to a site that is away goes once, seldom again, and at once when the site is here', async () => {
    const world = createWorld(10);
    await world.run(async () => {
      const { commander, sent, stop, away } = centre(world);
      away(true);
      const wish = { ...WISH, validMs: VALID_MS_MAX };
      void commander.give(wish, () => undefined, never);
      await pause(world, 6 * HOUR_MS - MINUTE_MS);
      expect(sent).toHaveLength(1);
      await pause(world, VALID_MS_MAX - 12 * HOUR_MS);
      expect(sent.length).toBeLessThanOrEqual(28);
      const before = sent.length;
      away(false);
      commander.siteIsHere('site-a');
      await pause(world, 2_000);
      expect(sent.length).toBe(before + 1);
      stop.abort();
    });
  });

  test('to a site that is there and says nothing goes less and less often', async () => {
    const world = createWorld(11);
    await world.run(async () => {
      const { commander, sent, stop } = centre(world);
      void commander.give({ ...WISH, validMs: VALID_MS_MAX }, () => undefined, never);
      await pause(world, VALID_MS_MAX - HOUR_MS);
      expect(sent.length).toBeLessThan(250);
      stop.abort();
    });
  });

  test.each<[string, Before]>([
    ['killed', {}],
    ['killed and given another name', { name: 'centre-2' }],
    ['killed and given another key', { signer: hostSigner(newKeyPem()) }],
  ])('that was open when the relay was %s goes on, by the same id and bytes', async (_, change) => {
    const world = createWorld(3);
    await world.run(async () => {
      const first = centre(world);
      void first.commander.give(WISH, () => undefined, never);
      await pause(world, 100);
      first.stop.abort();
      const second = centre(world, { ...change, open: [{ command: first.given[0]!, isTaken: false }] });
      await pause(world, 2_000);
      expect(second.sent[0]).toEqual(first.sent[0]);
      second.commander.heard('site-a', answerTo(first.sent[0]!));
      await pause(world, 100);
      expect(second.ended).toMatchObject([{ outcome: 'done' }]);
      second.stop.abort();
    });
  });

  test('of an earlier start is not refused because its key is no longer believed: what became of it is not known', async () => {
    const world = createWorld(12);
    await world.run(async () => {
      const first = centre(world);
      void first.commander.give(WISH, () => undefined, never);
      await pause(world, 100);
      first.stop.abort();
      const second = centre(world, { open: [{ command: first.given[0]!, isTaken: true }] });
      await pause(world, 2_000);
      const of = forgedMarkOf(openCommand(first.sent[0]!)!, codec);
      second.commander.heard('site-a', answerTo(first.sent[0]!, { of, outcome: 'refused', reason: 'bad-signature' }));
      await pause(world, 100);
      expect(second.ended).toMatchObject([{ outcome: 'unanswered', detail: expect.stringContaining('audit log') }]);
      second.stop.abort();
    });
  });

  test('that ran out while the relay was away is asked for before it ends, and its site had it', async () => {
    const world = createWorld(13);
    await world.run(async () => {
      const first = centre(world);
      void first.commander.give({ ...WISH, validMs: MINUTE_MS }, () => undefined, never);
      await pause(world, 100);
      first.commander.heard('site-a', answerTo(first.sent[0]!, { outcome: 'taken', result: 'null' }));
      await pause(world, 100);
      expect(first.taken).toEqual([first.given[0]!.id]);
      first.stop.abort();
      const open = [{ command: first.given[0]!, isTaken: true }];
      const second = centre(world, { open, isOnline: false });
      // The clock of each relay begins with it.
      await pause(world, 5 * HOUR_MS);
      expect(second.ended).toEqual([]);
      second.online(true);
      await pause(world, 30_000);
      expect(second.sent.length).toBeGreaterThan(0);
      expect(second.ended).toEqual([]);
      await pause(world, MINUTE_MS);
      expect(second.ended).toMatchObject([{ outcome: 'unanswered', detail: expect.stringContaining('took it') }]);
      second.stop.abort();
    });
  });

  test.each(['before', 'after'])(
    'that ended unanswered %s a restart is ended by the answer that comes yet',
    async (when) => {
      const world = createWorld(14);
      await world.run(async () => {
        let place = centre(world);
        const end = place.commander.give({ ...WISH, validMs: MINUTE_MS }, () => undefined, never);
        const { id } = await end;
        const sent = place.sent[0]!;
        const [command] = place.given;
        expect(place.ended).toMatchObject([{ outcome: 'unanswered', detail: expect.stringContaining('never said') }]);
        if (when === 'after') {
          place.stop.abort();
          place = centre(world, { unanswered: [command!] });
        }
        const before = place.ended.length;
        place.commander.heard('site-b', answerTo(sent, {}, siteB, 'site-b'));
        place.commander.heard('site-a', answerTo(sent, { of: '0'.repeat(64) }));
        place.commander.heard('site-a', answerTo(sent, { outcome: 'taken' }));
        for (let n = 0; n < 3; n++) place.commander.heard('site-a', answerTo(sent));
        await pause(world, 1_000);
        expect(place.ended.slice(before)).toMatchObject([{ id, outcome: 'done', result: '{"value":"12.5"}' }]);
        place.stop.abort();
      });
    },
  );

  test('leave one listener at what may end the wait for them', async () => {
    const world = createWorld(15);
    await world.run(async () => {
      const { commander, sent, stop } = centre(world);
      const { signal } = new AbortController();
      for (let n = 0; n < 3; n++) {
        const end = commander.give(WISH, () => undefined, signal);
        await pause(world, 100);
        commander.heard('site-a', answerTo(sent.at(-1)!));
        await end;
      }
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
      stop.abort();
    });
  });

  test.each<[string, (payload: Uint8Array) => [string, Uint8Array]]>([
    ['signed by another site', (payload) => ['site-a', answerTo(payload, {}, siteB)]],
    ['of another site about it', (payload) => ['site-b', answerTo(payload, {}, siteB, 'site-b')]],
    ['said on the topic of another site', (payload) => ['site-b', answerTo(payload)]],
    ['of a revoked site', (payload) => ['site-c', answerTo(payload, {}, siteB, 'site-c')]],
    ['to other words under its id', (payload) => ['site-a', answerTo(payload, { of: '0'.repeat(64) })]],
    [
      'that its signature is bad, of a copy with another',
      (payload) => ['site-a', answerTo(payload, { outcome: 'refused', reason: 'bad-signature' })],
    ],
    ['that is noise', () => ['site-a', new Uint8Array(500)]],
  ])('is not ended by an answer %s', async (_, forge) => {
    const world = createWorld(4);
    await world.run(async () => {
      const { commander, ended, sent, stop } = centre(world);
      void commander.give(WISH, () => undefined, never);
      await pause(world, 100);
      commander.heard(...forge(sent[0]!));
      await pause(world, 100);
      expect(ended).toEqual([]);
      stop.abort();
    });
  });

  test.each<[string, Partial<CommandWish>]>([
    ['to a site that nobody knows', { site: 'site-x' }],
    ['to a revoked site', { site: 'site-c' }],
    ['of an unknown kind', { kind: 'shell' }],
    ['with a body that does not fit', { body: '{"command":"reboot"}' }],
    ['that is valid for months', { validMs: 60 * 24 * HOUR_MS }],
    ['that is too large', { kind: 'site-file', body: JSON.stringify({ text: noise(400_000), withinMs: 60_000 }) }],
  ])('%s is refused before anything is signed or logged', async (_, change) => {
    const world = createWorld(5);
    await world.run(async () => {
      const { commander, given, sent, stop } = centre(world);
      const wish = { ...WISH, ...change };
      await expect(commander.give(wish, () => undefined, never)).rejects.toMatchObject({ failure: { code: 'usage' } });
      expect([given, sent]).toEqual([[], []]);
      stop.abort();
    });
  });
});

/** Text that does not shrink. */
function noise(length: number): string {
  const { random } = createWorld('noise');
  return Array.from({ length }, () => String.fromCharCode(33 + random.below(90))).join('');
}

test.each(['before', 'after'])('a copy under another signature %s the genuine one changes nothing', async (when) => {
  const world = createWorld(8);
  await world.run(async () => {
    const { commander, ended, sent, stop } = centre(world);
    const done: string[] = [];
    const known = new Map<string, AnswerText>();
    const taker = createCommandTaker({
      site: 'site-a',
      signer: siteA,
      codec,
      relayKeys: [relay.publicKey],
      allowed: ['read'],
      clock: simClock(world, START),
      log: quietLog,
      book: {
        find: async (id) => known.get(id),
        open: () => [],
        newestMadeAt: () => 0,
        received: async (head, _, answer) => void known.set(head.id, answer),
        concluded: async (answer) => void known.set(answer.id, answer),
        stranger: async () => undefined,
      },
      async perform(id) {
        await pause(world, 3_000);
        done.push(id);
        return { outcome: 'done', detail: 'read' };
      },
    });
    const said: string[] = [];
    const line = {
      isOnline: () => true,
      async say(payload: Uint8Array) {
        said.push(openAnswer(payload)!.head.reason || 'good');
        commander.heard('site-a', payload);
      },
      sendAgain: () => undefined,
      clockOffMsAtMost: () => undefined,
      alert: () => undefined,
    };
    void taker.run(line, stop.signal);
    void commander.give(WISH, () => undefined, never);
    await pause(world, 100);
    const forged = sent[0]!.slice();
    forged[0] = forged[0] === 0x30 ? 0x31 : 0x30;
    for (const payload of when === 'before' ? [forged, sent[0]!] : [sent[0]!, forged]) taker.received(payload);
    await pause(world, MINUTE_MS);
    expect(said).toContain('bad-signature');
    expect(done).toHaveLength(1);
    expect(ended).toMatchObject([{ id: done[0], outcome: 'done' }]);
    stop.abort();
  });
});

test('a disk that is full when a site starts ends nothing there: what was open is told when there is room', async () => {
  const world = createWorld(15);
  await world.run(async () => {
    let tries = 0;
    const taker = createCommandTaker({
      site: 'site-a',
      signer: siteA,
      codec,
      relayKeys: [relay.publicKey],
      allowed: ['read'],
      clock: simClock(world, START),
      log: quietLog,
      book: {
        find: async () => undefined,
        open: () => [],
        newestMadeAt: () => 0,
        received: async () => undefined,
        concluded: async () => undefined,
        stranger: async () => undefined,
      },
      perform: async () => ({ outcome: 'done', detail: '' }),
      async beside() {
        tries += 1;
        if (tries < 3) throw new OdecetError('store-full', 'no room');
      },
    });
    const stop = new AbortController();
    const line = {
      isOnline: () => true,
      say: async () => undefined,
      sendAgain: () => undefined,
      clockOffMsAtMost: () => undefined,
      alert: () => undefined,
    };
    const running = taker.run(line, stop.signal);
    await pause(world, HOUR_MS);
    expect(tries).toBe(3);
    stop.abort();
    await running;
  });
});

test('a command that the site cannot believe ends with its word', async () => {
  const world = createWorld(9);
  await world.run(async () => {
    const { commander, ended, sent, stop } = centre(world);
    void commander.give(WISH, () => undefined, never);
    await pause(world, 100);
    const of = forgedMarkOf(openCommand(sent[0]!)!, codec);
    commander.heard('site-a', answerTo(sent[0]!, { of, outcome: 'refused', reason: 'bad-signature' }));
    await pause(world, 100);
    expect(ended).toMatchObject([{ outcome: 'refused', reason: 'bad-signature' }]);
    stop.abort();
  });
});
