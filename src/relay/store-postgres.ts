import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import type { Sql } from '../machine/sql.ts';
import { migrate, NEWEST_MIGRATION } from './migrations.ts';
import { reasonsSchema, STAGE_NAMES } from './standing.ts';
import type { Kept, MessageName, RelayStore, SiteMessage, Standing, StandingStage } from './store.ts';

/** bigint comes as text. */
const whole = z.coerce.number();

const standingRow = z.object({
  stage: z.enum(STAGE_NAMES),
  reasons: reasonsSchema,
  answer: z.string().nullable(),
  stage_at: whole,
  attempts: whole,
});

const keptRow = standingRow.extend({ sender: z.string(), id: z.string(), site: z.string(), hash: z.string() });

const messageRow = z.object({
  sender: z.string(),
  id: z.string(),
  site: z.string(),
  version: whole,
  hash: z.string(),
  day: z.string(),
  received_at: whole,
  envelope: z.instanceof(Uint8Array).transform((bytes) => new Uint8Array(bytes)),
  attempts: whole,
});

const COLUMNS = 'sender, id, site, version, hash, day, received_at, envelope';

/** Two relays that keep the same message at once: the second finds the first's. Sorted, so that they cannot block each other. */
const KEEP = `insert into message (${COLUMNS}, stage_at)
  select m.*, m.received_at from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::bigint[],
    $8::bytea[]) as m (${COLUMNS}) order by m.sender, m.id
  on conflict (sender, id) do nothing
  returning sender, id`;

const FIND = `select m.sender, m.id, site, hash, stage, reasons, answer, stage_at, attempts
  from message m join unnest($1::text[], $2::text[]) as n (sender, id) on m.sender = n.sender and m.id = n.id`;

/** The order is that of the index over what is open. */
const CLAIM = `with due as (
    select sender, id from message
    where stage in ('stored', 'sent', 'unknown') and due_at <= $1
    order by day desc, received_at limit $2 for update skip locked)
  update message m set stage = 'sent', stage_at = $1, due_at = $3, attempts = attempts + 1
  from due where m.sender = due.sender and m.id = due.id
  returning m.sender, m.id, site, version, hash, day, received_at, envelope, attempts`;

const SETTLE = `update message m
  set stage = r.stage, reasons = r.reasons, answer = r.answer, stage_at = r.at, due_at = r.due
  from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::bigint[], $7::bigint[])
    as r (sender, id, stage, reasons, answer, at, due)
  where m.sender = r.sender and m.id = r.id and m.stage not in ('accepted', 'rejected')`;

/** The relay's memory for several relays at once. Throws OdecetError store-io, or store-unreadable for newer tables than ours. */
export async function openPostgresRelayStore(sql: Sql): Promise<RelayStore> {
  const found = await migrate(sql);
  if (found > NEWEST_MIGRATION)
    throw new OdecetError(
      'store-unreadable',
      `the tables are of version ${found}, this program knows ${NEWEST_MIGRATION}; update it`,
    );
  return {
    async keep(messages) {
      const rows = unique(messages);
      const made = await sql.query(KEEP, [
        rows.map(({ sender }) => sender),
        rows.map(({ id }) => id),
        rows.map(({ site }) => site),
        rows.map(({ version }) => version),
        rows.map(({ hash }) => hash),
        rows.map(({ day }) => day),
        rows.map(({ receivedAt }) => receivedAt),
        rows.map(({ envelope }) => bytea(envelope)),
      ]);
      const isNew = new Set(made.map(({ sender, id }) => nameText({ sender: String(sender), id: String(id) })));
      const all = await sql.query(FIND, [rows.map(({ sender }) => sender), rows.map(({ id }) => id)]);
      const byName = new Map(all.map((row) => keptRow.parse(row)).map((row) => [nameText(row), row]));
      return messages.map(({ sender, id, site, hash }): Kept => {
        const name = nameText({ sender, id });
        const row = byName.get(name);
        if (!row) throw new OdecetError('store-io', `PostgreSQL: message ${name} was kept but is not there`);
        if (row.site !== site || row.hash !== hash) return { kind: 'taken', bySite: row.site };
        return { kind: isNew.delete(name) ? 'new' : 'known', standing: standingOf(row) };
      });
    },

    async claim(limit, now, leaseMs) {
      const rows = await sql.query(CLAIM, [now, limit, now + leaseMs]);
      return rows
        .map((row) => messageRow.parse(row))
        .map(({ received_at: receivedAt, attempts, ...message }) => ({
          message: { ...message, receivedAt },
          attempt: attempts,
        }));
    },

    async settle(results) {
      await sql.query(SETTLE, [
        results.map(({ sender }) => sender),
        results.map(({ id }) => id),
        results.map(({ stage }) => stage),
        results.map(({ reasons }) => JSON.stringify(reasons)),
        results.map(({ answer }) => answer ?? null),
        results.map(({ at }) => at),
        results.map(({ dueAt }) => dueAt),
      ]);
    },

    async standing({ sender, id }) {
      const [row] = await sql.query(FIND, [[sender], [id]]);
      return row && standingOf(keptRow.parse(row));
    },

    async counts() {
      const counts: Record<StandingStage, number> = { stored: 0, sent: 0, accepted: 0, rejected: 0, unknown: 0 };
      const rows = await sql.query('select stage, count(*) as count from message group by stage');
      for (const { stage, count } of rows) counts[z.enum(STAGE_NAMES).parse(stage)] = Number(count);
      return counts;
    },

    close: () => sql.close(),
  };
}

/** A statement cannot insert the same name twice. The first counts, as it does when they come one after another. */
function unique(messages: readonly SiteMessage[]): SiteMessage[] {
  const byName = new Map<string, SiteMessage>();
  for (const message of messages) {
    const name = nameText(message);
    if (!byName.has(name)) byName.set(name, message);
  }
  return [...byName.values()];
}

function nameText({ sender, id }: MessageName): string {
  return `${sender}/${id}`;
}

/** Inside an array the driver wants text. */
function bytea(bytes: Uint8Array): string {
  return `\\x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

function standingOf(row: z.output<typeof standingRow>): Standing {
  const { stage, reasons, answer, stage_at: at, attempts } = row;
  return { stage, reasons, at, attempts, ...(answer !== null && { answer }) };
}
