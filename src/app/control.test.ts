import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askGateway } from './control.ts';

let folder: string;
let server: Server;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odecet-control-'));
});
afterEach(async () => {
  await new Promise((done) => server.close(done));
  await rm(folder, { recursive: true });
});

/** Who listens where a gateway would. */
async function listening(isRead: boolean): Promise<void> {
  // What it did not read makes the system reset the connection when it ends, as when a program is killed.
  server = createServer({ pauseOnConnect: !isRead }, (socket) => {
    if (isRead) socket.once('data', () => socket.destroy());
    else setTimeout(() => socket.destroy(), 100);
  });
  await new Promise<void>((done) => server.listen(join(folder, 'control.sock'), done));
}

test.each([
  ['after it had read', true],
  ['before it had read', false],
])('one that goes away %s what was asked is told as such', async (_, isRead) => {
  await listening(isRead);
  await expect(askGateway(folder, { do: 'status' })).rejects.toMatchObject({ failure: { code: 'line-lost' } });
});
