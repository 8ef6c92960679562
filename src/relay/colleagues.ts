import type { Millis, MonotonicMs } from '../core/time.ts';
import type { Publication } from '../machine/broker.ts';
import { topicOf } from '../uplink/relay/topics.ts';

/** More than these no centre has. */
const REMEMBERED_MAX = 10_000;
const HERE: ReadonlySet<string> = new Set(['init', 'ready']);

export interface ColleaguesDeps {
  readonly settleMs: Millis;
  readonly monotonicMs: () => MonotonicMs;
  readonly say: (publication: Publication) => void;
}

/**
 * The other relays of a centre, and whoever else speaks on the broker and is no site of the registry. What one of them said of
 * itself is taken back when it was gone for long: nobody else would.
 */
export interface Colleagues {
  toldState(who: string, word: string): void;
  isThere(who: string): boolean;
  heardAlert(who: string, id: string, isOver: boolean): void;
  sweep(): void;
}

interface Left {
  readonly who: string;
  readonly id: string;
  /** When he was last there, or we first heard of it. */
  readonly since: MonotonicMs;
}

export function createColleagues({ settleMs, monotonicMs, say }: ColleaguesDeps): Colleagues {
  const here = new Set<string>();
  const left = new Map<string, Left>();
  return {
    toldState(who, word) {
      if (!HERE.has(word)) here.delete(who);
      else if (here.size < REMEMBERED_MAX) here.add(who);
    },
    isThere: (who) => here.has(who),
    heardAlert(who, id, isOver) {
      const key = `${who} ${id}`;
      if (isOver) left.delete(key);
      else if (!left.has(key) && left.size < REMEMBERED_MAX) left.set(key, { who, id, since: monotonicMs() });
    },
    sweep() {
      const now = monotonicMs();
      for (const [key, one] of left) {
        if (here.has(one.who)) left.set(key, { ...one, since: now });
        else if (now - one.since >= settleMs) {
          left.delete(key);
          say({ topic: topicOf(one.who, `alert/${one.id}`), payload: new Uint8Array(0), retain: true });
        }
      }
    },
  };
}
