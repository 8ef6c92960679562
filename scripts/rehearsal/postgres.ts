import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './processes.ts';

/** A private PostgreSQL (Debian package postgresql) in a folder of its own. */
export interface Postgres {
  readonly url: string;
  /** `immediate` is a crash: the next start recovers from the log. */
  restart(how: 'fast' | 'immediate'): Promise<void>;
  halt(how: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
  /** Where its files are. */
  readonly data: string;
  stop(): Promise<void>;
}

const LIBRARY = '/usr/lib/postgresql';

export function postgresPrograms(): string | undefined {
  if (!existsSync(LIBRARY)) return undefined;
  const newest = readdirSync(LIBRARY).sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? undefined : join(LIBRARY, newest, 'bin');
}

/** PostgreSQL refuses to run as root; there the Debian package's user runs it. */
function asUser(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

export async function startPostgres(): Promise<Postgres> {
  const programs = postgresPrograms();
  if (!programs) throw new Error('install the Debian package postgresql');
  const folder = await mkdtemp(join(tmpdir(), 'odecet-postgres-'));
  const user = asUser();
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  const [port = 0] = await freePorts(1);
  const data = join(folder, 'data');
  const run = (program: string, ...args: string[]) =>
    new Promise<void>((resolve, reject) => {
      const child = spawn(join(programs, program), args, { ...user, cwd: folder, stdio: 'ignore' });
      child.once('error', reject);
      child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`))));
    });
  await run('initdb', '-D', data, '-U', 'odecet', '-A', 'trust', '-E', 'UTF8', '--no-sync');
  const options = `-p ${port} -h 127.0.0.1 -k ${folder}`;
  const start = () => run('pg_ctl', '-D', data, '-w', '-o', options, '-l', join(folder, 'log'), 'start');
  const stop = (mode: string) => run('pg_ctl', '-D', data, '-w', '-m', mode, 'stop');
  await start();
  return {
    url: `postgres://odecet@127.0.0.1:${port}/postgres`,
    halt: stop,
    start,
    data,
    async restart(how) {
      await stop(how);
      await start();
    },
    async stop() {
      await stop('immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
