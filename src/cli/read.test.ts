import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { changed, FILES, SITE } from '../device/site.testkit.ts';
import { readCommand } from './read.ts';

const tidy: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const each of tidy.splice(0).reverse()) await each();
});

/** A site whose corrector hangs on a socket that hangs up at once, and how often somebody came. */
async function site() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {}).destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  tidy.push(async () => server.close());
  const folder = await mkdtemp(join(tmpdir(), 'odecet-read-'));
  tidy.push(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'device-config', 'test'), { recursive: true });
  for (const [name, text] of Object.entries(FILES))
    await writeFile(join(folder, 'device-config', `${name}.yaml`), text);
  const { port } = server.address() as AddressInfo;
  const config = join(folder, 'site.yaml');
  const packs = [
    ['pack: gas-day', 'pack: ote/gasdat'],
    ['pack: electricity-day', 'pack: ote/cdsdata'],
  ] as const;
  await writeFile(
    config,
    changed(SITE, ...packs, ['host: 192.0.2.1\n    port: 502', `host: 127.0.0.1\n    port: ${port}`]),
  );
  const read = (out: string, device = 'corrector') =>
    readCommand().exitOverride().parseAsync([device, '--config', config, '--out', out], { from: 'user' });
  return { folder, read, connections: () => connections };
}

test('a file that is there already is not written over, and the meter is not asked', async () => {
  const { folder, read, connections } = await site();
  const file = join(folder, 'kept.rec');
  await writeFile(file, 'mine');
  await expect(read(file)).rejects.toMatchObject({ failure: { code: 'usage' } });
  expect(connections()).toBe(0);
  expect(await readFile(file, 'utf8')).toBe('mine');
});

test('what passed before a line was lost is kept; a device that there is not leaves no file', async () => {
  const { folder, read, connections } = await site();
  const file = join(folder, 'new.rec');
  await expect(read(file, 'corector')).rejects.toMatchObject({ failure: { code: 'usage' } });
  await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(read(file)).rejects.toMatchObject({ failure: { code: 'line-lost' } });
  expect(connections()).toBe(1);
  expect(await readFile(file, 'utf8')).toMatch(/^# odecet recording 1, line gas-line, framing modbus-tcp\n/);
});
