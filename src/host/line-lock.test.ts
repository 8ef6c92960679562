import { once } from 'node:events';
import { mkdtemp, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type LineLock, type LinePlace, lineLock } from './line-lock.ts';

const held: LineLock[] = [];
const tidy: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const lock of held.splice(0)) await lock.release();
  for (const each of tidy.splice(0).reverse()) await each();
});

function lock(place: LinePlace, who = 'a test'): LineLock {
  const made = lineLock(place, { who, advice: 'wait for it' });
  held.push(made);
  return made;
}

const inUse = { failure: { code: 'line-in-use' } };
/** No test knocks at it: only its name is taken. */
const tcp = (host: string, port = 47_112): LinePlace => ({ kind: 'tcp', host, port });

test('the second one is told who has the line and what to do', async () => {
  await lock(tcp('192.0.2.9'), '`odecet scan hall`').take();
  await expect(lock(tcp('192.0.2.9')).take()).rejects.toMatchObject({
    failure: {
      code: 'line-in-use',
      detail: expect.stringMatching(
        RegExp(`^tcp 192.0.2.9:47112 is used by .odecet scan hall. .process ${process.pid}, since .*Z.; wait for it$`),
      ),
    },
  });
});

test('it can be had when the other let it go, and taking it twice is one', async () => {
  const first = lock(tcp('192.0.2.9'));
  await first.take();
  await first.take();
  await first.release();
  await lock(tcp('192.0.2.9')).take();
});

test('whoever asks, hears and stays keeps nobody from the line', async () => {
  const first = lock(tcp('192.0.2.9'));
  await first.take();
  const name = `\0${'odecet line tcp 192.0.2.9:47112'.padEnd(107)}`;
  // Half open: it hears that the other has ended, and does not end itself. It comes and is heard, or comes as the line is let go.
  const stays = () => connect({ path: name, allowHalfOpen: true }).on('error', () => {});
  const told = stays();
  tidy.push(async () => told.destroy());
  await once(told.resume(), 'end');
  const late = stays();
  tidy.push(async () => late.destroy());
  await once(late, 'connect');
  await first.release();
  await lock(tcp('192.0.2.9')).take();
});

test.each([
  ['Converter.Example', 'converter.example.'],
  ['localhost', '127.0.0.1'],
  ['127.1', '127.0.0.1'],
  ['2001:DB8::0:1', '2001:db8::1'],
])('%s and %s are one line', async (one, other) => {
  await lock(tcp(one)).take();
  await expect(lock(tcp(other)).take()).rejects.toMatchObject(inUse);
  await lock(tcp(other, 47_113)).take();
});

test('a serial port is one line by whatever name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-lock-'));
  tidy.push(() => rm(folder, { recursive: true }));
  const [port, other, byId] = ['ttyUSB0', 'ttyUSB1', 'by-id'].map((name) => join(folder, name)) as [
    string,
    ...string[],
  ];
  for (const path of [port, other!]) await writeFile(path, '');
  await symlink(port, byId!);
  const named = lock({ kind: 'serial', path: byId! });
  await named.take();
  await expect(lock({ kind: 'serial', path: port }).take()).rejects.toMatchObject(inUse);
  // The adapter is pulled out and becomes another port.
  await unlink(byId!);
  await symlink(other!, byId!);
  await named.take();
  await lock({ kind: 'serial', path: port }).take();
  await expect(lock({ kind: 'serial', path: other! }).take()).rejects.toMatchObject(inUse);
  for (const name of ['x'.repeat(120), 'ž'.repeat(40), 'ž'.repeat(60)]) {
    const path = join(folder, name);
    await lock({ kind: 'serial', path }).take();
    await expect(lock({ kind: 'serial', path }).take()).rejects.toMatchObject(inUse);
    await lock({ kind: 'serial', path: `${path}y` }).take();
  }
});

test('of two names that cannot both be had, none is kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-lock-'));
  tidy.push(() => rm(folder, { recursive: true }));
  const [port, byId] = [join(folder, 'port'), join(folder, 'by-id')];
  await writeFile(port, '');
  await lock({ kind: 'serial', path: port }).take();
  await symlink(port, byId);
  await expect(lock({ kind: 'serial', path: byId }).take()).rejects.toMatchObject(inUse);
  await unlink(byId);
  await lock({ kind: 'serial', path: byId }).take();
});

test.each([
  ['says nothing', '', 'does not say who it is'],
  ['says too much', `"${'x'.repeat(5_000)}"`, 'does not say who it is'],
  ['writes to the terminal', JSON.stringify({ who: '\u001b[2Jx', pid: 1, since: '', advice: '\n' }), 'by ?[2Jx ('],
])('a stranger that %s', async (_, said, told) => {
  const stranger = createServer((socket) => socket.on('error', () => {}).end(said));
  await new Promise<void>((done) => stranger.listen(`\0${'odecet line tcp 192.0.2.9:47112'.padEnd(107)}`, done));
  tidy.push(() => new Promise((done) => stranger.close(done)));
  await expect(lock(tcp('192.0.2.9')).take()).rejects.toMatchObject({
    failure: { code: 'line-in-use', detail: expect.stringContaining(told) },
  });
});
