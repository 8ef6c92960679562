import { parentPort, Worker, workerData } from 'node:worker_threads';
import { type Failure, failure, OdecetError } from '../core/failure.ts';
import { SECOND_MS } from '../core/time.ts';

/** The largest message takes below a second on a slow machine; one that takes so long will never end. */
const WORK_MS_MAX = 120 * SECOND_MS;

/** A gateway sends some messages a day: in between the thread's memory, some 20 MB, is worth more than the moment its start takes. */
const IDLE_MS = 30 * SECOND_MS;

export interface ThreadLimits {
  /** The most that it may use. XML made to fill the memory ends the thread, not the program. */
  readonly memoryMb: number;
  /** Of what is made and forgotten at once. */
  readonly youngMb: number;
  /** Without work, after which it ends. */
  readonly idleMs?: number;
}

/** A thread that does one kind of work. */
export interface Thread<Work, Result> {
  /** Rejects with the OdecetError of the work, or `unexpected` when it broke off. */
  ask(work: Work): Promise<Result>;
  close(): Promise<void>;
}

type Asked<Work> = { readonly number: number; readonly work: Work };
type Told<Result> = { readonly number: number } & ({ readonly result: Result } | { readonly failure: Failure });

/**
 * Starts with the first work and ends when there was none for a while. One that dies takes with it what it was doing, which
 * rejects; the next work starts another. It never keeps the program from ending.
 * @param module the program of the thread; calls serveThread
 * @param data what it is given at its start
 */
export function workThread<Work, Result>(module: URL, data: unknown, limits: ThreadLimits): Thread<Work, Result> {
  let thread: Thread<Work, Result> | undefined;
  const start = (): Thread<Work, Result> => {
    const started = startThread<Work, Result>(module, data, limits, () => {
      if (thread === started) thread = undefined;
    });
    return started;
  };
  return {
    ask(work) {
      thread ??= start();
      return thread.ask(work);
    },
    close: async () => thread?.close(),
  };
}

interface Waiting<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: OdecetError) => void;
  readonly timer: NodeJS.Timeout;
}

/** @param onEnd nothing may be asked of it any more */
function startThread<Work, Result>(
  module: URL,
  data: unknown,
  { memoryMb, youngMb, idleMs = IDLE_MS }: ThreadLimits,
  onEnd: () => void,
): Thread<Work, Result> {
  const worker = new Worker(module, {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: youngMb },
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
  const waiting = new Map<number, Waiting<Result>>();
  let asked = 0;
  let why = 'it ended';
  worker.unref();
  const take = (number: number): Waiting<Result> | undefined => {
    const found = waiting.get(number);
    clearTimeout(found?.timer);
    waiting.delete(number);
    if (waiting.size === 0) rest();
    return found;
  };
  worker.on('message', (told: Told<Result>) => {
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
        worker.postMessage({ number, work } satisfies Asked<Work>);
      }),
    async close() {
      await worker.terminate();
    },
  };
}

function brokenOff(why: string): OdecetError {
  return new OdecetError('unexpected', `a thread broke off: ${why}; its work is done again`);
}

/**
 * The other end, to be called in the thread.
 * @param make the work, from what the thread was given at its start; bytes that it gives are handed over, not copied
 */
export function serveThread<Data, Work, Result>(make: (data: Data) => (work: Work) => Promise<Result>): void {
  if (!parentPort) throw new Error('this is the program of a thread');
  const port = parentPort;
  const done = make(workerData);
  port.on('message', ({ number, work }: Asked<Work>) => {
    const answer = (told: Told<Result>) => port.postMessage(told, 'result' in told ? buffersOf(told.result) : []);
    done(work).then(
      (result) => answer({ number, result }),
      (error: unknown) => answer({ number, failure: failureOf(error) }),
    );
  });
}

/** Whole ones only: a view into a buffer that others use cannot be given away. */
function buffersOf(result: unknown): ArrayBuffer[] {
  const isOwn = result instanceof Uint8Array && result.byteLength === result.buffer.byteLength;
  return isOwn && result.buffer instanceof ArrayBuffer ? [result.buffer] : [];
}

function failureOf(error: unknown): Failure {
  return error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
}
