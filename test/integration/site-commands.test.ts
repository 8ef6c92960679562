import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { type Mosquitto, startMosquitto } from '../../scripts/rehearsal/mosquitto.ts';
import { type Supervised, supervise } from '../../scripts/rehearsal/processes.ts';
import { clockText } from '../../src/app/clock.ts';
import { enroll } from '../../src/app/enroll.ts';
import { PROJECT_FOLDER } from '../../src/app/project.ts';
import type { Site } from '../../src/device/site.ts';
import { hostSigner, newKeyPem } from '../../src/host/signer.ts';
import { runProgram } from '../kit/program.ts';
import { type LogLine, lastWords, layOut, type Rehearsal, siteText } from '../kit/rehearsal.ts';

/** Commands from `odecet command` to a real relay, over a real Mosquitto, to a real gateway with simulated meters. */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin`;
const hasMosquitto = spawnSync('mosquitto', ['-h'], { env: { ...process.env, PATH } }).error === undefined;
const SITE = 'demo-park';
const PATIENCE_MS = 60_000;
const PACKS = join(PROJECT_FOLDER, 'format-packs', 'ote');

let folder: string;
let broker: Mosquitto;
let rehearsal: Rehearsal;
let relay: Supervised;
let gateway: Supervised;
let meters: Supervised;
const programs: Supervised[] = [];
const relayLog: LogLine[] = [];

const packOfVersion = async (version: number) =>
  (await readFile(join(PACKS, 'gasdat.yaml'), 'utf8')).replace(/^version: \d+$/m, `version: ${version}`);
/** The site with a change, as the text of a file. */
const changed = (change: (site: Site) => Site) => siteText(change(rehearsal.site));
const siteFile = () => readFile(join(rehearsal.folder, 'site.yaml'), 'utf8');

async function laidOut(): Promise<void> {
  const relayPem = newKeyPem();
  await writeFile(join(folder, 'relay.key'), relayPem);
  let direct: Extract<Site['uplink'], { kind: 'direct' }> | undefined;
  rehearsal = await layOut({
    day: '2026-03-11',
    scale: 1,
    meters: ['corrector-boilers', 'meter-hall-1'],
    change(site) {
      if (site.uplink.kind !== 'direct') throw new Error('the demo sends directly');
      direct = site.uplink;
      const { environment, retry } = site.uplink;
      const relayKeys = [hostSigner(relayPem).publicKey];
      const uplink: Site['uplink'] = {
        kind: 'relay',
        environment,
        broker: { url: broker.url, mqtt: '5' },
        key: join(folder, SITE, 'site.key'),
        relayKeys,
        commands: ['read', 'resend', 'backfill', 'pack', 'site-file'],
        retry,
        receiptWithinMs: 1_000,
        statusEveryMs: 1_000,
      };
      return { ...site, uplink };
    },
  });
  const senders = [rehearsal.site.market.gas!.sender.id, rehearsal.site.market.electricity!.sender.id];
  await enroll({ site: SITE, registry: join(folder, 'registry.yaml'), senders, out: join(folder, SITE), csr: false });
  const { kind: _, retry, ...operator } = direct!;
  const inSite = (name: string) => join(rehearsal.folder, name);
  const pair = ({ certificate, key }: { certificate: string; key: string }) => ({
    certificate: inSite(certificate),
    key: inSite(key),
  });
  await mkdir(join(folder, 'packs'));
  await writeFile(join(folder, 'packs', 'gasdat.yaml'), await packOfVersion(9));
  const relayYaml = {
    relay: 'centre-1',
    key: 'relay.key',
    registry: 'registry.yaml',
    packs: [PACKS, join(folder, 'packs')],
    broker: { url: broker.url },
    store: { kind: 'level', folder: 'data' },
    retry,
    senders: senders.map((id) => ({
      ...operator,
      id,
      tls: { ...pair(operator.tls), trust: operator.tls.trust.map(inSite) },
      seal: pair(operator.seal),
      operatorCertificates: operator.operatorCertificates.map(inSite),
    })),
  };
  await writeFile(join(folder, 'relay.yaml'), stringify(relayYaml));
}

function heardIn(lines: readonly LogLine[], event: string): () => boolean {
  return () => lines.some((line) => line.event === event);
}

async function command(...args: string[]) {
  const all = ['command', ...args, '--config', join(folder, 'relay.yaml'), '--json', '--by', 'test'];
  const ended = await runProgram(all, PATIENCE_MS);
  const answer: unknown = ended.stdout === '' ? undefined : JSON.parse(ended.stdout);
  return { ...ended, answer };
}

async function listed() {
  const { answer } = await command('--list');
  return (answer as { commands: { kind: string; outcome: string }[] }).commands;
}

async function newSiteFile(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

describe.skipIf(!hasMosquitto)('commands to a site', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'odecet-commands-'));
    broker = await startMosquitto();
    await laidOut();
    const clock = ['--clock', clockText(rehearsal.setting)];
    const args = ['relay', '--config', join(folder, 'relay.yaml'), ...clock];
    relay = supervise('relay', args, join(rehearsal.folder, 'logs'), (line) => relayLog.push(line));
    gateway = rehearsal.startGateway();
    meters = rehearsal.startMeters();
    programs.push(meters, relay, gateway);
    const within = { timeout: PATIENCE_MS };
    await vi.waitUntil(heardIn(relayLog, 'broker-connected'), within);
    await vi.waitUntil(heardIn(rehearsal.gatewayLog, 'broker-connected'), within);
    await vi.waitUntil(() => rehearsal.gatewayLog.filter(({ event }) => event === 'round-kept').length >= 2, within);
  }, 2 * PATIENCE_MS);

  afterAll(async () => {
    await Promise.all(programs.map((program) => program.stop()));
    await broker?.stop();
    await rehearsal?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  test('read now: values with the bytes behind them', async () => {
    const { status, answer, stderr } = await command(SITE, 'read', 'meter-hall-1');
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('works on it');
    expect(answer).toMatchObject({
      outcome: 'done',
      result: {
        device: 'meter-hall-1',
        values: expect.arrayContaining([expect.objectContaining({ raw: expect.any(String) })]),
      },
    });
  });

  test('what the site file does not allow is refused, and so is a device that is not there', async () => {
    expect(await command(SITE, 'diagnose')).toMatchObject({ status: 40, answer: { reason: 'not-allowed' } });
    expect(await command(SITE, 'read', 'meter-none')).toMatchObject({ status: 40, answer: { reason: 'bad-body' } });
    expect(await command('site-none', 'read', 'x')).toMatchObject({ status: 2 });
  });

  test('backfill reads the archive of a point', async () => {
    const point = rehearsal.site.points.find(({ device }) => device === 'corrector-boilers')!.code;
    const args = ['backfill', point, '--from', '2026-03-10T10:00Z', '--to', '2026-03-10T14:00Z'];
    expect(await command(SITE, ...args)).toMatchObject({
      status: 0,
      answer: { outcome: 'done', result: { device: 'corrector-boilers', dialogues: 1 } },
    });
  });

  test('a format pack is taken for its date; one that the relay could not read is not even sent', async () => {
    const pack = ['pack', 'ote/gasdat'];
    const file = await newSiteFile('gasdat-9.yaml', await packOfVersion(9));
    const { status, stderr } = await command(SITE, ...pack, file, '--from', '2026-12-01');
    expect(status, stderr).toBe(0);
    const kept = join(rehearsal.folder, 'format-packs', 'ote', 'gasdat.from', '2026-12-01.yaml');
    expect(await readFile(kept, 'utf8')).toBe(await packOfVersion(9));
    const unknown = await newSiteFile('gasdat-10.yaml', await packOfVersion(10));
    expect(await command(SITE, ...pack, unknown, '--from', '2026-12-02')).toMatchObject({ status: 14 });
    expect(await command(SITE, ...pack, file, '--from', '2026-12-02')).toMatchObject({
      status: 40,
      answer: { reason: 'check-failed', detail: expect.stringContaining('higher version') },
    });
  });

  test('a site file with an error in it is refused, with the place', async () => {
    const before = await siteFile();
    const file = await newSiteFile('wrong.yaml', before.replace('capacity:', 'capacitty:'));
    const { status, stderr } = await command(SITE, 'site-file', file);
    expect(status).toBe(40);
    expect(stderr).toContain('capacitty');
    expect(await siteFile()).toBe(before);
  });

  test('a site file in the name of a sender whom the centre does not know is not even signed', async () => {
    const text = changed(({ market, ...site }) => ({
      ...site,
      market: { ...market, gas: { ...market.gas!, sender: { ...market.gas!.receiver } } },
    }));
    const { status, stderr } = await command(SITE, 'site-file', await newSiteFile('sender.yaml', text));
    expect(status, stderr).toBe(11);
    expect(stderr).toContain('gas.sender: the registry does not name');
  });

  test('a site file that changes the way to the centre, or opens another to look in, is refused', async () => {
    // The "password" would be the site's own key, told to whoever has that broker.
    const broker = { url: 'mqtt://broker.example:1883', mqtt: '5' as const, passwordFile: 'site.key' };
    const text = changed((site) => ({
      ...site,
      uplink: { ...site.uplink, environment: 'production' },
      metrics: { host: '0.0.0.0', port: 9464 },
      sparkplug: { group: 'any', broker },
    }));
    const { status, stderr } = await command(SITE, 'site-file', await newSiteFile('way.yaml', text));
    expect({ status, says: stderr.includes('it changes uplink, metrics, sparkplug,') }).toEqual({
      status: 40,
      says: true,
    });
  });

  test(
    'a good site file is tried, kept, and the one before is kept beside it',
    async () => {
      const before = await siteFile();
      const text = changed((site) => ({ ...site, collect: { ...site.collect, everyMs: 2_000 } }));
      const { status, stderr } = await command(
        SITE,
        'site-file',
        await newSiteFile('good.yaml', text),
        '--within',
        '40',
      );
      expect(status, `${stderr}\n${await lastWords(rehearsal, 'gateway')}`).toBe(0);
      expect(await siteFile()).toBe(text);
      expect(await readFile(join(rehearsal.folder, 'site.yaml.before'), 'utf8')).toBe(before);
    },
    2 * PATIENCE_MS,
  );

  test(
    'a site file with which a meter is not read is rolled back by itself, also when the power goes meanwhile',
    async () => {
      const before = await siteFile();
      const text = changed((site) => ({
        ...site,
        devices: site.devices.map((device) => (device.id === 'meter-hall-1' ? { ...device, address: 77 } : device)),
      }));
      const ending = command(SITE, 'site-file', await newSiteFile('bad.yaml', text), '--within', '10');
      await expect.poll(siteFile, { timeout: PATIENCE_MS }).toBe(text);
      gateway.kill();
      const { status, stderr } = await ending;
      expect(stderr).toContain('meter-hall-1 was not read');
      expect(status).toBe(41);
      expect(await siteFile()).toBe(before);
      expect(await command(SITE, 'read', 'meter-hall-1')).toMatchObject({ status: 0 });
    },
    2 * PATIENCE_MS,
  );

  test('the site file that stands is taken as it is, without a trial', async () => {
    const { status, stderr } = await command(SITE, 'site-file', await newSiteFile('same.yaml', await siteFile()));
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('nothing changes');
  });

  test(
    'a bad site file is not kept because it comes before the meters were read',
    async () => {
      const before = await siteFile();
      const text = changed((site) => ({
        ...site,
        devices: site.devices.map((device) => (device.id === 'meter-hall-1' ? { ...device, address: 78 } : device)),
      }));
      const file = await newSiteFile('early.yaml', text);
      await meters.stop();
      const connected = () => rehearsal.gatewayLog.filter(({ event }) => event === 'broker-connected').length;
      const count = connected();
      gateway.kill();
      await expect.poll(connected, { timeout: PATIENCE_MS }).toBeGreaterThan(count);
      const { status, stderr } = await command(SITE, 'site-file', file, '--within', '10');
      meters = rehearsal.startMeters();
      programs.push(meters);
      expect(status, stderr).toBe(41);
      expect(stderr).toContain('meter-hall-1 was not read');
      expect(await siteFile()).toBe(before);
    },
    2 * PATIENCE_MS,
  );

  test(
    'a relay that is killed and renamed in the middle learns how the command ended',
    async () => {
      const text = changed((site) => ({ ...site, collect: { ...site.collect, everyMs: 3_000 } }));
      const ending = command(SITE, 'site-file', await newSiteFile('renamed.yaml', text), '--within', '40');
      await expect.poll(siteFile, { timeout: PATIENCE_MS }).toBe(text);
      const config = join(folder, 'relay.yaml');
      await writeFile(config, (await readFile(config, 'utf8')).replace('relay: centre-1', 'relay: centre-2'));
      relay.kill();
      const { status, stderr } = await ending;
      expect(status, stderr).toBe(43);
      expect(stderr).toContain('--list');
      const last = async () => (await listed()).at(-1)?.outcome;
      await expect.poll(last, { timeout: PATIENCE_MS, interval: 1_000 }).toBe('done');
    },
    2 * PATIENCE_MS,
  );

  test('everything stands in both logs, chained', async () => {
    const centre = await command('--list');
    expect(centre).toMatchObject({ status: 0, answer: { whole: true } });
    const commands = await listed();
    expect(commands.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual([
      'read done',
      'diagnose refused',
      'read refused',
      'backfill done',
      'pack done',
      'pack refused',
      'site-file refused',
      'site-file refused',
      'site-file done',
      'site-file failed',
      'read done',
      'site-file done',
      'site-file failed',
      'site-file done',
    ]);
    const audit = await runProgram(['audit', '--config', join(rehearsal.folder, 'site.yaml'), '--json'], PATIENCE_MS);
    const { whole, entries } = JSON.parse(audit.stdout) as { whole: boolean; entries: { said: { what: string } }[] };
    const count = (what: string) => entries.filter(({ said }) => said.what === what).length;
    expect({ whole, commands: count('command'), strangers: count('stranger') }).toEqual({
      whole: true,
      commands: commands.length,
      strangers: 0,
    });
  });
});
