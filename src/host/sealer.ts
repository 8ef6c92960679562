import { parentPort, Worker, workerData } from 'node:worker_threads';
import { type Failure, failure, OdecetError } from '../core/failure.ts';
import { SECOND_MS } from '../core/time.ts';
import type { Seal, Sealer, StampedFor, Trust, Verified } from '../machine/sealer.ts';

/** The largest message takes below a second on a slow machine; one that takes so long will never end. */
const WORK_MS_MAX = 120 * SECOND_MS;

/** XML made to fill the memory ends the thread, not the gateway. Node uses what it is given before it collects. */
const MEMORY_MB = 192;

/** Of what is made and forgotten at once: enough for a message, and a few turns of collecting more for the largest. */
const YOUNG_MEMORY_MB = 4;

/** A gateway sends some messages a day: in between the thread's memory, some 20 MB, is worth more than the moment its start takes. */
const IDLE_MS = 30 * SECOND_MS;

/** What goes to the thread and what comes back. */
type Work =
  | { readonly what: 'seal'; readonly document: string; readonly stamped: StampedFor }
  | { readonly what: 'verify'; readonly text: string; readonly trust: Trust };
type Asked = Work & { readonly number: number };
type Result = string | Verified;
type Told = { readonly number: number } & ({ readonly result: Result } | { readonly failure: Failure });

interface Thread {
  ask(work: Work): Promise<Result>;
  stop(): Promise<void>;
}

/**
 * Seals in a thread, which starts with the first work and ends when there was none for a while. One that dies takes with it what it was doing, which rejects; the next
 * work starts another. It never keeps the program from ending.
 * @param module the program of the thread; calls serveSealer
 * @param memoryMb the most that it may use
 * @param idleMs without work, after which it ends
 */
export function threadSealer(module: URL, seal: Seal, memoryMb = MEMORY_MB, idleMs = IDLE_MS): Sealer {
  let thread: Thread | undefined;
  const start = (): Thread => {
    const started = startThread(module, seal, { memoryMb, idleMs }, () => {
      if (thread === started) thread = undefined;
    });
    return started;
  };
  const ask = (work: Work): Promise<Result> => {
    thread ??= start();
    return thread.ask(work);
  };
  return {
    async seal(document, stamped) {
      const result = await ask({ what: 'seal', document, stamped });
      if (typeof result === 'string') return result;
      throw brokenOff('it mistook sealing for verifying');
    },
    async verify(text, trust) {
      const result = await ask({ what: 'verify', text, trust });
      if (typeof result !== 'string') return result;
      throw brokenOff('it mistook verifying for sealing');
    },
    close: async () => thread?.stop(),
  };
}

interface Waiting {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: OdecetError) => void;
  readonly timer: NodeJS.Timeout;
}

interface ThreadLimits {
  readonly memoryMb: number;
  readonly idleMs: number;
}

/** @param onEnd nothing may be asked of it any more */
function startThread(module: URL, seal: Seal, { memoryMb, idleMs }: ThreadLimits, onEnd: () => void): Thread {
  const worker = new Worker(module, {
    workerData: seal,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: YOUNG_MEMORY_MB },
  });
  let idle: NodeJS.Timeout | undefined;
  const rest = () => {
    worker.unref();
    clearTimeout(idle);
    idle = setTimeout(() => {
      onEnd();
      void worker.terminate();
    }, idleMs).unref();
  };
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  let why = 'it ended';
  worker.unref();
  const take = (number: number): Waiting | undefined => {
    const found = waiting.get(number);
    clearTimeout(found?.timer);
    waiting.delete(number);
    if (waiting.size === 0) rest();
    return found;
  };
  worker.on('message', (told: Told) => {
    const found = take(told.number);
    if ('result' in told) found?.resolve(told.result);
    else found?.reject(new OdecetError(told.failure.code, told.failure.detail));
  });
  worker.on('error', (error) => {
    why = String(error);
  });
  worker.on('exit', () => {
    clearTimeout(idle);
    onEnd();
    for (const number of [...waiting.keys()]) take(number)?.reject(brokenOff(why));
  });
  return {
    ask: (work) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          why = `no result within ${WORK_MS_MAX} ms`;
          void worker.terminate();
        }, WORK_MS_MAX);
        const number = ++asked;
        clearTimeout(idle);
        waiting.set(number, { resolve, reject, timer });
        worker.ref();
        worker.postMessage({ ...work, number } satisfies Asked);
      }),
    async stop() {
      await worker.terminate();
    },
  };
}

function brokenOff(why: string): OdecetError {
  return new OdecetError('unexpected', `the thread that seals and verifies broke off: ${why}; the work is done again`);
}

/** The other end, to be called in the thread. */
export function serveSealer(make: (seal: Seal) => Sealer): void {
  if (!parentPort) throw new Error('this is the program of a thread');
  const port = parentPort;
  const sealer = make(workerData);
  const done = (work: Work): Promise<Result> =>
    work.what === 'seal' ? sealer.seal(work.document, work.stamped) : sealer.verify(work.text, work.trust);
  port.on('message', ({ number, ...work }: Asked) => {
    const answer = (told: Told) => port.postMessage(told);
    done(work).then(
      (result) => answer({ number, result }),
      (error: unknown) => answer({ number, failure: failureOf(error) }),
    );
  });
}

function failureOf(error: unknown): Failure {
  return error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
}
