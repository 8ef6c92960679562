import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
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

test('what could not be read is read as soon as it can be, though nobody touched it, and told once; a change without a new time is seen', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-registry-'));
  const file = join(folder, 'registry.yaml');
  const write = (revoked: boolean) => writeFile(file, stringify({ sites: [line(revoked)] }) + (revoked ? ' ' : ''));
  await write(false);
  let isReadable = true;
  let tries = 0;
  const told: string[] = [];
  const read = async (name: string) => {
    tries += 1;
    if (!isReadable) throw new Error('EACCES: permission denied');
    return readFile(name, 'utf8');
  };
  const stop = new AbortController();
  const log = { ...quietLog, error: (event: string) => void told.push(event) };
  const registry = await openRegistry(file, hostClock(), log, read);
  const running = registry.run(stop.signal);
  const isRevoked = () => registry.current().find('site-a')?.revoked;
  const within = { timeout: 10_000, interval: 50 };
  try {
    isReadable = false;
    await write(true);
    await expect.poll(() => tries, within).toBeGreaterThan(3);
    expect([registry.problem()?.code, isRevoked(), told]).toEqual(['site-unreadable', false, ['registry-broken']]);
    isReadable = true;
    await expect.poll(isRevoked, within).toBe(true);
    expect(registry.problem()).toBeUndefined();

    const { atime, mtime, size } = await stat(file);
    const before = tries;
    await utimes(file, atime, mtime);
    await expect.poll(() => tries, within).toBeGreaterThan(before);
    await write(false);
    await utimes(file, atime, mtime);
    expect((await stat(file)).size).toBe(size);
    await expect.poll(isRevoked, within).toBe(false);
  } finally {
    stop.abort();
    await running;
    await rm(folder, { recursive: true });
  }
}, 60_000);
