import type { LineSetting } from '../core/driver.ts';
import type { Millis } from '../core/time.ts';

/**
 * One physical line: a serial port or a TCP connection to a converter or meter. One user at a time.
 * Every method rejects with OdecetError `line-unreachable` (open) or `line-lost` (after open), or with the signal's reason.
 */
export interface Line {
  /** Opens or reopens. A line that is open stays open. */
  open(signal?: AbortSignal): Promise<void>;
  readonly isOpen: boolean;
  write(bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
  /**
   * The bytes that have come since the last call, waiting at most `withinMs` for the first; empty when none came.
   * Bytes that came before the call count: nothing is dropped but by drain(). Where more came while nobody read than a line
   * holds, all of it is thrown away and read rejects with `frame-trailing`; drain counts it.
   */
  read(withinMs: Millis, signal?: AbortSignal): Promise<Uint8Array>;
  /** Throws away whatever comes until the line was quiet for `quietMs`, at most `atMostMs`; says how many bytes went. */
  drain(quietMs: Millis, atMostMs: Millis, signal?: AbortSignal): Promise<number>;
  /** Serial lines change speed and parity; TCP lines ignore it. */
  set(setting: LineSetting, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Start bit, data bits, parity bit where there is one, stop bits. */
export function bitsPerCharacter({ dataBits, parity, stopBits }: LineSetting): number {
  return 1 + dataBits + (parity === 'none' ? 0 : 1) + stopBits;
}

/** How long so many bytes take on the wire, in milliseconds with their fraction. */
export function wireMs(setting: LineSetting, bytes: number): Millis {
  return (bytes * bitsPerCharacter(setting) * 1_000) / setting.baud;
}

export function sameSetting(a: LineSetting, b: LineSetting): boolean {
  return a.baud === b.baud && a.dataBits === b.dataBits && a.parity === b.parity && a.stopBits === b.stopBits;
}
