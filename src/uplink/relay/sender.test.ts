import { expect, test } from 'vitest';
import type { Outbox } from '../../buffer/outbox.ts';
import { hostSigner, newKeyPem } from '../../host/signer.ts';
import { pause } from '../../machine/timers.ts';
import { message } from '../uplink.testkit.ts';
import { said, senderOf } from './sender.testkit.ts';

const ids = (count: number) => Array.from({ length: count }, (_, n) => String(n + 1).padStart(14, '0'));

test.each([
  ['the session was lost', true],
  ['the session held', false],
])('what the relay has is asked after within half a minute where %s', async (_, isLost) => {
  const play = senderOf([message('00000000000001')]);
  await play.run(async ({ world, sender, published }) => {
    await pause(world, 1_000);
    sender.received(said({ id: '00000000000001', stage: 'stored' }));
    await pause(world, 1_000);
    expect(published.length).toBe(1);
    // For so short a time that the sender never looked meanwhile.
    if (isLost) sender.sessionBegun();
    else sender.wake();
    await pause(world, 31_000);
    expect(published.length).toBe(isLost ? 2 : 1);
  });
});

test.each([
  ['refuses', 'refused', 6],
  ['never answers', undefined, 0.25],
] as const)(
  'forty messages that the relay %s keep no other from it, and go again now and then',
  async (_, stage, hours) => {
    const play = senderOf(ids(42).map(message));
    play.answer = (id) => {
      const how = Number(id) > 40 ? 'accepted' : stage;
      return how && said({ id, stage: how });
    };
    await play.run(async ({ world, published, outbox }) => {
      await pause(world, hours * 3_600_000);
      const waiting = await outbox.heads();
      expect(waiting.map(({ message: { id } }) => id)).toEqual(ids(40));
      for (const id of ids(40)) expect(published.filter((one) => one === id).length).toBeGreaterThan(5);
    });
  },
);

test('no more than thirty-two are under way without a word of the relay', async () => {
  const play = senderOf(ids(100).map(message));
  await play.run(async ({ world, published }) => {
    await pause(world, 9_000);
    expect(published.length).toBe(32);
  });
});

test('a backlog goes newest day first, upon few looks and with one document at a time; none is read without a broker', async () => {
  const counts = { looks: 0, read: 0, reading: 0, most: 0 };
  const counting = (outbox: Outbox): Outbox => ({
    ...outbox,
    async heads() {
      counts.looks += 1;
      return outbox.heads();
    },
    async read(id) {
      counts.read += 1;
      counts.reading += 1;
      counts.most = Math.max(counts.most, counts.reading);
      const found = await outbox.read(id);
      counts.reading -= 1;
      return found;
    },
  });
  const days = ids(300).map((id, n) => ({
    ...message(id),
    day: `2026-03-${String(1 + Math.floor(n / 10)).padStart(2, '0')}`,
  }));
  const play = senderOf(days, counting);
  play.isOnline = false;
  await play.run(async ({ world, sender, published, outbox }) => {
    await pause(world, 600_000);
    expect(counts.read).toBe(0);
    expect(counts.looks).toBeLessThanOrEqual(11);
    counts.looks = 0;
    play.isOnline = true;
    play.answer = (id) => said({ id, stage: 'accepted' });
    sender.sessionBegun();
    await pause(world, 5_000);
    expect(await outbox.heads()).toEqual([]);
    expect(counts).toMatchObject({ read: 300, most: 1 });
    expect(counts.looks).toBeLessThanOrEqual(6);
    expect(published.map((id) => days.find((one) => one.id === id)!.day)).toEqual(days.map(({ day }) => day).reverse());
  });
});

test('where a look takes long it serves longer, while the outbox changes', async () => {
  let looks = 0;
  const play = senderOf([], (outbox) => ({
    ...outbox,
    async heads() {
      looks += 1;
      await slowly();
      return outbox.heads();
    },
  }));
  let slowly = async () => {};
  await play.run(async ({ world, sender }) => {
    slowly = () => pause(world, 500);
    for (let n = 0; n < 100; n++) {
      sender.wake();
      await pause(world, 300);
    }
    expect(looks).toBeGreaterThan(3);
    expect(looks).toBeLessThan(8);
  });
});

test('a message that a person closes while a look serves leaves neither for the first time nor again', async () => {
  const play = senderOf(ids(33).map(message));
  await play.run(async ({ world, sender, outbox, published, logged }) => {
    await pause(world, 500);
    const [first, , , ...others] = published;
    outbox.close('00000000000033');
    sender.received(said({ id: first!, stage: 'stored' }));
    for (const id of others) sender.received(said({ id, stage: 'accepted' }));
    await pause(world, 9_000);
    sender.wake();
    await pause(world, 300);
    outbox.close('00000000000002');
    sender.wake();
    await pause(world, 5_000);
    expect(published).not.toContain('00000000000033');
    expect(logged).toEqual([]);
    expect(published.filter((id) => id === '00000000000002')).toHaveLength(1);
    expect(published.filter((id) => id === '00000000000003')).toHaveLength(2);
  });
});

test('a document that cannot be read keeps no other from leaving, and is looked for now and then', async () => {
  let asked = 0;
  const play = senderOf(ids(2).map(message), (outbox) => ({
    ...outbox,
    async read(id) {
      if (id !== '00000000000001') return outbox.read(id);
      asked += 1;
      return undefined;
    },
  }));
  play.answer = (id) => said({ id, stage: 'accepted' });
  await play.run(async ({ world, outbox, published }) => {
    await pause(world, 60_000);
    expect(published).toEqual(['00000000000002']);
    expect(outbox.ended).toHaveLength(1);
    expect(asked).toBeGreaterThan(3);
    expect(asked).toBeLessThan(15);
  });
});

test('a message that left twice was perhaps taken at the first time, whatever the relay says of the second', async () => {
  const play = senderOf([message('00000000000001')]);
  await play.run(async ({ world, sender, published, outbox }) => {
    await pause(world, 15_000);
    expect(published.length).toBe(2);
    sender.received(said({ id: '00000000000001', stage: 'refused' }));
    sender.received(said({ id: '00000000000001', stage: 'refused' }));
    await pause(world, 1_000);
    expect(outbox.ended.map(({ number, outcome }) => [number, outcome])).toEqual([[1, 'no-answer']]);
    play.answer = (id) => said({ id, stage: 'refused' });
    await pause(world, 600_000);
    expect(outbox.ended[1]).toMatchObject({ number: 2, outcome: 'not-sent' });
  });
});

test('a receipt of an unknown key is told to people until a good one comes', async () => {
  const play = senderOf([message('00000000000001')]);
  await play.run(async ({ world, sender, relayAlerts }) => {
    await pause(world, 1_000);
    const stranger = hostSigner(newKeyPem());
    sender.received(said({ id: '00000000000001', stage: 'accepted' }, stranger));
    sender.received(new Uint8Array(3));
    expect([...relayAlerts]).toEqual(['relay-receipt']);
    expect(sender.heard()).toEqual({ unbelieved: 2, unanswered: 1 });
    sender.received(said({ id: '00000000000001', stage: 'stored' }));
    expect([...relayAlerts]).toEqual([]);
    expect(sender.heard()).toMatchObject({ unbelieved: 0, lastReceiptAt: 1_000 });
  });
});

test('six publications without any receipt are told to people until one comes', async () => {
  const play = senderOf([message('00000000000001')]);
  await play.run(async ({ world, sender, published, relayAlerts }) => {
    await pause(world, 45_000);
    expect(published.length).toBe(5);
    expect([...relayAlerts]).toEqual([]);
    await pause(world, 15_000);
    expect(published.length).toBe(6);
    expect([...relayAlerts]).toEqual(['relay-silent']);
    sender.received(said({ id: '00000000000001', stage: 'stored' }));
    await pause(world, 1_000);
    expect([...relayAlerts]).toEqual([]);
    expect(sender.heard()).toMatchObject({ unanswered: 0 });
  });
});

test.each([
  ['before it goes', undefined],
  ['before its answer is settled', 'accepted'],
] as const)('a message that a person closes %s is passed over, and nobody waits for it', async (_, stage) => {
  const play = senderOf(ids(2).map(message));
  const [closed, other] = ids(2);
  play.isOnline = false;
  await play.run(async ({ world, sender, outbox, published, logged }) => {
    await pause(world, 1_000);
    const { heads } = outbox;
    outbox.heads = async () => {
      const looked = await heads();
      if (looked.length === 2) outbox.close(closed!);
      return looked;
    };
    play.isOnline = true;
    if (stage) sender.received(said({ id: closed!, stage }));
    sender.sessionBegun();
    await pause(world, 1_000);
    expect(published).toEqual([other]);
    expect(logged).not.toContain('uplink-stumbled');
    expect(outbox.ended).toEqual([]);
  });
});
