import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../src/app/project.ts';

export interface Ended {
  /** Undefined where it had to be killed. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `odecet ...args` to its end; it is killed after `withinMs`. */
export async function runProgram(args: readonly string[], withinMs: number): Promise<Ended> {
  const child = spawn(process.execPath, [join(PROJECT_FOLDER, 'dist/program/main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    said.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.stderr += chunk;
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), withinMs);
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(limit);
  return { status: status ?? undefined, ...said };
}
