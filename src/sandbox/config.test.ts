import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadSandboxConfig } from './config.ts';
import { FaultBox } from './faults.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odecet-sandbox-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

const GOOD = `port: 0
folder: data
tls: { certificate: tls.crt, key: tls.key, clientAuthorities: [ca.crt] }
seal: { certificate: seal.crt, key: seal.key }
trustedSeals: [gateway.crt]
packs: packs
points:
  - { code: 27ZG700-805Q001B, commodity: gas, minutes: 60 }
faults:
  - { kind: slow, times: 2, ms: 100 }
`;

async function load(text: string) {
  const path = join(folder, 'sandbox.yaml');
  await writeFile(path, text);
  return loadSandboxConfig(path);
}

test('file names count from the folder of the configuration', async () => {
  const config = await load(GOOD);
  expect(config.tls.clientAuthorities).toEqual([join(folder, 'ca.crt')]);
  expect(config.packs).toBe(join(folder, 'packs'));
});

test('a wrong word is told with its place', async () => {
  await expect(load(GOOD.replace('kind: slow', 'kind: slwo'))).rejects.toMatchObject({
    failure: { code: 'site-invalid', detail: expect.stringMatching(/sandbox\.yaml:10:13: faults\.0\.kind: .*slow/) },
  });
  await expect(loadSandboxConfig(join(folder, 'none.yaml'))).rejects.toMatchObject({
    failure: { code: 'site-unreadable' },
  });
});

test('a fault meets as many messages as it says, or all until it is cleared', () => {
  const box = new FaultBox([{ kind: 'slow', times: 2, ms: 5 }]);
  expect([box.take('slow')?.ms, box.take('slow')?.ms, box.take('slow')]).toEqual([5, 5, undefined]);
  box.add({ kind: 'down', ms: 0 });
  expect(Array.from({ length: 5 }, () => box.take('down')?.kind)).toEqual(Array(5).fill('down'));
  box.clear();
  expect(box.take('down')).toBeUndefined();
});
