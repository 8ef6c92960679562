import { type Failure, failure } from '../core/failure.ts';
import type { Millis } from '../core/time.ts';
import type { Http, HttpOutcome, HttpRequest } from '../machine/http.ts';
import { pause, type Timers } from '../machine/timers.ts';

export interface SimAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** How long the server thinks; default 0. */
  readonly afterMs?: Millis;
}

/** The server: what it does to its own state is done when it is called, whether or not its answer arrives. */
export type SimServer = (request: HttpRequest) => SimAnswer | Promise<SimAnswer>;

export type HttpFault =
  /** Nobody listens: nothing was sent. */
  | { readonly kind: 'refused' }
  /** The request goes, but is lost before the server has it. */
  | { readonly kind: 'request-lost' }
  /** The server does its work; its answer is lost. */
  | { readonly kind: 'answer-lost' }
  | { readonly kind: 'slow'; readonly byMs: Millis };

export interface SimHttpOptions {
  readonly server: SimServer;
  /** Asked at every request for which no fault was ordered with faultNext. */
  readonly weather?: (request: HttpRequest) => HttpFault | undefined;
}

export interface SimHttp extends Http {
  /** Orders faults for the next requests, one each; undefined lets one pass. */
  faultNext(...faults: (HttpFault | undefined)[]): void;
}

/** A client and its server in virtual time. */
export function simHttp(timers: Timers, { server, weather }: SimHttpOptions): SimHttp {
  const ordered: (HttpFault | undefined)[] = [];
  let isClosed = false;
  return {
    faultNext: (...faults) => {
      ordered.push(...faults);
    },
    send: async (request, signal) => {
      signal?.throwIfAborted();
      const fault = ordered.length > 0 ? ordered.shift() : weather?.(request);
      if (isClosed) return { kind: 'not-sent', failure: unreachable(request, 'the client was closed') };
      if (fault?.kind === 'refused') return { kind: 'not-sent', failure: unreachable(request, 'connection refused') };
      return limited(timers, request, signal, exchange(timers, server, request, fault));
    },
    close: async () => {
      isClosed = true;
    },
  };
}

/** Settles when the answer is there; never when it is lost. */
async function exchange(
  timers: Timers,
  server: SimServer,
  request: HttpRequest,
  fault: HttpFault | undefined,
): Promise<HttpOutcome> {
  if (fault?.kind === 'request-lost') return never();
  const { status, headers = {}, body, afterMs = 0 } = await server(request);
  if (fault?.kind === 'answer-lost') return never();
  const slowMs = fault?.kind === 'slow' ? fault.byMs : 0;
  await pause(timers, afterMs + slowMs);
  if (body.length > request.answerBytesMax)
    return {
      kind: 'no-answer',
      failure: unanswered(request, `the answer is longer than ${request.answerBytesMax} bytes`),
    };
  return { kind: 'answer', status, headers: lowerCase(headers), body: body.slice() };
}

/** The time limit and the caller's signal, whichever is first. */
function limited(
  timers: Timers,
  request: HttpRequest,
  signal: AbortSignal | undefined,
  outcome: Promise<HttpOutcome>,
): Promise<HttpOutcome> {
  return new Promise((resolve, reject) => {
    const late = unanswered(request, `not finished within ${request.withinMs} ms`);
    const cancel = timers.after(request.withinMs, () => settle(() => resolve({ kind: 'no-answer', failure: late })));
    const settle = (how: () => void) => {
      cancel();
      signal?.removeEventListener('abort', abort);
      how();
    };
    const abort = () => settle(() => reject(signal?.reason));
    signal?.addEventListener('abort', abort, { once: true });
    outcome.then(
      (answer) => settle(() => resolve(answer)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

function unreachable({ url }: HttpRequest, why: string): Failure {
  return failure('operator-unreachable', `${url}: ${why}`);
}

function unanswered({ url }: HttpRequest, why: string): Failure {
  return failure('operator-no-answer', `${url}: ${why}`);
}
