import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { hostClock } from '../host/clock.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import { openRegistry } from './registry-file.ts';

const line = (revoked: boolean) => ({ site: 'site-a', key: 'K'.repeat(43), senders: ['x'], revoked });

test('a registry that is broken or gone is told for as long as it is, and the last good one counts meanwhile', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-registry-'));
  const file = join(folder, 'registry.yaml');
  const write = (revoked: boolean, more = '') => writeFile(file, stringify({ sites: [line(revoked)] }) + more);
  await write(false);
  const stop = new AbortController();
  const registry = await openRegistry(file, hostClock(), quietLog);
  const running = registry.run(stop.signal);
  const problem = () => registry.problem()?.code;
  const isRevoked = () => registry.current().find('site-a')?.revoked;
  const within = { timeout: 10_000, interval: 100 };
  try {
    expect(problem()).toBeUndefined();
    await write(true, '\n  : [broken');
    await expect.poll(problem, within).toBe('site-invalid');
    expect(isRevoked()).toBe(false);
    await write(true);
    await expect.poll(problem, within).toBeUndefined();
    expect(isRevoked()).toBe(true);
    await rm(file);
    await expect.poll(problem, within).toBe('site-unreadable');
    expect(isRevoked()).toBe(true);
    await write(false);
    await expect.poll(problem, within).toBeUndefined();
  } finally {
    stop.abort();
    await running;
    await rm(folder, { recursive: true });
  }
}, 60_000);
