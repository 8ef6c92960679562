import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Postgres, postgresPrograms, startPostgres } from '../../scripts/rehearsal/postgres.ts';
import { postgres } from '../../src/host/sql-postgres.ts';
import { openLevelStore } from '../../src/host/store-level.ts';
import { hostTimers } from '../../src/host/timers.ts';
import { pause } from '../../src/machine/timers.ts';
import { COUNTS } from '../../src/relay/postgres-texts.ts';
import type { Claimed, MendedRow } from '../../src/relay/store.ts';
import { openLevelRelayStore } from '../../src/relay/store-level.ts';
import { openPostgresRelayStore } from '../../src/relay/store-postgres.ts';
import { simDisk } from '../../src/sim/store.ts';
import { createWorld } from '../../src/sim/world.ts';
import { relayStoreContract, SENDER, siteMessage } from './relay-store.contract.ts';

function settableClock() {
  let now = 0;
  return {
    monotonicMs: () => now,
    async setTime(ms: number): Promise<void> {
      now = ms;
    },
  };
}

/** In place of the database's clock. */
const TABLE_CLOCK = '(select at from test_clock)';

relayStoreContract({
  name: 'LevelDB',
  several: false,
  async make() {
    const folder = await mkdtemp(join(tmpdir(), 'odecet-relay-store-'));
    let create = true;
    const clock = settableClock();
    return {
      async open() {
        const store = await openLevelStore({ folder: join(folder, 'store'), create });
        create = false;
        return openLevelRelayStore(store, clock);
      },
      setTime: clock.setTime,
      remove: () => rm(folder, { recursive: true }),
    };
  },
});

relayStoreContract({
  name: 'imagined disk',
  several: false,
  async make() {
    const disk = simDisk(createWorld(1).newLife(), { random: createWorld(2).random });
    let create = true;
    const clock = settableClock();
    return {
      async open() {
        const store = await disk.open(create);
        create = false;
        return openLevelRelayStore(store, clock);
      },
      setTime: clock.setTime,
      remove: async () => undefined,
    };
  },
});

describe.skipIf(!postgresPrograms())(
  'PostgreSQL (skipped where the Debian package postgresql is not installed)',
  () => {
    let server: Postgres;
    beforeAll(async () => {
      server = await startPostgres();
    }, 60_000);
    afterAll(() => server.stop());

    relayStoreContract({
      name: 'PostgreSQL',
      several: true,
      async make() {
        const sql = postgres(server.url, 1);
        await sql.query(
          'drop table if exists message, message_damaged, relay_age, relay_here, odecet_migration, test_clock',
        );
        await sql.query('create table test_clock as select 0::bigint as at');
        return {
          open: () => openPostgresRelayStore(postgres(server.url, 4), TABLE_CLOCK),
          setTime: async (ms) => void (await sql.query('update test_clock set at = $1', [ms])),
          remove: () => sql.close(),
        };
      },
    });

    it('two that start together on an empty database both find the tables', async () => {
      const sql = postgres(server.url, 1);
      await sql.query('drop table if exists message, message_damaged, odecet_migration');
      const both = await Promise.all([1, 2].map(() => openPostgresRelayStore(postgres(server.url, 2))));
      expect((await both[0]!.keep([siteMessage(1)]))[0]?.kind).toBe('new');
      expect((await both[1]!.keep([siteMessage(1)]))[0]?.kind).toBe('known');
      await Promise.all(both.map((store) => store.close()));
      await sql.query('insert into odecet_migration (number) values (999)');
      await expect(openPostgresRelayStore(sql)).rejects.toMatchObject({ failure: { code: 'store-unreadable' } });
      await sql.close();
    });

    it('values that no column takes are told from a database that is away, and nothing of the group is kept', async () => {
      const sql = postgres(server.url, 1);
      await sql.query('drop table if exists message, message_damaged, odecet_migration');
      const store = await openPostgresRelayStore(sql);
      const odd = [{ version: 3_000_000_000 }, { hash: 'no\u0000zero' }, { day: '2026-03-28'.repeat(1_000_000) }];
      for (const more of odd) {
        const group = [siteMessage(700), siteMessage(800, more)];
        await expect(store.keep(group)).rejects.toMatchObject({ failure: { code: 'unexpected' } });
        expect(await store.siteOf(group[0]!)).toBeUndefined();
      }
      await store.close();
    });

    it('leases go by the database’s own clock; what a wrong one put off is due when a relay starts', async () => {
      const sql = postgres(server.url, 1);
      await sql.query('drop table if exists message, message_damaged, odecet_migration');
      const store = await openPostgresRelayStore(sql);
      await store.keep([siteMessage(1)]);
      await store.claim(SENDER, 1, 60_000);
      const [row] = await sql.query('select due_at - (extract(epoch from now()) * 1000)::bigint as left from message');
      expect(Number(row?.left)).toBeGreaterThan(30_000);
      expect(Number(row?.left)).toBeLessThanOrEqual(60_000);
      await store.release();
      expect(await store.claim(SENDER, 1, 60_000)).toEqual([]);
      const monthAhead = 30 * 24 * 3_600_000;
      await sql.query('update message set due_at = due_at + $1', [monthAhead]);
      await store.release();
      expect(await store.claim(SENDER, 1, 60_000)).toHaveLength(1);
      await store.close();
    });

    it('slots follow each other through all relays; those that were not asked for in time are gone', async () => {
      const sql = postgres(server.url, 1);
      await sql.query('drop table if exists message, message_damaged, odecet_migration, operator_rate, test_clock');
      await sql.query('create table test_clock as select 1000::bigint as at');
      const [one, two] = await Promise.all(
        [1, 2].map(() => openPostgresRelayStore(postgres(server.url, 2), TABLE_CLOCK)),
      );
      expect(await one!.slots!('A', 4, 2.5)).toBe(0);
      expect(await two!.slots!('A', 1, 2.5)).toBe(10);
      expect(await one!.slots!('A', 1, 2.5)).toBe(12.5);
      expect(await one!.slots!('B', 1, 2.5)).toBe(0);
      const setTime = (at: number) => sql.query('update test_clock set at = $1', [at]);
      await setTime(5_000);
      expect(await two!.slots!('A', 2, 2.5)).toBe(0);
      // The database's clock was set back by an hour.
      await setTime(-3_595_000);
      expect(await one!.slots!('A', 2, 2.5)).toBe(0);
      expect(await two!.slots!('A', 2, 2.5)).toBe(5);
      await Promise.all([one!.close(), two!.close(), sql.close()]);
    });

    it('counts what is open by its index and the others by their sums, which an earlier program did not keep', async () => {
      const sql = postgres(server.url, 1);
      await sql.query('drop table if exists message, message_damaged, odecet_migration');
      const all = [1, 2, 3, 4].map((n) => siteMessage(n));
      const counted = { stored: 1, sent: 0, accepted: 2, rejected: 1, unknown: 0 };
      let store = await openPostgresRelayStore(postgres(server.url, 2));
      await store.keep(all);
      const settled = (n: number, stage: 'accepted' | 'rejected') => {
        const { sender, id } = all[n]!;
        return { sender, id, stage, reasons: [], at: 1, dueInMs: 0 };
      };
      await store.settle([settled(0, 'accepted'), settled(1, 'rejected')]);
      await store.settle([settled(2, 'accepted'), settled(1, 'accepted')]);
      expect(await store.counts()).toEqual(counted);
      const plan = JSON.stringify(await sql.query(`explain ${COUNTS}`));
      expect(plan).toContain('message_open');
      expect(plan).not.toContain('Seq Scan on message ');
      await store.close();
      await sql.query('drop table message_sum');
      await sql.query('delete from odecet_migration where number >= 7');
      store = await openPostgresRelayStore(postgres(server.url, 2));
      expect(await store.counts()).toEqual(counted);
      await Promise.all([store.close(), sql.close()]);
    });

    it('one row that cannot be read is set aside and told; the others are claimed, kept and answered', async () => {
      const sql = postgres(server.url, 1);
      await sql.query('drop table if exists message, message_damaged, odecet_migration');
      const store = await openPostgresRelayStore(sql);
      const mended: MendedRow[] = [];
      store.onMended((row) => mended.push(row));
      const all = [1, 2, 3, 4].map((n) => siteMessage(n));
      const { id } = all[0]!;
      await store.keep(all);
      await sql.query(`update message set reasons = '{"a": 1}' where id = $1`, [id]);
      expect((await store.keep(all)).map(({ kind }) => kind)).toEqual(['known', 'known', 'known', 'known']);
      expect(mended).toMatchObject([{ key: expect.stringContaining(id), why: expect.stringContaining('reasons') }]);
      expect(await store.standing(all[0]!)).toMatchObject({ stage: 'stored', reasons: [{ code: 'reasons-lost' }] });
      expect(mended).toHaveLength(1);

      await sql.query("update message set day = '2026-03-2' where id = $1", [id]);
      await sql.query("update message set envelope = '' where id = $1", [all[1]!.id]);
      const told: string[] = [];
      const ids = async () =>
        (await store.claim(SENDER, 9, 1, (one) => told.push(`${one.site} ${one.id} ${one.why.split(':')[0]}`)))
          .map(({ message }) => Number(message.id))
          .sort((a, b) => a - b);
      expect(await ids()).toEqual([3, 4]);
      expect(told.sort()).toEqual([`site-a ${id} day`, `site-a ${all[1]!.id} envelope`]);
      await sql.query('update message set due_at = 0 where id >= $1', [all[2]!.id]);
      expect(await ids()).toEqual([3, 4]);
      const [{ count } = { count: 0 }] = await sql.query('select count(*) from message_damaged');
      expect(Number(count)).toBe(3);
      // Their site sends them again: they take the place of what was damaged.
      await store.keep(all);
      await sql.query('update message set due_at = 0');
      expect(await ids()).toEqual([1, 2, 3, 4]);
      expect(told).toHaveLength(2);
      await store.settle(
        all.map(({ sender, id: of }) => ({ sender, id: of, stage: 'accepted', reasons: [], at: 1, dueInMs: 0 })),
      );
      const rule = { acceptedBefore: 9, rejectedBefore: 9, removedBefore: 9 };
      await store.shed(rule, 9);
      expect(await sql.query('select 1 from message_damaged')).toEqual([]);
      await store.close();
    });

    it('an envelope whose pages are damaged holds up nobody, and its site mends it by sending it again', async () => {
      const sql = postgres(server.url, 1);
      await sql.query('drop table if exists message, message_damaged, odecet_migration, operator_rate');
      const store = await openPostgresRelayStore(sql);
      // Too long for the row: PostgreSQL keeps them in pieces, four to a page, in a table beside it.
      const random = () => Uint8Array.from({ length: 7_900 }, () => Math.floor(Math.random() * 256));
      const all = [1, 2, 3].map((n) => siteMessage(n, { envelope: random() }));
      for (const one of all) await store.keep([one]);
      const beside = '(select reltoastrelid from pg_class where oid = $1::regclass)';
      const [file] = await sql.query(`select pg_relation_filepath(${beside}) as path`, ['message']);
      await server.halt('fast');
      // As a disk leaves it that lost a write.
      await writePage(join(server.data, String(file?.path)), 1, 0);
      await server.start();
      const told: string[] = [];
      const ids = (claimed: readonly Claimed[]) =>
        claimed.map(({ message }) => Number(message.id)).sort((a, b) => a - b);
      const claim = () => store.claim(SENDER, 9, 1, ({ site, id }) => told.push(`${site} ${Number(id)}`));
      expect(ids(await claim().catch(claim))).toEqual([1, 3]);
      expect(told).toEqual(['site-a 2']);
      await pause(hostTimers, 20);
      expect(ids(await claim())).toEqual([1, 3]);
      expect((await store.keep([siteMessage(4), ...all])).map(({ kind }) => kind)).toEqual([
        'new',
        'known',
        'known',
        'known',
      ]);
      await pause(hostTimers, 20);
      const again = await claim();
      expect(ids(again)).toEqual([1, 2, 3, 4]);
      expect(again.find(({ message }) => message.id === all[1]!.id)?.message.envelope).toEqual(all[1]!.envelope);
      expect(told).toHaveLength(1);
      await store.close();
    });

    it('a damaged page of the table holds up nobody: what stands on it is set aside, told, not sent, and found again when it can be read', async () => {
      const sql = postgres(server.url, 1);
      await sql.query('drop table if exists message, message_damaged, odecet_migration, operator_rate');
      let store = await openPostgresRelayStore(sql);
      const all = Array.from({ length: 1_000 }, (_, n) => siteMessage(n, n % 4 === 0 ? { sender: 'other' } : {}));
      await store.keep(all);
      const [file] = await sql.query('select pg_relation_filepath($1) as path', ['message']);
      const onPage = await sql.query('select id from message where ctid >= $1 and ctid < $2', ['(1,0)', '(2,0)']);
      const hit = new Set(onPage.map(({ id }) => Number(id)));
      expect(hit.size).toBeGreaterThan(10);
      // One that stands elsewhere came in the same millisecond as one of them.
      const alike = all.find(({ id, sender }) => !hit.has(Number(id)) && sender === SENDER)!;
      const [example] = all.filter(({ id, sender }) => hit.has(Number(id)) && sender === SENDER);
      await sql.query('update message set received_at = $1 where id = $2', [example!.receivedAt, alike.id]);
      const path = join(server.data, String(file?.path));
      await server.halt('fast');
      const before = await writePage(path, 1, 0x55);
      await server.start();
      const told: (string | undefined)[] = [];
      const claimAll = async () => {
        const ids: number[] = [];
        for (const sender of [SENDER, 'other'])
          for (;;) {
            const claimed = await store.claim(sender, 64, 60_000);
            if (claimed.length === 0) break;
            ids.push(...claimed.map(({ message }) => Number(message.id)));
          }
        return ids.sort((a, b) => a - b);
      };
      store = await openPostgresRelayStore(postgres(server.url, 2));
      store.onUnread?.((what) => told.push(what));
      await store.release();
      const readable = all.map(({ id }) => Number(id)).filter((n) => !hit.has(n));
      expect(await claimAll()).toEqual(readable.filter((n) => n !== Number(alike.id)));
      expect(told.at(-1)).toMatch(/^messages of .* cannot be read \(PostgreSQL.*page/);
      // Nobody is told that it is kept, or sent a second time, because nobody knows how far it was.
      const group = [siteMessage(2_000), example!, alike];
      const kept = await store.keep(group);
      expect(kept.map(({ kind }) => kind)).toEqual(['new', 'damaged', 'known']);
      expect(await claimAll()).toEqual([Number(alike.id), 2_000]);
      await server.halt('fast');
      await writePage(path, 1, before);
      await server.start();
      expect(await claimAll().catch(claimAll)).toEqual([...hit].sort((a, b) => a - b));
      expect(told.at(-1)).toBeUndefined();
      await store.close();
    });

    it('a database that is away is told as such, not as a disk that fails', async () => {
      const away = postgres('postgres://nobody@127.0.0.1:1/none', 1);
      const failed = { failure: { code: 'database-away', detail: expect.stringContaining('PostgreSQL') } };
      await expect(openPostgresRelayStore(away)).rejects.toMatchObject(failed);
      await away.close();
    });

    it('a database that is there and not as it should be is told from one that is away, with what to do', async () => {
      const sql = postgres(server.url, 1);
      const named = (name: string) => server.url.replace(/[^/]*$/, name);
      const opened = async (url: string) => {
        const own = postgres(url, 1);
        try {
          await openPostgresRelayStore(own);
        } finally {
          await own.close();
        }
      };
      const wrong = (what: string) => ({ failure: { code: 'database-wrong', detail: expect.stringContaining(what) } });
      await sql.query('create database of_another');
      const other = postgres(named('of_another'), 1);
      await other.query('create table message (words text)');
      await expect(opened(named('of_another'))).rejects.toMatchObject(wrong('a database of its own'));
      await sql.query('create database only_read');
      await sql.query('alter database only_read set default_transaction_read_only = on');
      await expect(opened(named('only_read'))).rejects.toMatchObject(wrong('read-only'));
      await expect(opened(named('not_there'))).rejects.toMatchObject(wrong('create the database'));
      await expect(opened(server.url.replace(/\/\/[^@/]*@?/, '//nobody@'))).rejects.toMatchObject(wrong('user'));
      for (const url of ['', '  ', 'nonsense', 'http://127.0.0.1/x', 'postgres://odecet@127.0.0.1:1/%zz'])
        await expect(opened(url)).rejects.toMatchObject(wrong('store.urlFile holds no'));
      await Promise.all([other.close(), sql.close()]);
    });

    it('a crash of the server loses nothing that was kept, and the store goes on after it', async () => {
      const sql = postgres(server.url, 1);
      await sql.query('drop table if exists message, message_damaged, odecet_migration');
      const store = await openPostgresRelayStore(sql);
      await store.keep([siteMessage(1)]);
      await server.restart('immediate');
      const again = () => store.keep([siteMessage(1)]);
      // The connection of before is gone; that is told once, and the next call opens another.
      const [kept] = await again().catch(again);
      expect(kept?.kind).toBe('known');
      await store.close();
    });
  },
);

/** @returns what stood there */
async function writePage(path: string, number: number, bytes: number | Uint8Array): Promise<Uint8Array> {
  const file = await open(path, 'r+');
  const { buffer } = await file.read(new Uint8Array(8_192), 0, 8_192, 8_192 * number);
  const page = typeof bytes === 'number' ? new Uint8Array(8_192).fill(bytes) : bytes;
  await file.write(page, 0, 8_192, 8_192 * number);
  await file.close();
  return buffer;
}

it('on LevelDB nothing is called kept, claimed or settled before the disk has it', async () => {
  const world = createWorld(3);
  const disk = simDisk(world, { random: world.random, latencyMs: 20 });
  await world.run(async () => {
    const store = await openLevelRelayStore(await disk.open(true), { monotonicMs: () => 0 });
    const takesTheDisk = async (work: Promise<unknown>) => {
      let isDone = false;
      void work.then(() => {
        isDone = true;
      });
      await pause(world, 15);
      expect(isDone).toBe(false);
      await pause(world, 10);
      expect(isDone).toBe(true);
    };
    const one = siteMessage(1);
    await takesTheDisk(store.keep([one]));
    await takesTheDisk(store.claim(SENDER, 1, 1_000));
    const { sender, id } = one;
    await takesTheDisk(store.settle([{ sender, id, stage: 'accepted', reasons: [], at: 1, dueInMs: 1 }]));
  });
});
