import { RELAY_REASON_TYPE } from '../uplink/relay/protocol.ts';
import { NEVER, PUT_OFF_MS_MAX } from './store.ts';

/** The statements of the relay's store on PostgreSQL. */

/** How far a claim looks past its own number for sites that have their turn. */
const HEAD_TIMES = 8;

/** Due when its site has sent it again, or a relay has started: what was held back because it could not be read. */
export const HELD_AS_DAMAGED = NEVER - 1;

/** Said so the index over what is open is no way to a row of which the name is known: it leads past others, which may be damaged. */
const STILL_OPEN = "stage not in ('accepted', 'rejected')";

const COLUMNS = 'sender, id, site, version, hash, day, received_at, envelope';

/** Two relays that keep the same message at once: the second finds the first's. Sorted, so that they cannot block each other. */
export const KEEP = `insert into message (${COLUMNS}, stage_at)
  select m.*, m.received_at from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::bigint[],
    $8::bytea[]) as m (${COLUMNS}) order by m.sender, m.id
  on conflict (sender, id) do nothing
  returning sender, id`;

/**
 * What came again and is not as it came, in place of what was damaged here: site, hash and version are the same, and
 * so should be all else. What is settled stays; its envelope may have been given up. The same document packed by another zlib
 * differs too: so a lease, a pause and the place in the queue stay, but for what was held back as damaged.
 */
export const REPLACE = `update message m
  set day = n.day, envelope = n.envelope,
    received_at = case m.due_at when ${HELD_AS_DAMAGED} then n.received_at else m.received_at end,
    due_at = case m.due_at when ${HELD_AS_DAMAGED} then 0 else m.due_at end
  from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::bigint[], $8::bytea[])
    as n (${COLUMNS})
  where m.sender = n.sender and m.id = n.id and m.site = n.site and m.hash = n.hash and m.version = n.version
    and ${STILL_OPEN}
    and (m.day <> n.day or m.envelope <> n.envelope)`;

/** The same where the envelope that is here cannot be read to compare it. */
export const REPLACE_UNREAD = REPLACE.replace('m.envelope <> n.envelope', 'true');

export const LOST_REASONS = JSON.stringify([
  { code: 'reasons-lost', type: RELAY_REASON_TYPE, text: "the relay's row of them was damaged; see the answer" },
]);

export const FIND = `select m.sender, m.id, site, hash, version, stage, reasons, answer, stage_at, attempts
  from message m join unnest($1::text[], $2::text[]) as n (sender, id) on m.sender = n.sender and m.id = n.id`;

/**
 * The order is that of the index over what is open. Of the head of the queue, some times longer than what is wanted, the sites
 * take turns. The whole head is locked while this runs, so that two relays never look at the same.
 */
export const claimText = (now: string) => `with head as materialized (
    select sender, id, site, day, received_at from message
    where sender = $3 and stage in ('stored', 'sent', 'unknown') and due_at <= ${now}
    order by day desc, received_at limit $1 * ${HEAD_TIMES} for update skip locked),
  turn as (
    select sender, id, day, received_at, row_number() over (partition by day, site order by received_at) as turn
    from head order by day desc, turn, received_at limit $1)
  update message m set due_at = ${now} + $2::bigint, attempts = attempts + 1
  from turn where m.sender = turn.sender and m.id = turn.id
  returning m.sender, m.id, site, version, hash, m.day, m.received_at, envelope, attempts, turn.turn`;

/** The same head, of what came in these pieces of time; without locks, because each is claimed by itself. */
export const headsText = (now: string) => `with head as materialized (
    select one.* from unnest($3::bigint[], $4::bigint[]) as piece (first, last) cross join lateral (
      select id, site, day, received_at from message
      where sender = $1 and stage in ('stored', 'sent', 'unknown') and due_at <= ${now}
        and received_at between piece.first and piece.last
      order by day desc, received_at limit $2 * ${HEAD_TIMES}) as one
    order by day desc, received_at limit $2 * ${HEAD_TIMES})
  select id, site, row_number() over (partition by day, site order by received_at) as turn
  from head order by day desc, turn, received_at limit $2`;

export const claimOneText = (now: string) => `update message set due_at = ${now} + $3::bigint, attempts = attempts + 1
  where sender = $1 and id = $2 and ${STILL_OPEN} and due_at <= ${now}
  returning ${COLUMNS}, attempts, $4::bigint as turn`;

/** Meets every row that is open and came then, and as much of each as a claim does but for its envelope. */
export const probeText = (isOfSender: boolean) => `select max(due_at), max(length(site || hash || day)) from message
  where stage in ('stored', 'sent', 'unknown') and received_at between $1 and $2 ${isOfSender ? 'and sender = $3' : ''}`;

export const releaseText = (now: string) => `update message set due_at = 0
  where stage in ('stored', 'sent', 'unknown') and due_at > ${now} + ${PUT_OFF_MS_MAX} and received_at between $1 and $2`;

/** What shares its millisecond with one that cannot be read is passed by with it, until its site asks and it gets another. */
export const TO_ANOTHER_TIME = `update message m set received_at = n.received_at
  from unnest($1::text[], $2::text[], $3::bigint[]) as n (sender, id, received_at)
  where m.sender = n.sender and m.id = n.id and ${STILL_OPEN} and m.received_at = any($4::bigint[])`;

/** A slot further ahead was reserved by a clock that was wrong. */
const SLOT_AHEAD_MS_MAX = 60_000;

/** Slots follow each other through all relays; those that nobody reserved in time are gone. */
export const slotsText = (now: string) => `insert into operator_rate as r (sender, next_at)
  values ($1, ${now} + $2::float8)
  on conflict (sender) do update
  set next_at = case when r.next_at between ${now} and ${now} + ${SLOT_AHEAD_MS_MAX} then r.next_at else ${now} end + $2::float8
  returning next_at - $2::float8 - ${now} as in_ms`;

export const BARE = `with old as (
    select sender, id from message
    where stage in ('accepted', 'rejected') and not is_bare
      and stage_at < case stage when 'accepted' then $1::bigint else $2::bigint end and stage_at < greatest($1::bigint, $2::bigint)
    order by stage_at limit $3 for update skip locked)
  update message m set envelope = '', answer = null, is_bare = true
  from old where m.sender = old.sender and m.id = old.id returning 1 as done`;

export const OLDEST = `select sender, min(received_at) as at from message
  where stage in ('stored', 'sent', 'unknown') group by sender`;

/** Each relay counts by itself from where it began; the furthest counts. */
export const AGE_TO = `insert into relay_age as a (at) values ($1)
  on conflict (is_it) do update set at = greatest(a.at, excluded.at)`;

/** What stood there before is read as it was when the statement began. */
export const HERE = `with before as (select life from relay_here where name = $1)
  insert into relay_here (name, life) values ($1, $2) on conflict (name) do update set life = excluded.life
  returning (select life from before) as life`;

/**
 * How many are accepted or rejected is kept beside the messages, in the same statement: counting a million of them took half a
 * second at every scrape. Each connection has a row of its own, so that none waits for another's disk.
 */
const summed = (rows: string, change: string) => `insert into message_sum as s (stage, slot, count)
  select stage, pg_backend_pid() % 1024, ${change} from ${rows}
  where stage in ('accepted', 'rejected') group by stage order by stage
  on conflict (stage, slot) do update set count = s.count + excluded.count`;

/** What is open by its index, all others by their sums. */
export const COUNTS = `select stage, count(*) as count from message where stage in ('stored', 'sent', 'unknown') group by stage
  union all select stage, sum(count) from message_sum group by stage`;

/** Only what was bared before: an envelope never goes before its time, whatever the times are. */
export const REMOVE = `with gone as (
    delete from message where (sender, id) in (
      select sender, id from message where is_bare and stage_at < $1 limit $2 for update skip locked)
    returning stage),
  summed as (${summed('gone', '-count(*)')})
  select 1 as done from gone`;

/** `stored` changes nothing but when it goes again. */
export const settleText = (now: string) => `with done as (update message m
  set stage = case r.stage when 'stored' then m.stage else r.stage end,
    reasons = case r.stage when 'stored' then m.reasons else r.reasons end,
    answer = case r.stage when 'stored' then m.answer else r.answer end,
    stage_at = case r.stage when 'stored' then m.stage_at else r.at end,
    due_at = case r.due when ${NEVER} then r.due else ${now} + least(r.due, ${PUT_OFF_MS_MAX}) end
  from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::bigint[], $7::bigint[])
    as r (sender, id, stage, reasons, answer, at, due)
  where m.sender = r.sender and m.id = r.id and m.stage not in ('accepted', 'rejected')
  returning m.stage),
  summed as (${summed('done', 'count(*)')})
  select count(*) from done`;

/**
 * PostgreSQL's text has no zero in it, its JSON no half of a pair. An answer that nobody understands may be anything, a page in
 * UTF-16 for one; it must not keep the others from being written with it.
 */
export function bearable<T>(value: T): T | string {
  if (typeof value !== 'string') return value;
  return new TextDecoder().decode(new TextEncoder().encode(value)).replaceAll('\u0000', '\uFFFD');
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Inside an array the driver wants text. */
export function bytea(bytes: Uint8Array): string {
  let text = '\\x';
  for (const byte of bytes) text += HEX[byte];
  return text;
}
