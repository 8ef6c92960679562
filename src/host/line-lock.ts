import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { OdecetError } from '../core/failure.ts';
import { isoUtc, type Millis } from '../core/time.ts';
import type { Line } from '../machine/line.ts';

/**
 * One user for each line of this machine: whoever speaks or listens on it holds its lock, because two masters on one wire
 * spoil each other's dialogues.
 *
 * The lock is a listening socket of a name in Linux's abstract namespace. Such a name has one owner at a time, needs no file,
 * and is free again the moment its process ends, however it ends; and the owner can be asked who it is. It holds within one
 * machine (one network namespace): a master on another machine is not seen.
 */
export type LinePlace =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'serial'; readonly path: string };

/** Who holds a line, for whoever finds it taken. */
export interface LineUser {
  /** Like `odecet scan hall` or `the gateway of /etc/odecet/site.yaml`. */
  readonly who: string;
  /** What to do about it. */
  readonly advice: string;
}

export interface LineLock {
  /**
   * Throws OdecetError line-in-use, which names the holder. To be called before each opening: an adapter that was put in
   * again may stand at another port. What is held already stays held.
   */
  take(): Promise<void>;
  release(): Promise<void>;
}

/** A holder that is busy is not waited for any longer; it only means that its name is not told. */
const TOLD_WITHIN_MS: Millis = 1_000;
const TOLD_CHARS_MAX = 4_000;
/** The holder may end between the try and the question. */
const TRIES = 3;
/** The bytes of a socket's name behind its zero. All are used: what stands in the rest differs between releases of Node. */
const NAME_BYTES = 107;

/** A name that is had. Letting it go waits for nobody who has come to ask. */
interface Name {
  readonly letGo: () => Promise<void>;
}
type Held = Map<string, Name>;

export function lineLock(place: LinePlace, user: LineUser): LineLock {
  const held: Held = new Map();
  return {
    async take() {
      const names = await namesOf(place);
      const fresh = names.filter((name) => !held.has(name));
      try {
        for (const name of fresh) held.set(name, await taken(name, user));
      } catch (error) {
        await letGo(held, fresh);
        throw error;
      }
      await letGo(
        held,
        [...held.keys()].filter((name) => !names.includes(name)),
      );
    },
    release: () => letGo(held, [...held.keys()]),
  };
}

/** The same line, which cannot be opened unless its lock can be had. Closing it keeps the lock: it is closed to be reopened. */
export function lockedLine(line: Line, lock: LineLock): Line {
  return {
    get isOpen() {
      return line.isOpen;
    },
    async open(signal) {
      if (!line.isOpen) await lock.take();
      await line.open(signal);
    },
    write: (bytes, signal) => line.write(bytes, signal),
    read: (withinMs, signal) => line.read(withinMs, signal),
    drain: (quietMs, atMostMs, signal) => line.drain(quietMs, atMostMs, signal),
    set: (setting, signal) => line.set(setting, signal),
    close: () => line.close(),
  };
}

/** One name for one wire, however a site file writes it. A serial port has two: its path, and what the path leads to now. */
async function namesOf(place: LinePlace): Promise<string[]> {
  if (place.kind === 'tcp') return [`tcp ${hostName(place.host)}:${place.port}`];
  const path = resolve(place.path);
  const real = await realpath(path).catch(() => path);
  return [...new Set([`serial ${path}`, `serial ${real}`])];
}

/** Addresses in their one spelling, names in lower case. */
function hostName(host: string): string {
  const plain = host.toLowerCase().replace(/\.$/, '');
  if (plain === 'localhost') return '127.0.0.1';
  const url = `http://${plain.includes(':') ? `[${plain}]` : plain}`;
  return URL.canParse(url) ? new URL(url).hostname : plain;
}

async function taken(name: string, user: LineUser): Promise<Name> {
  for (let tried = 1; ; tried++) {
    const had = await bound(name, user);
    if (had) return had;
    const holder = await holderOf(name);
    if (holder !== undefined || tried === TRIES) throw new OdecetError('line-in-use', detailOf(name, holder));
  }
}

/** Undefined where another has the name. */
function bound(name: string, { who, advice }: LineUser): Promise<Name | undefined> {
  const told = `${JSON.stringify({ who, advice, pid: process.pid, since: isoUtc(Date.now()) })}\n`;
  const asking = new Set<Socket>();
  const server = createServer((socket) => {
    asking.add(socket);
    socket.once('close', () => asking.delete(socket));
    socket.on('error', () => socket.destroy());
    // Whoever has been told and stays would keep the server from closing, and the line from its next user.
    socket.once('finish', () => socket.destroy());
    socket.end(told);
  });
  const letGo = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done());
      for (const socket of asking) socket.destroy();
    });
  // A lock is no reason to live on.
  server.unref();
  return new Promise((given, refused) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') given(undefined);
      else refused(new OdecetError('line-unreachable', `${name}: its lock cannot be had: ${error.message}`));
    });
    server.listen(socketName(name), () => given({ letGo }));
  });
}

function socketName(name: string): string {
  const text = `odecet line ${name}`;
  const isLong = Buffer.byteLength(text) > NAME_BYTES;
  const told = isLong ? `odecet line ${createHash('sha256').update(name).digest('hex')}` : text;
  return `\0${told}${' '.repeat(NAME_BYTES - Buffer.byteLength(told))}`;
}

/** What the holder says of itself; empty where it says nothing, undefined where there is none any more. */
function holderOf(name: string): Promise<string | undefined> {
  return new Promise((told) => {
    let text = '';
    const socket = createConnection(socketName(name));
    const limit = setTimeout(() => socket.destroy(), TOLD_WITHIN_MS);
    let isThere = false;
    socket.once('connect', () => {
      isThere = true;
    });
    socket.on('data', (bytes) => {
      text += String(bytes);
      if (text.length > TOLD_CHARS_MAX) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(limit);
      told(isThere ? text : undefined);
    });
  });
}

/** Any program of this machine may have taken the name, so its words are not trusted to be a line of text. */
function detailOf(name: string, told: string | undefined): string {
  const { who, advice, pid, since } = parsed(told);
  if (typeof who !== 'string' || typeof advice !== 'string')
    return `${name} is used by another program that does not say who it is; look with \`ss -xlp\` for "odecet line"`;
  return printable(`${name} is used by ${who} (process ${String(pid)}, since ${String(since)}); ${advice}`);
}

function parsed(told: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(told ?? ''));
  } catch {
    return {};
  }
}

function printable(text: string): string {
  return text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?');
}

async function letGo(held: Held, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const had = held.get(name);
    held.delete(name);
    await had?.letGo();
  }
}
