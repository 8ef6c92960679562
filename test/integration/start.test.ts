import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { PROJECT_FOLDER } from '../../src/app/project.ts';
import type { FailureCode } from '../../src/core/failure.ts';
import type { Site } from '../../src/device/site.ts';
import { issue, makeAuthority } from '../../src/sandbox/certificates.ts';
import { type Ended, runProgram } from '../kit/program.ts';
import { layOut, type Rehearsal, siteText } from '../kit/rehearsal.ts';

/** The real process, started wrongly: it ends by itself with one line on the error output and the status of docs/failures.md. */
const WITHIN_MS = 15_000;

let rehearsal: Rehearsal;
let site: Site;

beforeAll(async () => {
  rehearsal = await layOut({ day: '2026-03-11', scale: 1, meters: ['corrector-main', 'meter-offices'] });
  ({ site } = rehearsal);
  const keys = join(rehearsal.folder, 'keys');
  const authority = await makeAuthority('Start test');
  const order = { commonName: 'start test', usage: 'client' } as const;
  const [expired, early, locked] = await Promise.all([
    issue(authority, { ...order, validTo: new Date('2021-01-01T00:00:00Z') }),
    issue(authority, { ...order, validFrom: new Date('2048-01-01T00:00:00Z') }),
    issue(authority, { ...order, password: 'right' }),
  ]);
  const files = {
    'garbage.crt': 'this is no certificate',
    'broken.crt': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    'expired.crt': expired.certificatePem,
    'expired.key': expired.keyPem,
    'early.crt': early.certificatePem,
    'early.key': early.keyPem,
    'garbage.key': 'this is no key',
    'locked.crt': locked.certificatePem,
    'locked.key': locked.keyPem,
    'right.password': 'right\n',
    'wrong.password': 'wrong\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(keys, name), text);
});

afterAll(() => rehearsal.remove());

type Direct = Extract<Site['uplink'], { kind: 'direct' }>;

function directOf({ uplink }: Site): Direct {
  if (uplink.kind !== 'direct') throw new Error('the rehearsed site sends directly');
  return uplink;
}

function withTls(tls: Partial<Direct['tls']>): Site {
  const uplink = directOf(site);
  return { ...site, uplink: { ...uplink, tls: { ...uplink.tls, ...tls } } };
}

function withSeal(seal: Partial<Direct['seal']>): Site {
  const uplink = directOf(site);
  return { ...site, uplink: { ...uplink, seal: { ...uplink.seal, ...seal } } };
}

function withModel(model: string): Site {
  return { ...site, devices: site.devices.map((device) => ({ ...device, model })) };
}

function withPack(pack: string): Site {
  return { ...site, market: { ...site.market, gas: { ...site.market.gas!, pack } } };
}

const inKeys = (certificate: string, key: string) => ({ certificate: `keys/${certificate}`, key: `keys/${key}` });

/** Starts the gateway with this site file (an object or the text itself). */
async function start(what: Site | string): Promise<Ended> {
  const file = join(rehearsal.folder, 'wrong.yaml');
  await writeFile(file, typeof what === 'string' ? what : siteText(what));
  return runProgram(['gateway', '--config', file], WITHIN_MS);
}

function expectStopped({ status, stdout, stderr }: Ended, code: FailureCode, exit: number, words: string): void {
  expect(stderr).toContain(words);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(stderr).toMatch(new RegExp(`^odecet: .+ \\[${code}\\]\n$`));
  expect(status).toBe(exit);
  expect(stdout).not.toContain('gateway-ready');
}

describe('a wrong file stops the start', () => {
  test('no site file', async () => {
    const ended = await runProgram(['gateway', '--config', join(rehearsal.folder, 'none.yaml')], WITHIN_MS);
    expectStopped(ended, 'site-unreadable', 10, 'none.yaml');
  });

  test('a misspelt word in the site file is told with its place and a guess', async () => {
    const text = siteText(site).replace('zone:', 'zoen:');
    const ended = await start(text);
    expectStopped(ended, 'site-invalid', 11, `wrong.yaml:${text.split('zoen:')[0]!.split('\n').length}:1`);
    expect(ended.stderr).toContain('zone');
  });

  test('a site file that is no YAML', async () => {
    expectStopped(await start('site: [demo'), 'site-invalid', 11, 'wrong.yaml:1');
  });

  test('of many problems the first is told, and how to see the others', async () => {
    const ended = await start(siteText({ ...site, zone: 'Europe/Prag', sendAfterMs: -1 }));
    expectStopped(ended, 'site-invalid', 11, 'and 1 more: odecet check');
    const check = await runProgram(['check', join(rehearsal.folder, 'wrong.yaml')], WITHIN_MS);
    expect(check.status).toBe(11);
    expect(check.stderr.trimEnd().split('\n')).toHaveLength(3);
  });

  test('a device file that is not there', async () => {
    expectStopped(await start(withModel('eastron/sdm631')), 'device-file-missing', 12, 'eastron/sdm630');
  });

  test('a wrong device file', async () => {
    const good = await readFile(join(PROJECT_FOLDER, 'device-config/eastron/sdm630.yaml'), 'utf8');
    const folder = join(rehearsal.folder, 'device-config/here');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'broken.yaml'), good.replace('type: f32', 'type: f23'));
    expectStopped(await start(withModel('here/broken')), 'device-file-invalid', 13, 'broken.yaml:');
    await rm(folder, { recursive: true });
  });

  test('a format pack that is not there, and a wrong one', async () => {
    expectStopped(await start(withPack('ote/none')), 'pack-invalid', 14, 'ote/none');
    const folder = join(rehearsal.folder, 'format-packs/here');
    await cp(join(PROJECT_FOLDER, 'format-packs/ote'), folder, { recursive: true });
    const good = parse(await readFile(join(folder, 'gasdat.yaml'), 'utf8')) as object;
    await writeFile(join(folder, 'gasdat.yaml'), stringify({ ...good, commodity: 'water' }));
    expectStopped(await start(withPack('here/gasdat')), 'pack-invalid', 14, 'gasdat.yaml:');
    await rm(folder, { recursive: true });
  });
});

describe('a wrong certificate, key or password stops the start', () => {
  const good = inKeys('gateway-tls.crt', 'gateway-tls.key');
  test.each<[string, Partial<Direct['tls']>, FailureCode, number, string]>([
    ['no certificate', inKeys('none.crt', 'gateway-tls.key'), 'certificate-unreadable', 15, 'none.crt'],
    [
      'garbage for a certificate',
      inKeys('garbage.crt', 'gateway-tls.key'),
      'certificate-unreadable',
      15,
      'garbage.crt',
    ],
    ['a broken certificate', inKeys('broken.crt', 'gateway-tls.key'), 'certificate-unreadable', 15, 'broken.crt'],
    [
      'garbage for a trusted one',
      { ...good, trust: ['keys/garbage.crt'] },
      'certificate-unreadable',
      15,
      'garbage.crt',
    ],
    ['an expired certificate', inKeys('expired.crt', 'expired.key'), 'certificate-invalid', 16, '2021-01-01'],
    ['one not yet valid', inKeys('early.crt', 'early.key'), 'certificate-invalid', 16, '2048-01-01'],
    ['no key', inKeys('gateway-tls.crt', 'none.key'), 'key-unreadable', 17, 'none.key'],
    ['garbage for a key', inKeys('gateway-tls.crt', 'garbage.key'), 'key-unreadable', 17, 'garbage.key'],
    ['the key of another', inKeys('gateway-tls.crt', 'gateway-seal.key'), 'key-mismatch', 18, 'gateway-seal.key'],
    ['no password', inKeys('locked.crt', 'locked.key'), 'password-wrong', 19, 'passwordFile'],
    [
      'a wrong password',
      { ...inKeys('locked.crt', 'locked.key'), passwordFile: 'keys/wrong.password' },
      'password-wrong',
      19,
      'wrong.password',
    ],
    [
      'no password file',
      { ...inKeys('locked.crt', 'locked.key'), passwordFile: 'keys/none.password' },
      'password-wrong',
      19,
      'none.password',
    ],
  ])('%s', async (_, tls, code, exit, words) => {
    expectStopped(await start(withTls(tls)), code, exit, words);
  });

  test('the seal is looked at as closely, and so are the certificates of the operator', async () => {
    expectStopped(await start(withSeal({ key: 'keys/gateway-tls.key' })), 'key-mismatch', 18, 'gateway-tls.key');
    const foreign = { ...site, uplink: { ...site.uplink, operatorCertificates: ['keys/expired.crt'] } };
    expectStopped(await start(foreign), 'certificate-invalid', 16, 'expired.crt');
  });
});

describe('a store that is not as it should be stops the start', () => {
  test('locked by another gateway, which goes on; then lost', async () => {
    const gateway = rehearsal.startGateway();
    await expect
      .poll(() => rehearsal.gatewayLog.map(({ event }) => event), { timeout: WITHIN_MS })
      .toContain('gateway-ready');
    expectStopped(await start(site), 'store-locked', 31, 'state: a gateway or another command works in it');
    expect(rehearsal.gatewayLog.map(({ event }) => event)).not.toContain('gateway-stopped');
    await gateway.stop();
    expect(rehearsal.gatewayLog.map(({ event }) => event)).toContain('gateway-stopped');

    const store = join(rehearsal.folder, 'state/store');
    // What is damaged is repaired; what is gone, with the second copy of it, is never replaced by an empty store.
    await rm(store, { recursive: true });
    await rm(join(rehearsal.folder, 'state/vital.log'), { force: true });
    expectStopped(await start(site), 'store-missing', 32, 'state/store');
  });

  test('a tool that only looks makes none', async () => {
    const file = join(rehearsal.folder, 'wrong.yaml');
    await writeFile(file, siteText({ ...site, storage: { ...site.storage, folder: 'nowhere' } }));
    const ended = await runProgram(['ledger', '--config', file, '--day', '2026-03-11'], WITHIN_MS);
    expectStopped(ended, 'store-missing', 32, 'nowhere');
  });
});

test('a taken port stops the sandbox', async () => {
  const port = Number(new URL(directOf(site).url).port);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  const ended = await runProgram(['sandbox', '--config', join(rehearsal.folder, 'sandbox.yaml')], WITHIN_MS);
  expectStopped(ended, 'port-in-use', 20, String(port));
  await new Promise((resolve) => other.close(resolve));
});

test('a wrong command line has a status of its own', async () => {
  expect((await runProgram(['gateway'], WITHIN_MS)).status).toBe(2);
  expect((await runProgram(['gatewya'], WITHIN_MS)).status).toBe(2);
  const clock = await runProgram(
    ['gateway', '--config', join(rehearsal.folder, 'site.yaml'), '--clock', 'soon'],
    WITHIN_MS,
  );
  expect(clock.status).toBe(2);
});
