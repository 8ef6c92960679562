import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../src/app/project.ts';

/** A machine is set up otherwise; Turkish has letters of its own, India half an hour. */
const MACHINES: readonly Readonly<Record<string, string>>[] = [
  { TZ: 'UTC', LANG: 'C' },
  { TZ: 'America/New_York', LANG: 'en_US.UTF-8', LC_ALL: 'en_US.UTF-8' },
  { TZ: 'Asia/Kolkata', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
];

it('the same seed is the same run whatever zone and language a machine has', { timeout: 600_000 }, async () => {
  const args = ['sim', '--seed', '7', '--weeks', '0.45', '--points', '3', '--json'];
  const hashes = [];
  for (const machine of MACHINES) {
    const program = [join(PROJECT_FOLDER, 'dist/src/main.js'), ...args];
    const { stdout } = await promisify(execFile)(process.execPath, program, { env: { ...process.env, ...machine } });
    hashes.push(JSON.parse(stdout).hash);
  }
  expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/);
  expect(new Set(hashes).size).toBe(1);
});
