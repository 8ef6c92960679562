import { z } from 'zod';
import type { Buffer } from '../../buffer/index.ts';
import { isoUtc, parseUtc, type UtcMs } from '../../core/time.ts';
import type { Folder } from '../../machine/folder.ts';
import type { AnswerText } from '../../uplink/relay/command.ts';
import type { CommandBook } from '../../uplink/relay/command-taker.ts';
import { chained } from '../audit-chain.ts';
import { type AuditText, readAudit } from '../audit-texts.ts';

/** Results of the last commands, to be given again: so many files, written over in turn. */
const RESULTS_KEPT = 16;
/** A body of this length stands in the audit log; of a longer one only its hash. */
const BODY_SHOWN_MAX = 2_000;
const NO_RESULT = 'null';
const GONE = JSON.stringify({ note: 'the result is no longer kept; give the command anew' });

const keptResult = z.object({ id: z.string(), result: z.string() });

interface Known {
  readonly answer: Omit<AnswerText, 'result'>;
  readonly hasResult: boolean;
}

/**
 * The site's memory of commands is its audit log itself: what was decided about an id stands there, chained, before anything is
 * done, and is read from there after a restart. Results stand beside, in `answers/` of the state folder.
 */
export async function openCommandBook(
  buffer: Pick<Buffer, 'auditLog' | 'keepAudited'>,
  folder: Folder,
  now: () => UtcMs,
): Promise<CommandBook> {
  const known = new Map<string, Known>();
  let newestMadeAt: UtcMs = 0;
  let results = 0;
  for (const { text } of await buffer.auditLog()) {
    const said = readAudit(text);
    if (said) recall(said);
  }

  function recall(said: AuditText): void {
    if (said.what !== 'command' && said.what !== 'answer') return;
    const { id, of, outcome, reason, detail } = said;
    const answer = { id, of, outcome, reason, detail, at: parseUtc(said.at) };
    if (said.what === 'answer') {
      known.set(id, { answer, hasResult: true });
      results += 1;
      return;
    }
    known.set(id, { answer, hasResult: false });
    if (outcome === 'taken') newestMadeAt = Math.max(newestMadeAt, parseUtc(said.madeAt));
  }

  async function write(text: AuditText): Promise<void> {
    await buffer.keepAudited([], (last) => chained(last, JSON.stringify(text)));
    recall(text);
  }

  const place = (number: number) => `answers/${number % RESULTS_KEPT}.json`;

  async function resultOf(id: string): Promise<string> {
    for (let n = 0; n < RESULTS_KEPT; n++) {
      const text = await folder.readText(place(n));
      const kept = keptResult.safeParse(parsed(text ?? ''));
      if (kept.success && kept.data.id === id) return kept.data.result;
    }
    return GONE;
  }

  return {
    async find(id) {
      const found = known.get(id);
      return found && { ...found.answer, result: found.hasResult ? await resultOf(id) : NO_RESULT };
    },
    open: () => [...known].filter(([, { answer }]) => answer.outcome === 'taken').map(([id]) => id),
    newestMadeAt: () => newestMadeAt,
    async received(head, body, { of, outcome, reason, detail, at }) {
      await write({
        at: isoUtc(at),
        what: 'command',
        id: head.id,
        of,
        relay: head.relay,
        by: head.by,
        kind: head.kind,
        madeAt: isoUtc(head.madeAt),
        expiresAt: isoUtc(head.expiresAt),
        hash: head.hash,
        ...(body.length <= BODY_SHOWN_MAX && { body }),
        outcome: outcome === 'taken' ? 'taken' : 'refused',
        reason,
        detail,
      });
    },
    async concluded({ id, of, outcome, reason, detail, at, result }) {
      if (outcome === 'taken') throw new RangeError(`command ${id} is not concluded by "taken"`);
      // First the result: an answer without it would be given for ever.
      await folder.write(place(results), JSON.stringify({ id, result }));
      await write({ at: isoUtc(at), what: 'answer', id, of, outcome, reason, detail });
    },
    async stranger(detail) {
      await write({ at: isoUtc(now()), what: 'stranger', detail });
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
