import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import type { Sql } from '../machine/sql.ts';
import { createMended } from './mended.ts';
import { migrate, NEWEST_MIGRATION } from './migrations.ts';
import { createAround } from './postgres-around.ts';
import { type BadRow, eachAlone, FORGET_DAMAGED, holdBack, isDamage, mendReasons } from './postgres-mend.ts';
import {
  AGE_TO,
  BARE,
  bearable,
  bytea,
  COUNTS,
  claimText,
  FIND,
  HELD_AS_DAMAGED,
  HERE,
  KEEP,
  LOST_REASONS,
  OLDEST,
  REMOVE,
  REPLACE,
  REPLACE_UNREAD,
  settleText,
  slotsText,
  TO_ANOTHER_TIME,
} from './postgres-texts.ts';
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

const keptRow = standingRow.extend({
  sender: z.string(),
  id: z.string(),
  site: z.string(),
  hash: z.string(),
  version: whole,
});

const messageRow = z.object({
  sender: z.string(),
  id: z.string(),
  site: z.string(),
  version: whole,
  hash: z.string(),
  day: z.string().regex(/^\d{4}-\d\d-\d\d$/),
  received_at: whole,
  envelope: z
    .instanceof(Uint8Array)
    .refine((bytes) => bytes.length > 0, 'it is empty')
    .transform((bytes) => new Uint8Array(bytes)),
  attempts: whole,
  turn: whole,
});

type KeptRow = z.output<typeof keptRow>;

/** For all relays the same, however far off their own clocks are. Within a statement it stands. */
const DATABASE_NOW = '(extract(epoch from statement_timestamp()) * 1000)::bigint';

/**
 * The relay's memory for several relays at once. Throws OdecetError database-away, database-wrong, or store-unreadable for newer tables than ours.
 * @param now SQL for the time in ms, which leases and pauses go by; other than the database's own clock in tests
 */
export async function openPostgresRelayStore(sql: Sql, now: string = DATABASE_NOW): Promise<RelayStore> {
  const [claim, settle, slots] = [claimText(now), settleText(now), slotsText(now)];
  const around = createAround(sql, now);
  const mended = createMended();
  const found = await migrate(sql);
  if (found > NEWEST_MIGRATION)
    throw new OdecetError(
      'store-unreadable',
      `the tables are of version ${found}, this program knows ${NEWEST_MIGRATION}; update it`,
    );

  /** One row that cannot be read costs the others nothing: its reasons are given up, and where that is not enough it is told. */
  async function find(names: readonly MessageName[]): Promise<Map<string, KeptRow | OdecetError>> {
    const { done: rows, failed } = await eachAlone(names, (some) =>
      sql.query(FIND, [some.map(({ sender }) => sender), some.map(({ id }) => id)]),
    );
    const bad: BadRow[] = [];
    const found = new Map<string, KeptRow | OdecetError>([...failed].map(([name, error]) => [nameText(name), error]));
    for (const row of rows) {
      const name = { sender: String(row.sender), id: String(row.id) };
      const read = keptRow.safeParse(row);
      const mendable = read.success ? read : keptRow.safeParse({ ...row, reasons: JSON.parse(LOST_REASONS) });
      if (!read.success && mendable.success) bad.push({ ...name, why: whyOf(read.error) });
      const why = mendable.success ? '' : `message ${nameText(name)}: ${whyOf(mendable.error)}`;
      found.set(nameText(name), mendable.data ?? new OdecetError('store-damaged', why));
    }
    if (bad.length > 0) mended.tell(await mendReasons(sql, bad, LOST_REASONS));
    return found;
  }

  async function claimed(sender: string, limit: number, leaseMs: number) {
    try {
      const rows = await sql.query(claim, [limit, leaseMs, sender]);
      if (rows.length < limit) around.isWhole(sender);
      return { rows, unread: [] };
    } catch (error) {
      if (!isDamage(error)) throw error;
      return around.claim(sender, limit, leaseMs);
    }
  }

  async function keepAgain(again: readonly SiteMessage[]): Promise<void> {
    const { failed } = await eachAlone(again, (some) => sql.query(REPLACE, valuesOf(some)));
    if (failed.size > 0) await eachAlone([...failed.keys()], (some) => sql.query(REPLACE_UNREAD, valuesOf(some)));
    const passedBy = again.filter(({ sender }) => around.unreadOf(sender).length > 0);
    for (const { sender, id, receivedAt } of passedBy)
      await eachAlone([id], (ids) =>
        sql.query(TO_ANOTHER_TIME, [[sender], ids, [receivedAt], around.unreadOf(sender)]),
      );
  }

  return {
    async keep(messages) {
      const rows = unique(messages);
      const { done: made, failed: unkept } = await eachAlone(rows, (some) => sql.query(KEEP, valuesOf(some)));
      const isNew = new Set(made.map(({ sender, id }) => nameText({ sender: String(sender), id: String(id) })));
      const again = rows.filter((row) => !isNew.has(nameText(row)) && !unkept.has(row));
      if (again.length > 0) await keepAgain(again);
      const known = again.length > 0 ? await find(again) : new Map<string, never>();
      // What was just written is known without asking.
      const fresh = rows.flatMap((row) => (isNew.has(nameText(row)) ? [[nameText(row), freshRow(row)] as const] : []));
      const bad = [...unkept].map(([row, error]) => [nameText(row), error] as const);
      const byName = new Map<string, KeptRow | OdecetError>([...known, ...fresh, ...bad]);
      return messages.map(({ sender, id, site, hash, version }): Kept => {
        const name = nameText({ sender, id });
        const row = byName.get(name);
        if (!row) throw new OdecetError('database-away', `PostgreSQL: message ${name} was kept but is not there`);
        if (row instanceof Error) return { kind: 'damaged', why: row.message };
        if (row.site !== site || row.hash !== hash || row.version !== version)
          return { kind: 'taken', bySite: row.site, version: row.version };
        return { kind: isNew.delete(name) ? 'new' : 'known', standing: standingOf(row) };
      });
    },

    async claim(sender, limit, leaseMs, onDamage) {
      const { rows, unread } = await claimed(sender, limit, leaseMs);
      const bad: BadRow[] = [];
      for (const damage of unread) onDamage?.(damage);
      bad.push(...unread);
      const good = rows.flatMap((row) => {
        const read = messageRow.safeParse(row);
        if (read.success) return [read.data];
        const [id, site, why] = [String(row.id), String(row.site), whyOf(read.error)];
        bad.push({ sender, id, why });
        onDamage?.({ sender, id, site, why });
        return [];
      });
      if (bad.length > 0) await holdBack(sql, bad, HELD_AS_DAMAGED);
      // An update gives its rows back in any order.
      return good
        .sort((a, b) => (a.day === b.day ? a.turn - b.turn || a.received_at - b.received_at : a.day < b.day ? 1 : -1))
        .map(({ sender: of, id, site, version, hash, day, received_at: receivedAt, envelope, attempts }) => ({
          message: { sender: of, id, site, version, hash, day, receivedAt, envelope },
          attempt: attempts,
        }));
    },

    async settle(results) {
      await sql.query(settle, [
        results.map(({ sender }) => sender),
        results.map(({ id }) => id),
        results.map(({ stage }) => stage),
        results.map(({ reasons }) => JSON.stringify(reasons, (_, value: unknown) => bearable(value))),
        results.map(({ answer }) => bearable(answer) ?? null),
        results.map(({ at }) => at),
        results.map(({ dueInMs }) => dueInMs),
      ]);
    },

    async slots(sender, count, everyMs) {
      const [row] = await sql.query(slots, [sender, count * everyMs]);
      return whole.parse(row?.in_ms);
    },

    release: around.release,

    async shed({ acceptedBefore, rejectedBefore, removedBefore }, limit) {
      const bared = (await sql.query(BARE, [acceptedBefore, rejectedBefore, limit])).length;
      const removed = (await sql.query(REMOVE, [removedBefore, limit])).length;
      if (removed > 0) await sql.query(FORGET_DAMAGED);
      return { bared, removed, isDone: bared < limit && removed < limit };
    },

    async size() {
      const [row] = await sql.query("select pg_total_relation_size('message') as bytes");
      return Number(row?.bytes);
    },

    async standing({ sender, id }) {
      const row = (await find([{ sender, id }])).get(nameText({ sender, id }));
      if (row instanceof Error) throw row;
      return row && standingOf(row);
    },

    async siteOf({ sender, id }) {
      const [row] = await sql.query('select site from message where sender = $1 and id = $2', [sender, id]);
      return row && z.string().parse(row.site);
    },

    async now() {
      const [row] = await sql.query(`select ${now} as at`);
      return whole.parse(row?.at);
    },

    async here(name, life) {
      const [row] = await sql.query(HERE, [name, life]);
      return z.string().nullish().parse(row?.life) ?? undefined;
    },

    async agedTo() {
      const [row] = await sql.query('select at from relay_age');
      return row && whole.parse(row.at);
    },

    async ageTo(at) {
      await sql.query(AGE_TO, [at]);
    },

    async counts() {
      const counts: Record<StandingStage, number> = { stored: 0, sent: 0, accepted: 0, rejected: 0, unknown: 0 };
      const rows = await sql.query(COUNTS);
      for (const { stage, count } of rows) counts[z.enum(STAGE_NAMES).parse(stage)] = Number(count);
      return counts;
    },

    async oldest() {
      const rows = await sql.query(OLDEST);
      return new Map(rows.map(({ sender, at }) => [String(sender), whole.parse(at)]));
    },

    onMended: mended.listen,
    onUnread: around.listen,
    close: () => sql.close(),
  };
}

/** As KEEP writes it. */
function freshRow({ sender, id, site, hash, version, receivedAt }: SiteMessage): KeptRow {
  const standing = { stage: 'stored' as const, reasons: [], answer: null, stage_at: receivedAt, attempts: 0 };
  return { sender, id, site, hash, version, ...standing };
}

function valuesOf(rows: readonly SiteMessage[]): unknown[] {
  return [
    rows.map(({ sender }) => sender),
    rows.map(({ id }) => id),
    rows.map(({ site }) => site),
    rows.map(({ version }) => version),
    rows.map(({ hash }) => hash),
    rows.map(({ day }) => day),
    rows.map(({ receivedAt }) => receivedAt),
    rows.map(({ envelope }) => bytea(envelope)),
  ];
}

function whyOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
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

function standingOf(row: z.output<typeof standingRow>): Standing {
  const { stage, reasons, answer, stage_at: at, attempts } = row;
  return { stage, reasons, at, attempts, ...(answer !== null && { answer }) };
}
