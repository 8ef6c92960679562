import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Claimed, NEVER, type RelayStore, type Settled, type SiteMessage } from '../../src/relay/store.ts';

/** A relay's memory that can be opened again after its user has gone. */
export interface RelayStoreSubject {
  readonly name: string;
  /** Makes an empty one. */
  make(): Promise<{
    open(): Promise<RelayStore>;
    /** Sets the clock that leases and pauses go by, ms. */
    setTime(ms: number): Promise<void>;
    remove(): Promise<void>;
  }>;
  /** Whether two may be open at once. */
  readonly several: boolean;
}

export const SENDER = 'SENDER-A';
const NOW = 1_780_000_000_000;
const LEASE_MS = 60_000;

export function siteMessage(n: number, more: Partial<SiteMessage> = {}): SiteMessage {
  return {
    sender: SENDER,
    id: String(n).padStart(14, '0'),
    site: 'site-a',
    version: 1,
    hash: String(n).padStart(64, '0'),
    day: '2026-03-28',
    receivedAt: NOW + n,
    envelope: Uint8Array.from([0, 10, 255, n % 256]),
    ...more,
  };
}

function settledAs(stage: Settled['stage'], { message }: Claimed, more: Partial<Settled> = {}): Settled {
  const { sender, id } = message;
  return { sender, id, stage, reasons: [], at: NOW + 1, dueInMs: 0, ...more };
}

export function relayStoreContract(subject: RelayStoreSubject): void {
  describe(`relay store: ${subject.name}`, () => {
    let place: Awaited<ReturnType<RelayStoreSubject['make']>>;
    let store: RelayStore;
    beforeEach(async () => {
      place = await subject.make();
      await place.setTime(NOW);
      store = await place.open();
    });
    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    async function claimAt(ms: number, limit: number, sender = SENDER): Promise<Claimed[]> {
      await place.setTime(ms);
      return store.claim(sender, limit, LEASE_MS);
    }

    it('knows how far time went, also when it is opened again, and never goes back', async () => {
      expect(await store.agedTo()).toBeUndefined();
      await store.ageTo(NOW);
      await reopen();
      expect(await store.agedTo()).toBe(NOW);
      await store.ageTo(NOW + 1);
      await store.ageTo(NOW);
      expect(await store.agedTo()).toBe(NOW + 1);
    });

    it('tells of each sender when the oldest message without an answer came', async () => {
      const message = (n: number, sender: string) => siteMessage(n, { sender });
      await store.keep([message(1, 'a'), message(2, 'a'), message(3, 'b')]);
      await store.claim('a', 1, LEASE_MS);
      expect(await store.oldest()).toEqual(
        new Map([
          ['a', NOW + 1],
          ['b', NOW + 3],
        ]),
      );
      await store.settle(
        [1, 3].map((n) => settledAs('accepted', { message: message(n, n === 3 ? 'b' : 'a'), attempt: 1 })),
      );
      await reopen();
      expect(await store.oldest()).toEqual(new Map([['a', NOW + 2]]));
    });

    it('tells whose message one is', async () => {
      await store.keep([siteMessage(1), siteMessage(2, { site: 'site-b' })]);
      expect(await store.siteOf({ sender: SENDER, id: siteMessage(2).id })).toBe('site-b');
      expect(await store.siteOf({ sender: SENDER, id: siteMessage(3).id })).toBeUndefined();
      expect(await store.siteOf({ sender: 'another', id: siteMessage(1).id })).toBeUndefined();
    });

    async function reopen(): Promise<void> {
      await store.close();
      store = await place.open();
    }

    it('keeps a message once, whatever comes again, and gives it back byte for byte', async () => {
      const one = siteMessage(1);
      const kept = await store.keep([one, siteMessage(2), one]);
      expect(kept.map(({ kind }) => kind)).toEqual(['new', 'new', 'known']);
      expect((await store.keep([one])).map(({ kind }) => kind)).toEqual(['known']);
      expect(kept[0]).toMatchObject({ standing: { stage: 'stored', attempts: 0, at: one.receivedAt } });
      const [first] = await claimAt(NOW + 10, 1);
      expect(first).toEqual({ message: one, attempt: 1 });
    });

    it('keeps nothing of other content under the same id, also by another site', async () => {
      await store.keep([siteMessage(1)]);
      const others = [{ hash: 'f'.repeat(64) }, { site: 'site-b' }, { version: 2 }].map((one) => siteMessage(1, one));
      const taken = { kind: 'taken', bySite: 'site-a', version: 1 };
      expect(await store.keep(others)).toEqual([taken, taken, taken]);
      expect((await store.keep([siteMessage(1, { sender: 'SENDER-B' })]))[0]?.kind).toBe('new');
      expect(await claimAt(NOW + 10, 9)).toHaveLength(1);
      expect(await claimAt(NOW + 10, 9, 'SENDER-B')).toHaveLength(1);
    });

    it('has no standing for what it does not have', async () => {
      expect(await store.standing({ sender: SENDER, id: '00000000000009' })).toBeUndefined();
    });

    it('gives the newest day first and within a day whoever came first', async () => {
      await store.keep([
        siteMessage(1, { day: '2026-03-01' }),
        siteMessage(2, { day: '2026-03-30', receivedAt: NOW + 5 }),
        siteMessage(3, { day: '2026-03-30', receivedAt: NOW + 4 }),
      ]);
      const claimed = await claimAt(NOW + 10, 9);
      expect(claimed).toHaveLength(3);
      const inTurn: number[] = [];
      for (let n = 0; n < 3; n++) {
        const [next] = await claimAt(NOW + 10 + LEASE_MS, 1);
        inTurn.push(Number(next?.message.id));
      }
      expect(inTurn).toEqual([3, 2, 1]);
    });

    it('what is claimed is nobody else’s until its lease is over', async () => {
      await store.keep([siteMessage(1)]);
      expect(await claimAt(NOW + 10, 9)).toHaveLength(1);
      expect(await claimAt(NOW + 9 + LEASE_MS, 9)).toEqual([]);
      const [again] = await claimAt(NOW + 10 + LEASE_MS, 9);
      expect(again?.attempt).toBe(2);
    });

    it('a lease holds, and what waits for a person or its pause waits, whatever bytes the same message comes in again', async () => {
      const again = (n: number, byte: number) =>
        siteMessage(n, { envelope: Uint8Array.from([byte]), receivedAt: NOW + 5_000 });
      await store.keep([1, 2, 3].map((n) => siteMessage(n)));
      const claimed = await claimAt(NOW + 10, 9);
      const [, person, paused] = [...claimed].sort((a, b) => (a.message.id < b.message.id ? -1 : 1));
      await store.settle([
        settledAs('unknown', person!, { dueInMs: NEVER }),
        settledAs('sent', paused!, { dueInMs: LEASE_MS }),
      ]);
      for (const byte of [7, 8]) {
        const kept = await store.keep([1, 2, 3].map((n) => again(n, byte)));
        expect(kept.map(({ kind }) => kind)).toEqual(['known', 'known', 'known']);
        expect(await claimAt(NOW + 9 + LEASE_MS, 9)).toEqual([]);
      }
      expect(await store.oldest()).toEqual(new Map([[SENDER, NOW + 1]]));
      const due = (await claimAt(NOW + 11 + LEASE_MS, 9)).map(({ message }) => Number(message.id));
      expect(new Set(due)).toEqual(new Set([1, 3]));
    });

    it('a claimed message of which nothing left is what it was, and goes again at its time', async () => {
      await store.keep([siteMessage(1)]);
      const [first] = await claimAt(NOW + 10, 1);
      expect(await store.standing(first!.message)).toMatchObject({ stage: 'stored', attempts: 1, at: NOW + 1 });
      await store.settle([settledAs('stored', first!, { at: NOW + 20, dueInMs: 100 })]);
      expect(await store.standing(first!.message)).toMatchObject({ stage: 'stored', attempts: 1, at: NOW + 1 });
      expect(await claimAt(NOW + 109, 1)).toEqual([]);
      const [second] = await claimAt(NOW + 110, 1);
      await store.settle([settledAs('unknown', second!, { answer: '<co/>', at: NOW + 30 })]);
      await store.settle([settledAs('stored', second!, { at: NOW + 40 })]);
      await reopen();
      const standing = { stage: 'unknown', reasons: [], answer: '<co/>', at: NOW + 30, attempts: 2 };
      expect(await store.standing(second!.message)).toEqual(standing);
      expect((await store.counts()).unknown).toBe(1);
    });

    it('a settled message is done and keeps its answer', async () => {
      await store.keep([siteMessage(1)]);
      const [claimed] = await claimAt(NOW + 10, 1);
      const reasons = [{ code: '1', type: 'A', text: 'příliš' }];
      await store.settle([settledAs('rejected', claimed!, { reasons, answer: '<odpověď/>' })]);
      await reopen();
      expect(await store.standing(claimed!.message)).toEqual({
        stage: 'rejected',
        reasons,
        answer: '<odpověď/>',
        at: NOW + 1,
        attempts: 1,
      });
      expect(await claimAt(NOW + 10 * LEASE_MS, 9)).toEqual([]);
      expect((await store.keep([siteMessage(1)]))[0]).toMatchObject({ kind: 'known', standing: { stage: 'rejected' } });
    });

    it('an accepted message stays accepted, whatever comes late', async () => {
      await store.keep([siteMessage(1)]);
      const [claimed] = await claimAt(NOW + 10, 1);
      await store.settle([settledAs('accepted', claimed!)]);
      await store.settle([settledAs('unknown', claimed!), settledAs('rejected', claimed!)]);
      expect(await store.standing(claimed!.message)).toMatchObject({ stage: 'accepted' });
    });

    it('an answer that is no text keeps neither itself nor others from being written', async () => {
      await store.keep([siteMessage(1), siteMessage(2)]);
      const [odd, good] = await claimAt(NOW + 10, 2);
      // A page in UTF-16, read as UTF-8; half of a pair, where a text was cut.
      const reasons = [{ code: '', type: '', text: 'n\u0000o \ud83d' }];
      await store.settle([
        settledAs('unknown', odd!, { answer: '<\u0000p\u0000>\ud83d', reasons, dueInMs: NEVER }),
        settledAs('accepted', good!, { answer: '<ok/>' }),
      ]);
      expect(await store.standing(odd!.message)).toMatchObject({
        stage: 'unknown',
        answer: expect.stringMatching(/^<.p.>/s),
      });
      expect(await store.standing(good!.message)).toMatchObject({ stage: 'accepted', answer: '<ok/>' });
    });

    it('what got no answer, or an unknown one, is due again at its time', async () => {
      await store.keep([siteMessage(1), siteMessage(2)]);
      const claimed = await claimAt(NOW + 10, 2);
      await store.settle([
        settledAs('sent', claimed[0]!, { dueInMs: 490 }),
        settledAs('unknown', claimed[1]!, { dueInMs: 890 }),
      ]);
      expect(await claimAt(NOW + 499, 9)).toEqual([]);
      expect(await claimAt(NOW + 500, 9)).toHaveLength(1);
      expect(await claimAt(NOW + 900, 9)).toHaveLength(1);
    });

    it('counts messages by stage, also after it was opened again', async () => {
      await store.keep([1, 2, 3, 4].map((n) => siteMessage(n)));
      const claimed = await claimAt(NOW + 10, 3);
      await store.settle([settledAs('accepted', claimed[0]!), settledAs('unknown', claimed[1]!)]);
      const counts = { stored: 2, sent: 0, accepted: 1, rejected: 0, unknown: 1 };
      expect(await store.counts()).toEqual(counts);
      await reopen();
      expect(await store.counts()).toEqual(counts);
    });

    it('keeps many at once, and calls at once each find their own result', async () => {
      const groups = Array.from({ length: 10 }, (_, g) =>
        Array.from({ length: 50 }, (__, n) => siteMessage(g * 40 + n)),
      );
      const kept = await Promise.all(groups.map((group) => store.keep(group)));
      const isNew = kept.flat().filter(({ kind }) => kind === 'new').length;
      expect(isNew).toBe(9 * 40 + 50);
      expect((await store.counts()).stored).toBe(isNew);
    });

    it('gives the sites of a day their turns', async () => {
      const big = Array.from({ length: 20 }, (_, n) => siteMessage(n));
      const small = [siteMessage(50, { site: 'site-b' }), siteMessage(51, { site: 'site-c' })];
      await store.keep([...big, ...small]);
      const sites = (await claimAt(NOW + 100, 5)).map(({ message }) => message.site);
      expect([...sites].sort()).toEqual(['site-a', 'site-a', 'site-a', 'site-b', 'site-c']);
    });

    it('what waits for a person is not given, until a relay starts', async () => {
      await store.keep([siteMessage(1)]);
      const [claimed] = await claimAt(NOW + 10, 1);
      await store.settle([settledAs('unknown', claimed!, { dueInMs: NEVER })]);
      expect(await claimAt(NOW + 1_000 * LEASE_MS, 9)).toEqual([]);
      await reopen();
      await store.release();
      expect(await claimAt(NOW + 1_000 * LEASE_MS, 9)).toHaveLength(1);
    });

    describe('what was settled long ago', () => {
      const rule = { acceptedBefore: NOW - 100, rejectedBefore: NOW - 200, removedBefore: NOW - 900 };
      const shedAll = async () => {
        const total = { bared: 0, removed: 0 };
        for (;;) {
          const { bared, removed, isDone } = await store.shed(rule, 2);
          total.bared += bared;
          total.removed += removed;
          if (isDone) return total;
        }
      };

      /** Settled at different times before NOW; the last two are not settled for good. */
      async function settleAll(): Promise<Claimed[]> {
        const plan: [Settled['stage'], number][] = [
          ['accepted', 50],
          ['accepted', 150],
          ['rejected', 150],
          ['rejected', 250],
          ['unknown', 2_000],
          ['sent', 2_000],
        ];
        await store.keep(plan.map((_, n) => siteMessage(n)));
        const claimed = await claimAt(NOW + 100, 9);
        const answer = '<odpověď/>';
        await store.settle(
          plan.map(([stage, ago], n) => settledAs(stage, claimed[n]!, { at: NOW - ago, answer, dueInMs: LEASE_MS })),
        );
        return claimed;
      }

      it('loses its envelope and answer by verdict, and is still known', async () => {
        const claimed = await settleAll();
        expect(await shedAll()).toEqual({ bared: 2, removed: 0 });
        expect(await shedAll()).toEqual({ bared: 0, removed: 0 });
        await reopen();
        const kept = await store.keep(claimed.map(({ message }) => message));
        expect(kept.map(({ kind }) => kind)).toEqual(claimed.map(() => 'known'));
        const answers = kept.map((one) => (one.kind === 'known' ? one.standing.answer !== undefined : undefined));
        expect(answers).toEqual([true, false, true, false, true, true]);
        expect(await store.keep([siteMessage(1, { hash: 'f'.repeat(64) })])).toMatchObject([{ kind: 'taken' }]);
      });

      it('is removed at last; what is open stays whatever its age', async () => {
        await settleAll();
        const far = { acceptedBefore: NOW + 9, rejectedBefore: NOW + 9, removedBefore: NOW + 9 };
        for (let n = 0; n < 9; n++) await store.shed(far, 50);
        expect(await store.counts()).toEqual({ stored: 0, sent: 1, accepted: 0, rejected: 0, unknown: 1 });
        await reopen();
        expect(await store.counts()).toEqual({ stored: 0, sent: 1, accepted: 0, rejected: 0, unknown: 1 });
        const open = await claimAt(NOW + 2 * LEASE_MS, 9);
        expect(open.map(({ message }) => message.envelope.length)).toEqual([4, 4]);
      });
    });

    it('says how large it is', async () => {
      await store.keep([siteMessage(1)]);
      expect(await store.size()).toBeGreaterThanOrEqual(0);
    });

    it.skipIf(!subject.several)('tells whose word stood under a name', async () => {
      const other = await place.open();
      expect(await store.here?.('centre-1', 'a')).toBeUndefined();
      expect(await store.here?.('centre-1', 'a')).toBe('a');
      expect(await other.here?.('centre-1', 'b')).toBe('a');
      expect(await store.here?.('centre-2', 'c')).toBeUndefined();
      expect(await store.here?.('centre-1', 'a')).toBe('b');
      await other.close();
    });

    it.skipIf(!subject.several)('two at once never claim the same, and together claim all', async () => {
      const other = await place.open();
      await store.keep(Array.from({ length: 200 }, (_, n) => siteMessage(n)));
      const seen: string[] = [];
      await place.setTime(NOW + 1_000);
      const drain = async (one: RelayStore) => {
        for (;;) {
          const claimed = await one.claim(SENDER, 7, LEASE_MS);
          if (claimed.length === 0) return;
          seen.push(...claimed.map(({ message }) => message.id));
          await one.settle(claimed.map((each) => settledAs('accepted', each)));
        }
      };
      await Promise.all([drain(store), drain(other), drain(store), drain(other)]);
      await other.close();
      expect(seen).toHaveLength(200);
      expect(new Set(seen).size).toBe(200);
      expect(await store.counts()).toMatchObject({ stored: 0, accepted: 200 });
    });
  });
}
