import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { loadRelayConfig } from './relay.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odecet-relay-config-'));
});
afterAll(() => rm(folder, { recursive: true }));

const SENDER = {
  environment: 'sandbox',
  url: 'https://operator.example/soap',
  tls: { certificate: 'tls.crt', key: 'tls.key', trust: ['ca.crt'] },
  seal: { certificate: 'seal.crt', key: 'seal.key' },
  operatorCertificates: ['operator.crt'],
};

async function load(parts: object): Promise<unknown> {
  const file = join(folder, 'relay.yaml');
  const whole = {
    relay: 'centre-1',
    key: 'relay.key',
    registry: 'registry.yaml',
    packs: ['packs'],
    store: { kind: 'level', folder: 'store' },
    senders: [{ id: 'A', ...SENDER }],
    ...parts,
  };
  await writeFile(file, stringify(whole, { aliasDuplicateObjects: false }));
  return loadRelayConfig(file);
}

test('a zone that is none, or whose hours are not those of the market, is refused with its line', async () => {
  await expect(load({})).resolves.toMatchObject({ config: { zone: 'Europe/Prague' } });
  await expect(load({ zone: 'Mars' })).rejects.toMatchObject({
    failure: {
      code: 'site-invalid',
      detail: expect.stringMatching(/relay\.yaml:\d+:\d+: zone: .*"Mars".*a time zone like "Europe\/Prague"/),
    },
  });
  await expect(load({ zone: 'Europe/Pragu' })).rejects.toThrow('did you mean "Europe/Prague"');
  await expect(load({ zone: 'Asia/Kolkata' })).rejects.toThrow('whole hours from UTC');
});

test('a sender that stands in the file twice is refused with its line', async () => {
  const twice = { senders: ['A', 'B', 'A'].map((id) => ({ id, ...SENDER })) };
  await expect(load(twice)).rejects.toMatchObject({
    failure: {
      code: 'site-invalid',
      detail: expect.stringMatching(/relay\.yaml:\d+:\d+: senders\.2\.id: found "A" a second time/),
    },
  });
});
