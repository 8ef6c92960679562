import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './processes.ts';

/** A private Mosquitto (Debian package mosquitto) in a folder of its own. */
export interface Mosquitto {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** kill -9 */
  kill(): Promise<void>;
  /** Starts it again; without its persistence everything it held is forgotten. */
  start(forget?: boolean): Promise<void>;
  /** As `systemctl reload`: passwords and access list are read anew. */
  reload(): void;
  stop(): Promise<void>;
}

export interface MosquittoOptions {
  /** More lines for mosquitto.conf; `FOLDER` stands for its folder. */
  readonly more?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly anonymous?: boolean;
}

const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`;

export function mosquittoIsThere(): boolean {
  return spawnSync('mosquitto', ['-h'], { env: { ...process.env, PATH } }).error === undefined;
}

export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-mosquitto-'));
  const [port = 0] = await freePorts(1);
  for (const [name, text] of Object.entries(options.files ?? {}))
    await writeFile(join(folder, name), text, { mode: 0o600 });
  const lines = [
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    `listener ${port} 127.0.0.1`,
    ...((options.anonymous ?? true) ? ['allow_anonymous true'] : []),
    'persistence true',
    `persistence_location ${folder}/`,
    'autosave_interval 1',
    'max_queued_messages 100000',
    'max_inflight_messages 200',
    ...(options.more ?? []).map((line) => line.replaceAll('FOLDER', folder)),
  ];
  await writeFile(join(folder, 'mosquitto.conf'), `${lines.join('\n')}\n`);
  const ports = lines.flatMap((line) => /^listener (\d+)/.exec(line)?.[1] ?? []).map(Number);
  let running: ChildProcess | undefined;

  async function start(forget = false): Promise<void> {
    if (forget) await rm(join(folder, 'mosquitto.db'), { force: true });
    const child = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], {
      stdio: 'ignore',
      env: { ...process.env, PATH },
    });
    running = child;
    child.once('error', () => undefined);
    // It opens one after the other: who finds the first may not yet find the last.
    for (const each of ports) await untilOpen(each, child);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const child = running;
    running = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  await start();
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    folder,
    kill: () => end('SIGKILL'),
    start,
    reload: () => void running?.kill('SIGHUP'),
    async stop() {
      await end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function untilOpen(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (child.exitCode !== null) throw new Error(`mosquitto ended at once, status ${child.exitCode}`);
    if (await isOpen(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('mosquitto does not listen; is the Debian package mosquitto installed?');
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
