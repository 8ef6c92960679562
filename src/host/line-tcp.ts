import { connect, type Socket } from 'node:net';
import { OdecetError } from '../core/failure.ts';
import type { Millis } from '../core/time.ts';
import { Inbox } from '../machine/inbox.ts';
import type { Line } from '../machine/line.ts';
import { hostTimers } from './timers.ts';

/** First keep-alive probe after this much silence: a converter that lost its power is noticed without traffic. */
const KEEP_ALIVE_AFTER_MS: Millis = 10_000;
/** A peer that takes no bytes for so long is as good as gone. */
const WRITE_WITHIN_MS: Millis = 5_000;

export interface TcpLineOptions {
  readonly host: string;
  readonly port: number;
  readonly connectWithinMs: Millis;
}

interface Connection {
  readonly socket: Socket;
  readonly inbox: Inbox;
}

/** A raw TCP connection to a converter or meter. Reopening begins with an empty inbox: what came before is gone. */
export function tcpLine(options: TcpLineOptions): Line {
  return new TcpLine(options);
}

class TcpLine implements Line {
  readonly #options: TcpLineOptions;
  readonly #name: string;
  #connection: Connection | undefined;

  constructor(options: TcpLineOptions) {
    this.#options = options;
    this.#name = `tcp ${options.host}:${options.port}`;
  }

  get isOpen(): boolean {
    return this.#connection?.socket.writable === true;
  }

  async open(signal?: AbortSignal): Promise<void> {
    if (this.isOpen) return;
    this.#connection?.socket.destroy();
    this.#connection = undefined;
    this.#connection = await this.#connect(signal);
  }

  #connect(signal: AbortSignal | undefined): Promise<Connection> {
    const { host, port, connectWithinMs } = this.#options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const socket = connect({
        host,
        port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
      });
      const settle = (how: () => void) => {
        cancel();
        signal?.removeEventListener('abort', abort);
        socket.removeAllListeners();
        how();
      };
      const fail = (reason: unknown) =>
        settle(() => {
          socket.on('error', () => undefined);
          socket.destroy();
          reject(reason);
        });
      const unreachable = (why: string, cause?: Error) =>
        fail(new OdecetError('line-unreachable', `${this.#name}: ${why}`, { cause }));
      const abort = () => fail(signal?.reason);
      // A listener whose backlog is full never answers: without this limit the connect would hang for minutes.
      const cancel = hostTimers.after(connectWithinMs, () =>
        unreachable(`not connected within ${connectWithinMs} ms; is it switched on, is the address right?`),
      );
      signal?.addEventListener('abort', abort, { once: true });
      socket.once('error', (error) => unreachable(reasonOf(error), error));
      socket.once('connect', () => settle(() => resolve(this.#adopt(socket))));
    });
  }

  #adopt(socket: Socket): Connection {
    const inbox = new Inbox(hostTimers);
    socket.on('data', (bytes) => inbox.push(new Uint8Array(bytes)));
    socket.on('end', () => socket.destroy());
    socket.on('error', (error) => inbox.end(this.#lost(reasonOf(error))));
    socket.on('close', () => inbox.end(this.#lost('the other end closed the connection')));
    return { socket, inbox };
  }

  async write(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    const { socket } = this.#opened();
    await new Promise<void>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const settle = (how: () => void) => {
        cancel();
        signal?.removeEventListener('abort', abort);
        how();
      };
      const abort = () => settle(() => reject(signal?.reason));
      const cancel = hostTimers.after(WRITE_WITHIN_MS, () => {
        settle(() => reject(this.#lost(`the other end took no bytes for ${WRITE_WITHIN_MS} ms`)));
        socket.destroy();
      });
      signal?.addEventListener('abort', abort, { once: true });
      socket.write(bytes, (error) => settle(() => (error ? reject(this.#lost(reasonOf(error))) : resolve())));
    });
  }

  async read(withinMs: Millis, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#inbox().read(withinMs, signal);
  }

  async drain(quietMs: Millis, atMostMs: Millis, signal?: AbortSignal): Promise<number> {
    return this.#inbox().drain(quietMs, atMostMs, signal);
  }

  /** The speed of the wire behind a converter is the converter's business. */
  async set(): Promise<void> {}

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.socket.destroy();
    connection?.inbox.end(this.#lost('it was closed'));
  }

  #opened(): Connection {
    if (!this.#connection || !this.isOpen) throw this.#lost('it is not open');
    return this.#connection;
  }

  /** Also of a connection that is gone: what it brought can still be read. */
  #inbox(): Inbox {
    if (!this.#connection) throw this.#lost('it is not open');
    return this.#connection.inbox;
  }

  #lost(why: string): OdecetError {
    return new OdecetError('line-lost', `${this.#name}: ${why}`);
  }
}

/** `ECONNREFUSED` says more to a technician than a sentence; several addresses give several reasons. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join('; ');
  return error.message;
}
