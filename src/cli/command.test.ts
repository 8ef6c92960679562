import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { runCommand } from './program.ts';

let folder: string;
let printed: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odecet-command-'));
  printed = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  process.exitCode = 0;
  await rm(folder, { recursive: true });
});

const config = {
  relay: 'centre-1',
  key: 'relay.key',
  registry: 'registry.yaml',
  packs: ['packs'],
  store: { kind: 'level', folder: 'data' },
  senders: [
    {
      id: 'X',
      environment: 'sandbox',
      url: 'https://127.0.0.1/',
      tls: { certificate: 'a', key: 'b', trust: ['c'] },
      seal: { certificate: 'd', key: 'e' },
      operatorCertificates: ['f'],
    },
  ],
};

test('where no relay runs a command says so, where it looked and what to do, with a status of its own', async () => {
  const file = join(folder, 'relay.yaml');
  await writeFile(file, stringify(config));
  await runCommand(['node', 'odecet', 'command', 'boiler-house', 'diagnose', '--config', file]);
  expect(printed).toContain('relay-not-here');
  expect(printed).toContain(`nobody listens in ${join(folder, 'data')}; start the relay, or ask where it runs`);
  expect(process.exitCode).toBe(44);
});
