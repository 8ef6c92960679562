import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aMessage, anAttempt, anInterval, aReading, aReceipt, DAY_START, queuedIn } from '../buffer/buffer.testkit.ts';
import type { Buffer as Memory } from '../buffer/index.ts';
import { readVitalLine, vitalLine } from '../buffer/vital.ts';
import { HOUR_MS } from '../core/time.ts';
import { storageSchema } from '../device/storage.ts';
import { hostClock } from '../host/clock.ts';
import type { Clock } from '../machine/clock.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import { readAudit } from './audit-texts.ts';
import { backup, backupHandler } from './backup.ts';
import { askGateway, serveControl } from './control.ts';
import { type RestoreOrder, restore as restoreAs } from './restore.ts';
import type { LoadedSite } from './site-files.ts';
import { openState } from './state.ts';

const clock = { ...hostClock(), now: () => DAY_START + 30 * HOUR_MS };
const HOURS = Array.from({ length: 24 }, (_, n) => DAY_START + n * HOUR_MS);
const INTERVALS = HOURS.map((start) => anInterval({ start }));
const AFTER_ALL = '9'.repeat(14);
const SPAN = { start: DAY_START, end: DAY_START + 24 * HOUR_MS };

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'odecet-backup-'));
  await mkdir(join(root, 'site'));
  await mkdir(join(root, 'site', 'keys'));
  await writeFile(join(root, 'site', 'site.yaml'), 'site: mill\nstorage: { folder: data }\n');
  await writeFile(join(root, 'site', 'keys', 'tls.crt'), 'public');
  await writeFile(join(root, 'site', 'keys', 'tls.key'), 'very secret');
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** What a backup looks at of a site. */
function siteIn(folder: string, storage = 'data'): LoadedSite {
  const site = {
    site: 'mill',
    zone: 'Europe/Prague',
    points: [],
    market: {},
    storage: storageSchema.parse({ folder: storage }),
    uplink: { tls: { certificate: 'keys/tls.crt', key: 'keys/tls.key' } },
  };
  return { site, devices: new Map(), folder, file: join(folder, 'site.yaml') } as unknown as LoadedSite;
}

const open = (folder: string) => openState(siteIn(folder), clock, quietLog, 'gateway');

/** Readings, a day that was accepted, and one hour whose message is under way. */
async function fill(buffer: Memory): Promise<void> {
  for (const at of HOURS) await buffer.keepRound([aReading({ at })]);
  await buffer.keepIntervals(INTERVALS);
  const { id } = await buffer.queueMessage((own) => aMessage(own, INTERVALS.slice(0, 23)));
  const number = await buffer.outbox.beginAttempt(id, DAY_START);
  await buffer.outbox.endAttempt(anAttempt(id, number, 'answered'), aReceipt(id, 'accepted'));
  const next = await buffer.queueMessage((own) => aMessage(own, INTERVALS.slice(23)));
  await buffer.outbox.beginAttempt(next.id, DAY_START);
}

async function goesOn(folder: string, before: Memory): Promise<void> {
  const under = (await queuedIn(before))[0]!;
  const state = await open(folder);
  const { buffer } = state;
  expect(await buffer.verify()).toMatchObject({ clean: true, quarantined: [] });
  expect(await buffer.readings('boiler-house', 'volume.base', SPAN)).toHaveLength(24);
  expect((await queuedIn(buffer)).map(({ message, state: its }) => [message, its])).toEqual([[under.message, 'sent']]);
  for (const interval of INTERVALS)
    await expect(buffer.queueMessage((id) => aMessage(id, [interval]))).rejects.toMatchObject({
      failure: { code: 'already-queued' },
    });
  const { id } = await buffer.queueMessage((own) => aMessage(own, [anInterval({ start: SPAN.end })]));
  expect(Number(id)).toBeGreaterThan(Number(under.message.id) + 7_000);
  await state.close();
}

const restore = (order: Omit<RestoreOrder, 'by'>, at: Clock) => restoreAs({ ...order, by: 'J. Novák' }, at);

describe('backup and restore', () => {
  it('of a running gateway: what comes back goes on without a double, and what was written meanwhile does not matter', async () => {
    const state = await open(join(root, 'site'));
    await fill(state.buffer);
    const control = await serveControl(join(root, 'site', 'data'), { backup: backupHandler(state) }, quietLog);
    const file = join(root, 'backup');
    const writing = Promise.all(HOURS.map((at) => state.buffer.keepRound([aReading({ at, device: 'late' })])));
    expect(await backup(siteIn(join(root, 'site')), file, undefined, clock)).toMatchObject({ running: true });
    await writing;
    await control.close();
    await restore({ file, into: join(root, 'fresh') }, clock);
    expect(await readFile(join(root, 'fresh', 'keys', 'tls.crt'), 'utf8')).toBe('public');
    expect(await readdir(join(root, 'fresh', 'keys'))).toEqual(['tls.crt']);
    await goesOn(join(root, 'fresh'), state.buffer);
    await state.close();
  });

  it('of a stopped one, encrypted, with its keys; the wrong passphrase or a cut file gives nothing', async () => {
    const first = await open(join(root, 'site'));
    await fill(first.buffer);
    await first.close();
    const file = join(root, 'backup');
    const done = await backup(siteIn(join(root, 'site')), file, 'correct horse', clock);
    expect(done).toMatchObject({ running: false, encrypted: true });
    expect((await readFile(file)).includes('very secret')).toBe(false);
    const into = join(root, 'fresh');
    for (const passphrase of [undefined, 'wrong horse'])
      await expect(restore({ file, into, passphrase }, clock)).rejects.toMatchObject({
        failure: { code: 'password-wrong' },
      });
    const bytes = await readFile(file);
    await writeFile(join(root, 'cut'), bytes.subarray(0, bytes.length - 100));
    await expect(restore({ file: join(root, 'cut'), into, passphrase: 'correct horse' }, clock)).rejects.toThrow();
    expect(await readdir(root)).not.toContain('fresh');
    await restore({ file, into, passphrase: 'correct horse' }, clock);
    expect(await readFile(join(into, 'keys', 'tls.key'), 'utf8')).toBe('very secret');
    const again = await open(join(root, 'site'));
    await goesOn(into, again.buffer);
    await again.close();
  });

  it('a flipped bit anywhere in a backup that is not encrypted is found before anything is written', async () => {
    const state = await open(join(root, 'site'));
    await fill(state.buffer);
    await state.close();
    await backup(siteIn(join(root, 'site')), join(root, 'backup'), undefined, clock);
    const bytes = await readFile(join(root, 'backup'));
    for (let n = 0; n < 40; n++) {
      // Behind gzip's own head, whose fields for the time and the system mean nothing.
      const at = 10 + Math.floor(((bytes.length - 10) * n) / 40);
      const flipped = Uint8Array.from(bytes);
      flipped[at] = flipped[at]! ^ (1 << (n % 8));
      await writeFile(join(root, 'flipped'), flipped);
      const done = restore({ file: join(root, 'flipped'), into: join(root, 'fresh') }, clock);
      await expect(done, `byte ${at}`).rejects.toMatchObject({ failure: { code: 'store-damaged' } });
    }
    expect(await readdir(root)).not.toContain('fresh');
  });

  it('says in words where nothing can be laid out', async () => {
    const state = await open(join(root, 'site'));
    await fill(state.buffer);
    await state.close();
    const file = join(root, 'backup');
    await backup(siteIn(join(root, 'site')), file, undefined, clock);
    const below = restore({ file, into: join(file, 'site') }, clock);
    await expect(below).rejects.toMatchObject({ failure: { code: 'usage', detail: expect.stringContaining(file) } });
    const storage = join(file, 'data');
    const stored = restore({ file, into: join(root, 'fresh'), storage }, clock);
    await expect(stored).rejects.toMatchObject({
      failure: { code: 'usage', detail: expect.stringContaining(storage) },
    });
    const nowhere = restore({ file, into: '/proc/site' }, clock);
    await expect(nowhere).rejects.toMatchObject({ failure: { code: 'store-io' } });
  });

  it('without a passphrase leaves out files with secrets wherever they lie, and masks those in addresses of the site file', async () => {
    const folder = join(root, 'site');
    const state = await open(folder);
    await fill(state.buffer);
    await state.close();
    await mkdir(join(folder, 'device-config', 'acme'), { recursive: true });
    const files: Readonly<Record<string, string>> = {
      'device-config/hall1.key': 'a1b2-of-the-meter',
      'device-config/hall2.yaml': 'c3d4-of-the-meter',
      'device-config/notes.txt': 'e5f6-on-a-slip',
      'device-config/acme/meter.yaml': 'maker: acme',
      'both.pem': '-----BEGIN EC PRIVATE KEY-----\ng7h8-in-a-chain\n',
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const url = 'https://joe:i9j0-in-the-address@heat.example/v1?day=gasDay&apikey=k1l2-in-the-query';
    const text = `site: mill\nstorage: { folder: data }\ncombustionHeatSource: { url: "${url}" }\n# ${url}\n`;
    await writeFile(join(folder, 'site.yaml'), text);
    const plain = siteIn(folder);
    const devices = [{ keyFile: 'device-config/hall1.key' }, { keyFile: 'device-config/hall2.yaml' }];
    const loaded = {
      ...plain,
      site: { ...plain.site, devices, operatorCertificates: ['both.pem'] },
    } as unknown as LoadedSite;
    const done = await backup(loaded, join(root, 'backup'), undefined, clock);
    expect(done.masked).toBe(4);
    const names = ['both.pem', 'device-config/hall1.key', 'device-config/hall2.yaml', 'keys/tls.key'];
    expect(done.leftOut).toEqual(names.map((name) => join(folder, name)));
    await restore({ file: join(root, 'backup'), into: join(root, 'fresh') }, clock);
    const laid = await readdir(join(root, 'fresh'), { recursive: true });
    expect(laid).toContain('device-config/acme/meter.yaml');
    for (const name of [...names, 'device-config/notes.txt']) expect(laid).not.toContain(name);
    const masked = 'https://masked@heat.example/v1?day=gasDay&apikey=masked';
    expect(await readFile(join(root, 'fresh', 'site.yaml'), 'utf8')).toBe(text.replaceAll(url, masked));
    // With one, all of it is there as it was.
    await backup(loaded, join(root, 'secret'), 'correct horse', clock);
    await restore({ file: join(root, 'secret'), into: join(root, 'whole'), passphrase: 'correct horse' }, clock);
    for (const name of names) expect(await readdir(join(root, 'whole'), { recursive: true })).toContain(name);
    expect(await readFile(join(root, 'whole', 'site.yaml'), 'utf8')).toBe(text);
  });

  it('never writes over what is there', async () => {
    const state = await open(join(root, 'site'));
    await fill(state.buffer);
    await state.close();
    const file = join(root, 'backup');
    await backup(siteIn(join(root, 'site')), file, undefined, clock);
    const refused = { failure: { code: 'usage' } };
    await expect(backup(siteIn(join(root, 'site')), file, undefined, clock)).rejects.toMatchObject(refused);
    await expect(restore({ file, into: join(root, 'site') }, clock)).rejects.toMatchObject(refused);
  });

  it('what was sent after the backup is known again where the second copy of the old machine can be had', async () => {
    const state = await open(join(root, 'site'));
    await fill(state.buffer);
    await state.close();
    const file = join(root, 'backup');
    await backup(siteIn(join(root, 'site')), file, undefined, clock);
    const later = await open(join(root, 'site'));
    const after = anInterval({ start: SPAN.end });
    await later.buffer.keepIntervals([after]);
    await later.buffer.queueMessage((id) => aMessage(id, [after]));
    await later.close();
    const done = await restore(
      { file, into: join(root, 'fresh'), vital: join(root, 'site', 'data', 'vital.log') },
      clock,
    );
    expect(done).toMatchObject({ messagesFromVital: 1, holdsDays: false });
    const fresh = await open(join(root, 'fresh'));
    expect((await fresh.buffer.auditLog()).map(({ text }) => readAudit(text))).toMatchObject([
      { what: 'restored', by: 'J. Novák', file, vital: join(root, 'site', 'data', 'vital.log'), holdsDays: false },
    ]);
    expect(fresh.held.hold(aMessage(AFTER_ALL, [after]))).toBeUndefined();
    await fresh.buffer.keepIntervals([after]);
    await expect(fresh.buffer.queueMessage((id) => aMessage(id, [after]))).rejects.toMatchObject({
      failure: { code: 'already-queued' },
    });
    await fresh.close();
  });
});

describe('a store that stands elsewhere, as with the shipped unit', () => {
  let elsewhere: string;
  const file = () => join(root, 'backup');
  const openIn = (folder: string, storage: string) => openState(siteIn(folder, storage), clock, quietLog, 'gateway');
  beforeEach(async () => {
    elsewhere = join(root, 'var', 'odecet');
    await writeFile(join(root, 'site', 'site.yaml'), `site: mill # the old one\nstorage: { folder: ${elsewhere} }\n`);
    const state = await openIn(join(root, 'site'), elsewhere);
    await fill(state.buffer);
    await state.close();
    await backup(siteIn(join(root, 'site'), elsewhere), file(), undefined, clock);
  });

  it('is put where the site file says, when nothing stands there', async () => {
    const into = join(root, 'fresh');
    await expect(restore({ file: file(), into }, clock)).rejects.toThrow(`${elsewhere} is not empty`);
    expect(await readdir(root)).not.toContain('fresh');
    await rm(elsewhere, { recursive: true });
    await mkdir(join(elsewhere, 'lost+found'), { recursive: true });
    expect(await restore({ file: file(), into }, clock)).toMatchObject({ folder: into, storage: elsewhere });
    expect(await readdir(elsewhere)).toEqual(expect.arrayContaining(['installed', 'store', 'vital.log', 'lost+found']));
    expect([...(await readdir(into)), ...(await readdir(elsewhere))].filter((name) => /unfinished/.test(name))).toEqual(
      [],
    );
    const fresh = await openIn(into, elsewhere);
    expect((await fresh.buffer.verify()).clean).toBe(true);
    expect(await fresh.buffer.readings('boiler-house', 'volume.base', SPAN)).toHaveLength(24);
    await fresh.close();
  });

  it('or where it is told to, which the site file says then', async () => {
    const [into, storage] = [join(root, 'fresh'), join(root, 'other')];
    await restore({ file: file(), into, storage }, clock);
    expect(await readFile(join(into, 'site.yaml'), 'utf8')).toBe(
      `site: mill # the old one\nstorage: { folder: ${storage} }\n`,
    );
    const fresh = await openIn(into, storage);
    expect((await fresh.buffer.verify()).clean).toBe(true);
    await fresh.close();
  });

  it('leaves nothing behind in either place where it fails', async () => {
    await rm(elsewhere, { recursive: true });
    await mkdir(elsewhere);
    await writeFile(join(root, 'old'), 'no second copy');
    const done = restore({ file: file(), into: join(root, 'fresh'), vital: join(root, 'old') }, clock);
    await expect(done).rejects.toThrow(/nothing in it can be read/);
    expect(await readdir(root)).not.toContain('fresh');
    expect(await readdir(elsewhere)).toEqual([]);
  });
});

describe('the second copy that is given to a restore', () => {
  const later = anInterval({ start: SPAN.end });
  let file: string;
  let vital: string;
  let atBackup: number;
  beforeEach(async () => {
    const state = await open(join(root, 'site'));
    await fill(state.buffer);
    await state.close();
    file = join(root, 'backup');
    vital = join(root, 'site', 'data', 'vital.log');
    await backup(siteIn(join(root, 'site')), file, undefined, clock);
    atBackup = (await stat(vital)).size;
    const on = await open(join(root, 'site'));
    await on.buffer.keepIntervals([later]);
    await on.buffer.queueMessage((id) => aMessage(id, [later]));
    await on.close();
  });

  const restoreWith = (bytes: string | Uint8Array) =>
    writeFile(join(root, 'old'), bytes).then(() =>
      restore({ file, into: join(root, 'fresh'), vital: join(root, 'old') }, clock),
    );

  it.each([
    ['an empty file', () => '', /nothing in it can be read/],
    ['other bytes', () => randomBytes(5_000), /nothing in it can be read/],
    [
      'one that is older than the backup',
      (whole: Buffer) => whole.subarray(0, whole.indexOf('\n', 1) + 1),
      /ends before/,
    ],
  ])('%s is refused, and nothing is laid out', async (_what, bytes, said) => {
    const done = restoreWith(bytes(await readFile(vital)));
    await expect(done).rejects.toMatchObject({ failure: { code: 'usage', detail: expect.stringMatching(said) } });
    expect(await readdir(root)).not.toContain('fresh');
  });

  it.each([
    ['cut to what it was at the backup', (whole: Buffer) => whole.subarray(0, atBackup), /ends where the backup/],
    ['cut within its last line', (whole: Buffer) => whole.subarray(0, -20), /cut off/],
    ['with a flipped bit', (whole: Buffer) => flipped(whole, Math.floor(whole.length / 2)), /1 of its lines/],
  ])('%s it is not believed to know all: the days are held', async (_what, bytes, said) => {
    const done = await restoreWith(bytes(await readFile(vital)));
    expect(done).toMatchObject({ holdsDays: true, vitalDoubt: expect.stringMatching(said) });
    const fresh = await open(join(root, 'fresh'));
    expect(fresh.held.hold(aMessage(AFTER_ALL, [later]))).toMatchObject({ code: 'day-held' });
    // What only the copy knows may have waited for a person, of which a damaged line would have told.
    const [under, ...others] = (await fresh.buffer.outbox.heads()).map(({ message }) => message);
    expect(fresh.held.hold(under!)).toBeUndefined();
    for (const one of others) expect(fresh.held.hold(one)).toMatchObject({ code: 'day-held' });
    await fresh.close();
  });

  it.each([
    ['another site', 'weir', clock],
    ['another installation of the site', 'mill', { ...clock, now: () => clock.now() + HOUR_MS }],
  ])(
    'that of %s is refused, also where it was written by a program that did not say whose it is',
    async (_what, name, when) => {
      await mkdir(join(root, 'other'));
      const loaded = siteIn(join(root, 'other'));
      const other = await openState({ ...loaded, site: { ...loaded.site, site: name } }, when, quietLog, 'gateway');
      for (const start of [...HOURS, SPAN.end, SPAN.end + HOUR_MS]) {
        const interval = anInterval({ start, point: '27ZG100Z0000099X' });
        await other.buffer.keepIntervals([interval]);
        await other.buffer.queueMessage((id) => aMessage(id, [interval]));
      }
      await other.close();
      const text = await readFile(join(root, 'other', 'data', 'vital.log'), 'utf8');
      await expect(restoreWith(text)).rejects.toThrow(/it is of site/);
      await expect(restoreWith(withoutIdentity(text))).rejects.toThrow(/nothing tells|of another gateway/);
    },
  );

  it.each([
    ['is not there', () => join(root, 'nowhere')],
    ['is a folder', () => root],
  ])('that %s is refused in words', async (_what, name) => {
    const done = restore({ file, into: join(root, 'fresh'), vital: name() }, clock);
    await expect(done).rejects.toMatchObject({ failure: { code: 'usage', detail: expect.stringContaining(name()) } });
  });

  it('of an earlier program is known by the messages that both have', async () => {
    const text = withoutIdentity(await readFile(vital, 'utf8'));
    expect(await restoreWith(text)).toMatchObject({ holdsDays: false, messagesFromVital: 1 });
  });
});

/** As a program wrote it that did not say whose a line is. */
function withoutIdentity(text: string): string {
  const lines = text.split('\n').flatMap((line) => readVitalLine(line) ?? []);
  return `${lines.map(({ heads, rows }) => vitalLine({ heads, rows })).join('\n')}\n`;
}

function flipped(bytes: Buffer, at: number): Buffer {
  const damaged = Buffer.from(bytes);
  damaged[at]! ^= 1;
  return damaged;
}

describe('a restore that does not know what was sent since its backup', () => {
  it('sends nothing new of a day that was over, but what the backup knows under its own id', async () => {
    const state = await open(join(root, 'site'));
    await fill(state.buffer);
    await state.close();
    const file = join(root, 'backup');
    await backup(siteIn(join(root, 'site')), file, undefined, clock);
    expect(await restore({ file, into: join(root, 'fresh') }, clock)).toMatchObject({ holdsDays: true });
    const fresh = await open(join(root, 'fresh'));
    const under = (await fresh.buffer.outbox.heads())[0]!.message;
    expect(fresh.held.hold(under)).toBeUndefined();
    const made = await fresh.buffer.queueMessage((id) => aMessage(id, [anInterval({ start: SPAN.end })]));
    expect(fresh.held.hold(made)).toMatchObject({ code: 'day-held' });
    await fresh.close();
  });
});

describe('a restore on a machine whose clock is in the past', () => {
  it('holds every day that was over when the backup was taken, and when its last message was made', async () => {
    const state = await open(join(root, 'site'));
    await fill(state.buffer);
    await state.close();
    const file = join(root, 'backup');
    const past = { ...hostClock(), now: () => Date.UTC(2020, 0, 1) };
    await backup(siteIn(join(root, 'site')), file, undefined, clock);
    await restore({ file, into: join(root, 'fresh') }, past);
    const fresh = await openState(siteIn(join(root, 'fresh')), past, quietLog, 'gateway');
    expect(fresh.held.hold(aMessage(AFTER_ALL, [INTERVALS[0]!]))).toMatchObject({ code: 'day-held' });
    await fresh.close();
    const held = JSON.parse(await readFile(join(root, 'fresh', 'data', 'held-after-restore.json'), 'utf8'));
    expect(held.knownAt).toBe(clock.now());
  });
});

describe('a restored machine that is restored again', () => {
  it('from the same backup, with its own second copy: what it held back is held here, and no word of it goes out', async () => {
    const state = await open(join(root, 'site'));
    await fill(state.buffer);
    await state.close();
    const file = join(root, 'backup');
    await backup(siteIn(join(root, 'site')), file, undefined, clock);
    await restore({ file, into: join(root, 'second') }, clock);
    const second = await open(join(root, 'second'));
    const later = anInterval({ start: SPAN.end });
    await second.buffer.keepIntervals([later]);
    const waits = await second.buffer.queueMessage((id) => aMessage(id, [later]));
    expect(second.held.hold(waits)).toMatchObject({ code: 'day-held' });
    await second.close();
    const vital = join(root, 'second', 'data', 'vital.log');
    expect(await restore({ file, into: join(root, 'third'), vital }, clock)).toMatchObject({
      holdsDays: true,
      vitalDoubt: expect.stringContaining('held days itself'),
    });
    const third = await open(join(root, 'third'));
    const [under, held] = (await third.buffer.outbox.heads()).map(({ message }) => message);
    expect(third.held.hold(under!)).toBeUndefined();
    expect(held!.id).toBe(waits.id);
    expect(third.held.hold(held!)).toMatchObject({ code: 'day-held' });
    expect((await third.buffer.auditLog()).map(({ text }) => readAudit(text))).toMatchObject([
      { what: 'restored', holdsDays: true },
      { what: 'restored', vital, holdsDays: true },
    ]);
    await third.close();
    // A backup of its own knows that it held days, and brings them: its second copy is believed then.
    await backup(siteIn(join(root, 'second')), join(root, 'again'), undefined, clock);
    const on = await open(join(root, 'second'));
    await on.buffer.keepIntervals([anInterval({ start: SPAN.end + HOUR_MS })]);
    await on.close();
    const done = await restore({ file: join(root, 'again'), into: join(root, 'fourth'), vital }, clock);
    expect(done).toMatchObject({ holdsDays: false });
    const fourth = await open(join(root, 'fourth'));
    expect(fourth.held.hold(waits)).toMatchObject({ code: 'day-held' });
    await fourth.close();
  });

  it('after its store was lost and its second copy damaged: what it held back since is held here too, by what its audit log says', async () => {
    const state = await open(join(root, 'site'));
    await fill(state.buffer);
    await state.close();
    const file = join(root, 'backup');
    await backup(siteIn(join(root, 'site')), file, undefined, clock);
    const data = join(root, 'site', 'data');
    const vital = join(data, 'vital.log');
    await writeFile(vital, (await readFile(vital, 'utf8')).replace('"m/', '"n/'));
    await rm(join(data, 'store'), { recursive: true });
    const again = await open(join(root, 'site'));
    const later = anInterval({ start: SPAN.end });
    await again.buffer.keepIntervals([later]);
    const waits = await again.buffer.queueMessage((id) => aMessage(id, [later]));
    expect(again.held.hold(waits)).toMatchObject({ code: 'day-held' });
    const heldThere = { what: 'held', because: 'damage', doubt: '1 lines of it are damaged' };
    expect((await again.buffer.auditLog()).map(({ text }) => readAudit(text))).toMatchObject([heldThere]);
    await again.close();
    const done = await restore({ file, into: join(root, 'third'), vital }, clock);
    expect(done).toMatchObject({ holdsDays: true, vitalDoubt: expect.stringContaining('since damage') });
    const third = await open(join(root, 'third'));
    expect((await third.buffer.outbox.heads()).map(({ message }) => message.id)).toContain(waits.id);
    expect(third.held.hold(waits)).toMatchObject({ code: 'day-held' });
    await third.close();
  });

  it('goes on holding what waited for a person there: the backup brings the file of the held days', async () => {
    const state = await open(join(root, 'site'));
    await fill(state.buffer);
    await state.close();
    await backup(siteIn(join(root, 'site')), join(root, 'backup'), undefined, clock);
    await restore({ file: join(root, 'backup'), into: join(root, 'second') }, clock);
    const second = await open(join(root, 'second'));
    const waits = await second.buffer.queueMessage((id) => aMessage(id, [anInterval({ start: SPAN.end })]));
    await second.close();
    await backup(siteIn(join(root, 'second')), join(root, 'again'), undefined, clock);
    await restore({ file: join(root, 'again'), into: join(root, 'third') }, clock);
    const third = await open(join(root, 'third'));
    expect((await third.buffer.outbox.heads()).map(({ message }) => message.id)).toContain(waits.id);
    expect(third.held.hold(waits)).toMatchObject({ code: 'day-held' });
    await third.close();
  });
});

describe('the control socket', () => {
  it('tells what is asked, what it does not know, and that nobody is there', async () => {
    await mkdir(join(root, 'state'));
    expect(await askGateway(join(root, 'state'), { do: 'status' })).toBeUndefined();
    const status = async (request: object) => ({ heard: request });
    const control = await serveControl(join(root, 'state'), { status }, quietLog);
    expect(await askGateway(join(root, 'state'), { do: 'status', x: 1 })).toEqual({
      done: { heard: { do: 'status', x: 1 } },
    });
    await expect(askGateway(join(root, 'state'), { do: 'dance' })).rejects.toMatchObject({
      failure: { code: 'usage' },
    });
    await control.close();
    expect(await askGateway(join(root, 'state'), { do: 'status' })).toBeUndefined();
  });

  // The administrator may look into everything.
  it.skipIf(process.getuid?.() === 0)('of a folder that is not ours says whom to ask as', async () => {
    await mkdir(join(root, 'state'));
    await chmod(join(root, 'state'), 0);
    const asked = askGateway(join(root, 'state'), { do: 'status' });
    await expect(asked).rejects.toMatchObject({ failure: { code: 'store-unreadable' } });
    await chmod(join(root, 'state'), 0o700);
  });

  it('stands in the state folder however deep that lies, and goes with the gateway', async () => {
    const deep = join(root, ...Array<string>(6).fill('a-folder-of-a-long-name'), 'state');
    expect(Buffer.byteLength(deep)).toBeGreaterThan(107);
    expect(await askGateway(deep, { do: 'status' })).toBeUndefined();
    await mkdir(deep, { recursive: true });
    expect(await askGateway(deep, { do: 'status' })).toBeUndefined();
    const control = await serveControl(deep, { status: async () => 'well' }, quietLog);
    const socket = await stat(join(deep, 'control.sock'));
    expect([socket.isSocket(), socket.mode & 0o777]).toEqual([true, 0o600]);
    expect(await askGateway(deep, { do: 'status' })).toEqual({ done: 'well' });
    await control.close();
    expect(await askGateway(deep, { do: 'status' })).toBeUndefined();
    await expect(stat(join(deep, 'control.sock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
