import type { MessageHead, Outbox } from '../../buffer/outbox.ts';
import type { Failure } from '../../core/failure.ts';
import type { MessageId } from '../../core/message.ts';
import type { Millis, MonotonicMs } from '../../core/time.ts';
import type { Clock } from '../../machine/clock.ts';
import { newestDayFirst } from '../sender.ts';

/** A look at the outbox even if nobody rang: a lost wake-up costs a minute, never a day. */
const LOOK_SERVES_MS = 60_000;
/** While the outbox changes: a backlog of a month is walked through, not read anew at each receipt. */
const CHANGED_LOOK_SERVES_MS = 1_000;
/** So many times as long as it took, where that is more: on a slow disk too nearly all time is for the messages. */
const CHANGED_LOOK_SERVES_TIMES = 10;

export interface BacklogDeps {
  readonly outbox: Pick<Outbox, 'heads'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly hold?: (message: MessageHead) => Failure | undefined;
}

/** What a look found anew. */
export interface Looked {
  readonly ids: ReadonlySet<MessageId>;
  readonly held: readonly { readonly message: MessageHead; readonly problem: Failure }[];
}

/** What waits, as the last look at the outbox found it: without the documents, of which a month is more than the memory. */
export interface Backlog {
  /** Looks where the last look serves no longer; undefined where it still does. */
  look(): Promise<Looked | undefined>;
  /** So long may be rested upon the last look. */
  servesMs(): Millis;
  find(id: MessageId): MessageHead | undefined;
  /** Those that are not held back, in the order in which they are to go. */
  free(): Iterable<MessageHead>;
  /** It waits no longer. */
  gone(id: MessageId): void;
  /** The outbox has changed, by us or by others. */
  changed(): void;
  hasChanged(): boolean;
  /** The next look is a new one, whatever the last one serves. */
  forget(): void;
}

export function createBacklog({ outbox, clock, hold }: BacklogDeps): Backlog {
  let all = new Map<MessageId, MessageHead>();
  let free = new Map<MessageId, MessageHead>();
  let lookedAt: MonotonicMs = Number.NEGATIVE_INFINITY;
  let isChanged = false;
  let changedServesMs: Millis = CHANGED_LOOK_SERVES_MS;
  const servesMs = () => Math.max(0, lookedAt + (isChanged ? changedServesMs : LOOK_SERVES_MS) - clock.monotonicMs());

  return {
    async look() {
      if (servesMs() > 0) return undefined;
      // Before the look: what is queued during it may not be in it.
      isChanged = false;
      const from = clock.monotonicMs();
      const waiting = (await outbox.heads()).sort(newestDayFirst).map(({ message }) => message);
      lookedAt = clock.monotonicMs();
      changedServesMs = Math.max(CHANGED_LOOK_SERVES_MS, CHANGED_LOOK_SERVES_TIMES * (lookedAt - from));
      all = new Map(waiting.map((message) => [message.id, message]));
      const held = waiting.flatMap((message) => {
        const problem = hold?.(message);
        return problem ? [{ message, problem }] : [];
      });
      free = new Map(all);
      for (const { message } of held) free.delete(message.id);
      return { ids: new Set(all.keys()), held };
    },
    servesMs,
    find: (id) => all.get(id),
    free: () => free.values(),
    gone(id) {
      all.delete(id);
      free.delete(id);
    },
    changed() {
      isChanged = true;
    },
    hasChanged: () => isChanged,
    forget() {
      lookedAt = Number.NEGATIVE_INFINITY;
    },
  };
}
