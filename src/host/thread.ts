import { parentPort, Worker, workerData } from 'node:worker_threads';
import { type Failure, failure, OdecetError } from '../core/failure.ts';
import { SECOND_MS } from '../core/time.ts';

/** The largest message takes below a second on a slow machine; one that takes so long will never end. */
const WORK_MS = 120 * SECOND_MS;
/** Whoever dies with the same work a second time dies of it. */
const DEATHS_MAX = 2;

/** A gateway sends some messages a day: in between the thread's memory, some 20 MB, is worth more than the moment its start takes. */
const IDLE_MS = 30 * SECOND_MS;

export interface ThreadLimits {
  /** The most that it may use. XML made to fill the memory ends the thread, not the program. */
  readonly memoryMb: number;
  /** Of what is made and forgotten at once. */
  readonly youngMb: number;
  /** Without work, after which it ends. */
  readonly idleMs?: number;
  /** For one piece of work, from the moment at which it is the oldest. */
  readonly workMs?: number;
}

/** A thread that does one kind of work. */
export interface Thread<Work, Result> {
  /** Rejects with the OdecetError of the work, with BrokeOff when two threads died of it, `unexpected` when it was closed. */
  ask(work: Work): Promise<Result>;
  close(): Promise<void>;
}

type Asked<Work> = { readonly number: number; readonly work: Work };
type Told<Result> = { readonly number: number } & ({ readonly result: Result } | { readonly failure: Failure });

/** Work of which two threads died. */
export class BrokeOff extends OdecetError {
  constructor(why: string) {
    super('unexpected', `a thread broke off with this work, twice: ${why}`);
  }
}

/**
 * Starts with the first work and ends when there was none for a while. Of one that dies another does the work: first what waited,
 * last what was the oldest, of which it may have died. It never keeps the program from ending.
 * @param module the program of the thread; calls serveThread
 * @param data what it is given at its start
 */
export function workThread<Work, Result>(module: URL, data: unknown, limits: ThreadLimits): Thread<Work, Result> {
  let thread: Running<Work, Result> | undefined;
  const start = (): Running<Work, Result> => {
    const started = startThread<Work, Result>(module, data, limits, (left, why) => {
      if (thread === started) thread = undefined;
      again(left, why);
    });
    return started;
  };
  function give(task: Task<Work, Result>): void {
    thread ??= start();
    thread.give(task);
  }
  function again([oldest, ...others]: readonly Task<Work, Result>[], why: string): void {
    for (const task of others) give(task);
    if (!oldest) return;
    const deaths = oldest.deaths + 1;
    if (deaths < DEATHS_MAX) give({ ...oldest, deaths });
    else oldest.reject(new BrokeOff(why));
  }
  return {
    ask: (work) => new Promise((resolve, reject) => give({ work, resolve, reject, deaths: 0 })),
    close: async () => thread?.close(),
  };
}

interface Task<Work, Result> {
  readonly work: Work;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: OdecetError) => void;
  /** Of threads that had it as their oldest. */
  readonly deaths: number;
}

interface Running<Work, Result> {
  give(task: Task<Work, Result>): void;
  close(): Promise<void>;
}

/** @param onEnd nothing may be given to it any more; it left this undone, the oldest first */
function startThread<Work, Result>(
  module: URL,
  data: unknown,
  { memoryMb, youngMb, idleMs = IDLE_MS, workMs = WORK_MS }: ThreadLimits,
  onEnd: (left: readonly Task<Work, Result>[], why: string) => void,
): Running<Work, Result> {
  const worker = new Worker(module, {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: youngMb },
  });
  const waiting = new Map<number, Task<Work, Result>>();
  let asked = 0;
  let why = 'it ended';
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  worker.unref();

  function end(reason: string): void {
    why = reason;
    void worker.terminate();
  }

  /** For the oldest work, or for more. */
  function watch(): void {
    clearTimeout(timer);
    if (waiting.size > 0) timer = setTimeout(() => end(`no result within ${workMs} ms`), workMs);
    else {
      worker.unref();
      timer = setTimeout(() => {
        onEnd([], '');
        void worker.terminate();
      }, idleMs).unref();
    }
  }

  worker.on('message', (told: Told<Result>) => {
    const task = waiting.get(told.number);
    const [oldest] = waiting.keys();
    waiting.delete(told.number);
    if (told.number === oldest || waiting.size === 0) watch();
    if ('result' in told) task?.resolve(told.result);
    else task?.reject(new OdecetError(told.failure.code, told.failure.detail));
  });
  worker.on('error', (error) => {
    why = String(error);
  });
  worker.on('exit', () => {
    clearTimeout(timer);
    const left = [...waiting.values()];
    waiting.clear();
    onEnd(isClosed ? [] : left, why);
    if (isClosed)
      for (const { reject } of left)
        reject(new OdecetError('unexpected', 'a thread was closed; its work is done again'));
  });
  return {
    give(task) {
      const number = ++asked;
      waiting.set(number, task);
      if (waiting.size === 1) watch();
      worker.ref();
      worker.postMessage({ number, work: task.work } satisfies Asked<Work>);
    },
    async close() {
      isClosed = true;
      await worker.terminate();
    },
  };
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
