import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { SerialPort } from 'serialport';
import type { LineSetting } from '../core/driver.ts';
import { OdecetError } from '../core/failure.ts';
import type { Millis } from '../core/time.ts';
import { Inbox } from '../machine/inbox.ts';
import { type Line, sameSetting, wireMs } from '../machine/line.ts';
import { pause } from '../machine/timers.ts';
import { hostTimers } from './timers.ts';

/** A port that takes no bytes for so long, beyond what the wire needs, is as good as gone. */
const WRITE_WITHIN_MS: Millis = 5_000;

/** `high` and `low` hold the RTS line; the others switch an RS-485 transceiver for as long as bytes are being sent. */
export type RtsMode = 'high' | 'low' | 'high-while-sending' | 'low-while-sending';

export interface SerialLineOptions {
  /** Best below /dev/serial/by-id: an adapter that returns may be another ttyUSB. */
  readonly path: string;
  readonly setting: LineSetting;
  readonly rts: RtsMode;
  readonly lowLatency: boolean;
}

interface Connection {
  readonly port: SerialPort;
  readonly inbox: Inbox;
  /** The device behind the path when it was opened: an adapter that went and came has another. */
  readonly device: string;
  setting: LineSetting;
}

/** A serial port of this machine, locked while it is open. Opening begins with an empty inbox and with the line's own setting. */
export function serialLine(options: SerialLineOptions): Line {
  return new SerialLine(options);
}

class SerialLine implements Line {
  readonly #options: SerialLineOptions;
  readonly #name: string;
  #knowsLowLatency: boolean;
  #connection: Connection | undefined;

  constructor(options: SerialLineOptions) {
    this.#options = options;
    this.#name = `serial ${options.path}`;
    this.#knowsLowLatency = options.lowLatency;
  }

  get isOpen(): boolean {
    return this.#connection?.port.isOpen === true;
  }

  async open(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.isOpen) return;
    await this.#leave('it is being opened again');
    await this.#openWith(this.#options.setting, signal);
  }

  async #openWith(setting: LineSetting, signal: AbortSignal | undefined): Promise<void> {
    const { path, rts } = this.#options;
    const { baud, ...frame } = setting;
    // Without hupcl: a close after a time-out must not take the power from a level converter that lives on DTR and RTS.
    const port = new SerialPort({ path, baudRate: baud, ...frame, lock: true, hupcl: false, autoOpen: false });
    let device: string;
    try {
      await promisify(port.open.bind(port))();
      device = await deviceAt(path);
      await promisify(port.flush.bind(port))();
    } catch (error) {
      await closed(port);
      throw new OdecetError('line-unreachable', `${this.#name}: ${reasonOf(error)}`, { cause: error });
    }
    const inbox = new Inbox(hostTimers);
    port.on('data', (bytes: Uint8Array) => inbox.push(new Uint8Array(bytes)));
    port.on('error', (error) => inbox.end(this.#lost(reasonOf(error))));
    port.on('close', (why: unknown) =>
      inbox.end(this.#lost(why ? `the port went away (${reasonOf(why)})` : 'it was closed')),
    );
    this.#connection = { port, inbox, device, setting };
    await this.#signals(port, rts === 'high' || rts === 'low-while-sending');
    if (!signal?.aborted) return;
    await this.close();
    throw signal.reason;
  }

  async write(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { port, setting } = this.#opened();
    const { rts } = this.#options;
    const onWireMs = wireMs(setting, bytes.length);
    const switches = rts === 'high-while-sending' || rts === 'low-while-sending';
    if (switches) await this.#signals(port, rts === 'high-while-sending');
    await this.#within(WRITE_WITHIN_MS + onWireMs, () => promisify<Uint8Array, void>(port.write.bind(port))(bytes));
    if (switches) {
      // The transceiver must listen as soon as the last bit has left, so the port itself is asked when that was.
      await this.#within(WRITE_WITHIN_MS + onWireMs, () => promisify(port.drain.bind(port))());
      await this.#signals(port, rts === 'low-while-sending');
    } else {
      // The time of the answer counts from the last bit. Not asked of the port: that would hold one of Node's few threads.
      await pause(hostTimers, onWireMs, signal);
    }
  }

  async read(withinMs: Millis, signal?: AbortSignal): Promise<Uint8Array> {
    const connection = this.#joined();
    const bytes = await connection.inbox.read(withinMs, signal);
    if (bytes.length === 0 && connection.port.isOpen) await this.#lookFor(connection);
    return bytes;
  }

  async drain(quietMs: Millis, atMostMs: Millis, signal?: AbortSignal): Promise<number> {
    return this.#joined().inbox.drain(quietMs, atMostMs, signal);
  }

  async set(setting: LineSetting, signal?: AbortSignal): Promise<void> {
    const connection = this.#opened();
    signal?.throwIfAborted();
    if (sameSetting(connection.setting, setting)) return;
    if (sameSetting({ ...connection.setting, baud: setting.baud }, setting)) {
      await this.#asked(() => promisify(connection.port.update.bind(connection.port))({ baudRate: setting.baud }));
      connection.setting = setting;
      return;
    }
    // An open port changes its speed only.
    await this.#leave('it is being opened again');
    await this.#openWith(setting, signal);
  }

  async close(): Promise<void> {
    await this.#leave('it was closed');
  }

  async #leave(why: string): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.inbox.end(this.#lost(why));
    if (connection) await closed(connection.port);
  }

  /**
   * An adapter that was pulled out may keep silent until the next write; but then its path is gone, or another device stands
   * there.
   */
  async #lookFor(connection: Connection): Promise<void> {
    const device = await deviceAt(this.#options.path).catch(() => undefined);
    if (device === connection.device) return;
    connection.inbox.end(this.#lost('the port is gone; is the adapter plugged in?'));
    await closed(connection.port);
  }

  /** Modem lines as wanted. A port that has none (a pseudo terminal) is fine unless something depends on them. */
  async #signals(port: SerialPort, rts: boolean): Promise<void> {
    try {
      await this.#setSignals(port, rts);
    } catch (error) {
      if (this.#options.rts === 'high' || !port.isOpen) return;
      await closed(port);
      throw new OdecetError('line-unreachable', `${this.#name}: RTS cannot be set (${reasonOf(error)})`, {
        cause: error,
      });
    }
  }

  /** Ports that know no low latency refuse the whole request, so it is made once more without. */
  async #setSignals(port: SerialPort, rts: boolean): Promise<void> {
    const set = promisify<object, void>(port.set.bind(port));
    const flags = { dtr: true, rts };
    if (!this.#knowsLowLatency) return set(flags);
    try {
      await set({ ...flags, lowLatency: true });
    } catch {
      this.#knowsLowLatency = false;
      await set(flags);
    }
  }

  async #within(ms: Millis, action: () => Promise<void>): Promise<void> {
    const over = new AbortController();
    const late = pause(hostTimers, ms, over.signal).then(
      () => Promise.reject(this.#lost(`it took no bytes for ${Math.round(ms)} ms`)),
      () => undefined,
    );
    try {
      await Promise.race([this.#asked(action), late]);
    } finally {
      over.abort();
    }
  }

  async #asked(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      throw this.#lost(reasonOf(error));
    }
  }

  #opened(): Connection {
    if (!this.#connection || !this.isOpen) throw this.#lost('it is not open');
    return this.#connection;
  }

  /** Also of a port that is gone: what it brought can still be read. */
  #joined(): Connection {
    if (!this.#connection) throw this.#lost('it is not open');
    return this.#connection;
  }

  #lost(why: string): OdecetError {
    return new OdecetError('line-lost', `${this.#name}: ${why}`);
  }
}

async function closed(port: SerialPort): Promise<void> {
  if (port.isOpen) await promisify(port.close.bind(port))().catch(() => undefined);
}

/** Which device stands behind the path now, through all links. */
async function deviceAt(path: string): Promise<string> {
  const { dev, ino, rdev } = await stat(path);
  return `${dev} ${ino} ${rdev}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/^Error:? /, '') : String(error);
}
