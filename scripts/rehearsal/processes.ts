import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PROJECT_FOLDER } from '../../src/app/project.ts';

/** What a program of the demo says on its log: JSON lines with an `event`. */
export type Heard = (line: Record<string, unknown>) => void;

/** Starts a command again whenever it ends, as systemd does with the real gateway. */
export interface Supervised {
  /** SIGKILL, as a power cut would. */
  kill(): void;
  /** SIGTERM, no restart; resolves when it has ended. */
  stop(): Promise<void>;
  /** Rejects when the command does not stay up. */
  readonly gaveUp: Promise<never>;
}

const RESTART_AFTER_MS = 300;
/** So many ends by itself (not by our kill) and the demo has failed. */
const ENDS_MAX = 5;

/** How a service file starts Node. */
export interface NodeStart {
  readonly options: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** As `systemd/odecet-gateway.service` starts a gateway. */
export const GATEWAY_SERVICE: NodeStart = {
  options: ['--max-semi-space-size=1', '--optimize-for-size'],
  env: { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '32768', MALLOC_TRIM_THRESHOLD_: '65536' },
};

/**
 * @param name of the process; its output goes to `<logFolder>/<name>.log`
 * @param node without anything of its own where absent
 */
export function supervise(
  name: string,
  args: readonly string[],
  logFolder: string,
  heard: Heard,
  node: NodeStart = { options: [], env: {} },
): Supervised {
  const log = createWriteStream(join(logFolder, `${name}.log`), { flags: 'a' });
  let child: ChildProcess;
  let stopping = false;
  let killed = false;
  let ends = 0;
  let restart: NodeJS.Timeout | undefined;
  let giveUp: (reason: Error) => void;
  const gaveUp = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  gaveUp.catch(() => {});
  const start = () => {
    child = spawn(process.execPath, [...node.options, join(PROJECT_FOLDER, 'dist/program/main.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...node.env },
    });
    listen(child, log, heard);
    child.once('exit', (code, signal) => {
      if (stopping) return;
      if (!killed) ends += 1;
      killed = false;
      if (ends >= ENDS_MAX)
        giveUp(new Error(`${name} does not stay up (exit ${code ?? signal}); see ${join(logFolder, `${name}.log`)}`));
      else restart = setTimeout(start, RESTART_AFTER_MS);
    });
  };
  start();
  return {
    gaveUp,
    kill() {
      killed = true;
      child.kill('SIGKILL');
    },
    async stop() {
      stopping = true;
      clearTimeout(restart);
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      const ended = new Promise((resolve) => (hasEnded ? resolve(undefined) : child.once('exit', resolve)));
      child.kill('SIGTERM');
      await ended;
      log.end();
    },
  };
}

/** Resolves when the event is heard for the first time. */
export function waitFor(event: string): { readonly hear: Heard; readonly heard: Promise<void> } {
  let resolve: () => void;
  const heard = new Promise<void>((done) => {
    resolve = done;
  });
  return { heard, hear: (line) => line.event === event && resolve() };
}

function listen(child: ChildProcess, log: WriteStream, heard: Heard): void {
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      log.write(`${line}\n`);
      if (line.startsWith('{')) heard(JSON.parse(line) as Record<string, unknown>);
    });
  }
}

/** Ports on the loopback that nobody uses now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => resolve(server));
      });
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
