import type { Sql } from '../machine/sql.ts';

/** Never changed once released; a change of the tables is one more at the end. */
const MIGRATIONS: readonly string[] = [
  `create table message (
     sender text not null,
     id text not null,
     site text not null,
     version integer not null,
     hash text not null,
     day text not null,
     received_at bigint not null,
     envelope bytea not null,
     stage text not null default 'stored'
       check (stage in ('stored', 'sent', 'accepted', 'rejected', 'unknown')),
     reasons jsonb not null default '[]',
     answer text,
     stage_at bigint not null,
     attempts integer not null default 0,
     due_at bigint not null default 0,
     primary key (sender, id)
   );
   create index message_open on message (day desc, received_at)
     where stage in ('stored', 'sent', 'unknown');`,
  `alter table message add column is_bare boolean not null default false;
   drop index message_open;
   create index message_open on message (sender, day desc, received_at)
     where stage in ('stored', 'sent', 'unknown');
   create index message_full on message (stage_at) where stage in ('accepted', 'rejected') and not is_bare;
   create index message_bare on message (stage_at) where is_bare;`,
  `create table message_damaged (
     sender text not null,
     id text not null,
     found_at timestamptz not null default now(),
     why text not null,
     row jsonb not null
   );
   create index message_damaged_name on message_damaged (sender, id);`,
  // Unlogged: a crash of the database takes longer than what it would forget, and no disk is waited for.
  `create unlogged table if not exists operator_rate (sender text primary key, next_at double precision not null);`,
  // One row.
  `create table if not exists relay_age (is_it boolean primary key default true check (is_it), at bigint not null);`,
  `create table if not exists relay_here (name text primary key, life text not null);`,
  // What cannot be counted in time, or read at all, is estimated: it is for a curve, and no reason not to start.
  `drop table if exists message_sum;
   create table message_sum (stage text not null, slot integer not null, count bigint not null, primary key (stage, slot));
   begin
     if (select reltuples from pg_class where oid = 'message'::regclass) > 10000000 then raise 'too many'; end if;
     insert into message_sum (stage, slot, count)
       select stage, 0, count(*) from message where stage in ('accepted', 'rejected') group by stage;
   exception when others then
     insert into message_sum (stage, slot, count)
       select 'accepted', 0, greatest(0, reltuples) from pg_class where oid = 'message'::regclass;
   end;`,
];

/** Any number; the same for all relays, so that two that start together do not migrate together. */
const LOCK = 7_305_201;

/** Brings the tables up to date. Several relays may call it at once; a newer table layout than ours is refused by the caller. */
export async function migrate(sql: Sql): Promise<number> {
  await inTurn(
    sql,
    'create table if not exists odecet_migration (number integer primary key, at timestamptz not null default now());',
  );
  for (const [n, text] of MIGRATIONS.entries()) {
    const number = n + 1;
    await inTurn(
      sql,
      `if not exists (select from odecet_migration where number = ${number}) then
           ${text}
           insert into odecet_migration (number) values (${number});
         end if;`,
    );
  }
  const [row] = await sql.query('select max(number) as number from odecet_migration');
  return Number(row?.number);
}

/** One statement, so that all of it is done or nothing; the lock ends with it. */
async function inTurn(sql: Sql, text: string): Promise<void> {
  await sql.query(`do $migrate$ begin perform pg_advisory_xact_lock(${LOCK}); ${text} end $migrate$`);
}

export const NEWEST_MIGRATION = MIGRATIONS.length;
