import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, unlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Serial ports made of pseudo terminals by socat. */

/** Whether a program is installed; a test that needs one that is not says so and is skipped. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

export interface PtyPort {
  readonly path: string;
  /** The adapter is pulled out: at once and without a word. */
  pull(): void;
  /** It is put in again, as another terminal of the same name; resolves when it can be opened. */
  replug(): Promise<void>;
  remove(): Promise<void>;
}

/** A serial port whose wire ends at a TCP server on the loopback. */
export async function ptyPort(tcpPort: number): Promise<PtyPort> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-pty-'));
  const path = join(folder, 'port');
  let socat: ChildProcess | undefined;
  const pull = () => {
    socat?.kill('SIGKILL');
    socat = undefined;
    if (existsSync(path)) unlinkSync(path);
  };
  const replug = async () => {
    socat = startSocat(terminal(path), `TCP:127.0.0.1:${tcpPort},nodelay`);
    await untilThere(path);
  };
  await replug();
  return {
    path,
    pull,
    replug,
    async remove() {
      pull();
      await rm(folder, { recursive: true });
    },
  };
}

export interface PtyPair {
  readonly a: string;
  readonly b: string;
  remove(): Promise<void>;
}

/** Two serial ports with a null-modem cable between them. */
export async function ptyPair(): Promise<PtyPair> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-pty-'));
  const [a, b] = [join(folder, 'a'), join(folder, 'b')];
  const socat = startSocat(terminal(a), terminal(b));
  await untilThere(a);
  await untilThere(b);
  return {
    a,
    b,
    async remove() {
      socat.kill('SIGKILL');
      await rm(folder, { recursive: true });
    },
  };
}

function terminal(path: string): string {
  return `PTY,link=${path},raw,echo=0`;
}

function startSocat(left: string, right: string): ChildProcess {
  return spawn('socat', [left, right], { stdio: 'ignore' });
}

async function untilThere(path: string): Promise<void> {
  for (let n = 0; n < 500; n++) {
    if (existsSync(path)) return;
    await delay(10);
  }
  throw new Error(`socat made no ${path}`);
}
