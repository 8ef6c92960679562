import { type Failure, type FailureCode, failure, OdecetError } from '../core/failure.ts';
import { isoUtc, type Millis, type MonotonicMs, SECOND_MS } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import type { DocumentReader } from '../machine/reader.ts';
import type { Delivery } from '../uplink/direct.ts';
import type { Alerts } from '../uplink/relay/alerts.ts';
import type { RelayStore } from './store.ts';

/** What a relay stands on: where one of these fails nothing goes on, and no site is to blame. */
export const PARTS = ['store', 'reader', 'sealer', 'registry'] as const;
export type Part = (typeof PARTS)[number];

/** What ends sooner, a restart of the database for one, is nobody's alarm. */
const FAILURES_MIN = 3;
const FAILING_MS: Millis = 30 * SECOND_MS;

export interface HealthDeps {
  /** The relay's own. */
  readonly alerts: Pick<Alerts, 'raise' | 'clear'>;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly log: Log;
}

export interface Health {
  /** Those that fail at the moment. */
  failing(): ReadonlySet<Part>;
  /** The same store or reader, looked at. */
  store(store: RelayStore): RelayStore;
  reader(reader: DocumentReader): DocumentReader;
  /** How a try at the operator ended, as far as it tells of sealing and verifying. */
  tried(delivery: Delivery): void;
  broke(error: unknown): void;
  /** How it stands with the file; told at once, because somebody has just changed it. */
  registry(problem: Failure | undefined): void;
}

interface Trouble {
  readonly part: Part;
  readonly since: MonotonicMs;
  readonly sinceText: string;
  readonly count: number;
}

/** Alerts of the relay itself, each from its third failure in a row and half a minute on until the same succeeds. */
export function createHealth({ alerts, clock, log }: HealthDeps): Health {
  /** By what was tried: that a store can be read says nothing of its disk being full. */
  const troubles = new Map<string, Trouble>();
  const told = new Map<Part, FailureCode>();
  const known = new Set<Part>();

  function good(part: Part, work: string): void {
    troubles.delete(work);
    if ([...troubles.values()].some((trouble) => trouble.part === part)) return;
    // An earlier run may have left one.
    if (told.delete(part)) log.info('relay-part-mended', { part });
    else if (known.has(part)) return;
    known.add(part);
    alerts.clear(`${part}-failing`);
  }

  function bad(part: Part, work: string, problem: Failure): void {
    const now = clock.monotonicMs();
    const before = troubles.get(work) ?? { part, since: now, sinceText: isoUtc(clock.now()), count: 0 };
    const trouble = { ...before, count: before.count + 1 };
    troubles.set(work, trouble);
    if (trouble.count < FAILURES_MIN || now - trouble.since < FAILING_MS || told.get(part) === problem.code) return;
    told.set(part, problem.code);
    const detail = `the relay's ${part} fails since ${trouble.sinceText}: ${problem.detail}`;
    log.error('relay-part-failing', { ...problem, part });
    alerts.raise(`${part}-failing`, failure(problem.code, detail));
  }

  async function looked<T>(part: Part, work: string, doing: Promise<T>): Promise<T> {
    try {
      const result = await doing;
      good(part, work);
      return result;
    } catch (error) {
      bad(part, work, problemOf(error));
      throw error;
    }
  }

  return {
    failing: () => new Set(told.keys()),
    store: (store) => ({
      ...store,
      keep: (messages) => looked('store', 'keep', store.keep(messages)),
      claim: (...wanted) => looked('store', 'claim', store.claim(...wanted)),
      settle: (results) => looked('store', 'settle', store.settle(results)),
      release: () => looked('store', 'release', store.release()),
    }),
    reader: (reader) => ({
      async read(document, pack) {
        const read = await looked('reader', 'read', reader.read(document, pack));
        if (read.kind === 'broken-off') bad('reader', 'thread', failure('unexpected', read.why));
        else good('reader', 'thread');
        return read;
      },
      close: () => reader.close(),
    }),
    tried({ outcome, failure: problem }) {
      if (outcome === 'answered') good('sealer', 'seal');
      else if (outcome === 'not-sent' && problem?.code === 'unexpected') bad('sealer', 'seal', problem);
    },
    broke: (error) => bad('sealer', 'seal', problemOf(error)),
    registry(problem) {
      if (!problem) return good('registry', 'read');
      told.set('registry', problem.code);
      alerts.raise('registry-failing', problem);
    },
  };
}

function problemOf(error: unknown): Failure {
  return error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
}
