import { spawn } from 'node:child_process';
import { createCipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Supervised } from '../../scripts/rehearsal/processes.ts';
import { deviceLibrary, loadDeviceModel } from '../../src/app/device-files.ts';
import { PROJECT_FOLDER } from '../../src/app/project.ts';
import { exitStatus } from '../../src/core/failure.ts';
import { responseFrame } from '../../src/sim/meter/mbus-encode.ts';
import { parkMeter } from '../../src/sim/meter/park.ts';
import { type Ended, runProgram } from '../kit/program.ts';
import { layOut, type Rehearsal, siteText } from '../kit/rehearsal.ts';

/** Commands and gateways as processes, on lines that they share. */
const WITHIN_MS = 20_000;
const LINE_IN_USE = exitStatus('line-in-use');
/** Some twenty programs come up one after the other, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const tidy: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of tidy.splice(0).reverse()) await each();
});

/** A command that is still at work. */
interface Working {
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
  readonly pid: number;
}

function begun(...args: string[]): Working {
  const child = spawn(process.execPath, [join(PROJECT_FOLDER, 'dist/src/main.js'), ...args]);
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    said.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.stderr += chunk;
  });
  const ended = once(child, 'close').then(([status]) => ({ status: status ?? undefined, ...said }));
  tidy.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  return {
    kill: (signal) => child.kill(signal),
    ended,
    pid: child.pid!,
  };
}

async function until<T>(what: string, look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  for (const end = Date.now() + WITHIN_MS; Date.now() < end; await delay(100)) {
    const seen = await look();
    if (seen) return seen;
  }
  throw new Error(`${what} did not happen within ${WITHIN_MS} ms`);
}

function run(...args: string[]): Promise<Ended> {
  return runProgram(args, WITHIN_MS);
}

function started(program: Supervised): Supervised {
  tidy.push(() => program.stop());
  return program;
}

describe('a line has one user', () => {
  let rehearsal: Rehearsal;
  let config: string[];
  let meters: Supervised;
  beforeAll(async () => {
    rehearsal = await layOut({
      ...{ day: '2026-03-11', scale: 1, meters: ['corrector-main', 'meter-offices'] },
      change: (site) => ({ ...site, collect: { ...site.collect, everyMs: 1_000 } }),
    });
    config = ['--config', join(rehearsal.folder, 'site.yaml')];
    meters = rehearsal.startMeters();
    await until('a meter', async () => (await run('read', 'corrector-main', ...config)).status === 0);
  });
  afterAll(async () => {
    await meters.stop();
    await rehearsal.remove();
  });

  /** A scan that has the line: nobody may ask for it before, or the scan would be the second one. */
  const scanning = async (...options: string[]): Promise<Working> => {
    const scan = begun('scan', 'mbus', ...config, ...options);
    const name = `@odecet line tcp 127.0.0.1:${rehearsal.ports.get('mbus')} `;
    await until('a scan', async () => (await readFile('/proc/net/unix', 'utf8')).includes(name));
    return scan;
  };

  test('a second command is told who has it; a first one that is killed leaves nothing behind', async () => {
    const scan = await scanning('--primary');
    const refused = await run('read', 'corrector-main', ...config);
    expect(refused.status).toBe(LINE_IN_USE);
    expect(refused.stderr).toContain(`is used by \`odecet scan mbus\` (process ${scan.pid}, since `);
    expect(refused.stderr).toContain('[line-in-use]');
    expect((await run('listen', 'mbus', ...config, '--seconds', '1')).status).toBe(LINE_IN_USE);
    // Another line is another matter.
    expect((await run('read', 'meter-offices', ...config)).status).toBe(0);
    scan.kill('SIGKILL');
    await scan.ended;
    expect((await run('read', 'corrector-main', ...config)).status).toBe(0);
  });

  test('a scan that is stopped tells what it found, in words and as JSON', async () => {
    for (const [options, signal, status] of [
      [[], 'SIGTERM', 143],
      [['--json'], 'SIGINT', 130],
    ] as const) {
      const scan = await scanning('--primary', ...options);
      await delay(4_000);
      scan.kill(signal);
      const { status: ended, stdout, stderr } = await scan.ended;
      expect(ended).toBe(status);
      expect(stderr).toBe(`odecet: stopped by ${signal}\n`);
      expect(stdout).toContain('00417321');
      expect(stdout).toContain(options.length > 0 ? '"complete":false' : '# 1 found on the line mbus before the scan');
    }
  });

  test('a gateway that starts during a scan waits, says so, and reads as soon as it can; then commands ask it', async () => {
    const scan = await scanning('--primary');
    const gateway = started(rehearsal.startGateway());
    const heard = (event: string, fields: object) => () =>
      rehearsal.gatewayLog.find(
        (line) => line.event === event && Object.entries(fields).every(([key, value]) => line[key] === value),
      );
    const waits = await until('a gateway that waits', heard('line-failing', { line: 'mbus', code: 'line-in-use' }));
    expect(waits.detail).toContain(`odecet scan mbus\` (process ${scan.pid}`);
    await until('a reading of the other line', heard('round-kept', { device: 'meter-offices' }));
    scan.kill('SIGKILL');
    await until('the line', heard('line-back', { line: 'mbus' }));
    await until('a reading', heard('round-kept', { device: 'corrector-main' }));

    const scanned = await run('scan', 'mbus', ...config);
    expect(scanned.status).toBe(LINE_IN_USE);
    expect(scanned.stderr).toContain(`the gateway of ${join(rehearsal.folder, 'site.yaml')}`);
    expect(scanned.stderr).toContain('systemctl stop odecet-gateway');
    const changed = await run('setup', 'link-reset', 'corrector-main', ...config, '--yes');
    expect(changed.status).toBe(LINE_IN_USE);
    const read = await run('read', 'corrector-main', ...config, '--json');
    expect(JSON.parse(read.stdout)).toMatchObject({ device: 'corrector-main', serial: '00417321' });
    const kept = join(rehearsal.folder, 'gateway.rec');
    const listened = await run('listen', 'mbus', ...config, '--seconds', '5', '--out', kept, '--json');
    expect(listened.status).toBe(0);
    const frames = listened.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(frames.map(({ way }) => way)).toContain('sent');
    expect(frames.find(({ way, text }) => way === 'received' && text?.startsWith('meter 00417321'))).toBeDefined();
    const replayed = await run('replay', 'corrector-main', kept, ...config, '--json');
    expect(JSON.parse(replayed.stdout)).toMatchObject({ serial: '00417321', notRecorded: [] });
    await gateway.stop();
    expect((await run('read', 'corrector-main', ...config)).status).toBe(0);
  });

  test('what a reading kept is decoded and replayed to the same values', async () => {
    const kept = join(rehearsal.folder, 'read.rec');
    const read = await run('read', 'meter-offices', ...config, '--json', '--out', kept);
    const replayed = await run('replay', 'meter-offices', kept, ...config, '--json');
    const values = ({ stdout }: Ended) => (JSON.parse(stdout) as { values: unknown[] }).values;
    expect(values(read).length).toBeGreaterThan(0);
    expect(values(replayed)).toEqual(values(read));
    const decoded = await run('decode', 'modbus', kept, '--json');
    expect(decoded.status).toBe(0);
    const lines = (await readFile(kept, 'utf8')).trimEnd().split('\n').slice(1);
    expect(decoded.stdout.trimEnd().split('\n')).toHaveLength(lines.length);
    expect((await run('read', 'meter-offices', ...config, '--out', kept)).status).toBe(2);
  });
});

test('a meter that encrypts is read by the gateway with the key of its file, and by nobody without', async () => {
  const rehearsal = await layOut({
    ...{ day: '2026-03-11', scale: 1, meters: ['corrector-main'], simulated: false },
    change: (site) => ({ ...site, collect: { ...site.collect, everyMs: 1_000 } }),
  });
  tidy.push(() => rehearsal.remove());
  const key = randomBytes(16);
  await encryptingMeter(rehearsal, key);
  const [locked, open] = ['locked.yaml', 'site.yaml'].map((name) => join(rehearsal.folder, name)) as [string, string];
  await writeFile(locked, siteText(rehearsal.site));
  await writeFile(join(rehearsal.folder, 'keys', 'corrector.key'), `${key.toString('hex')}\n`, { mode: 0o600 });
  const devices = rehearsal.site.devices.map((device) => ({ ...device, keyFile: 'keys/corrector.key' }));
  await writeFile(open, siteText({ ...rehearsal.site, devices }));

  const refused = await run('read', 'corrector-main', '--config', locked);
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('[telegram-encrypted]')]);
  const read = await run('read', 'corrector-main', '--config', open, '--json');
  const told = (ended: Ended) => (JSON.parse(ended.stdout) as { values: { quantity: string }[] }).values[0];
  expect(told(read)).toMatchObject({
    quantity: 'volume.base.total',
    unit: 'm3',
    value: expect.stringMatching(/^\d+\.\d+$/),
  });

  const gateway = started(rehearsal.startGateway());
  await until('a reading', () => rehearsal.gatewayLog.some(({ event }) => event === 'round-kept'));
  const asked = await run('read', 'corrector-main', '--config', open, '--json');
  expect(told(asked)).toMatchObject({ quantity: 'volume.base.total' });
  await gateway.stop();
  expect(rehearsal.gatewayLog.filter(({ event }) => event === 'device-failing')).toEqual([]);
});

/** The demo's corrector, whose records go out under AES-128 in mode 5 (EN 13757-7, clause 7.7.2). */
async function encryptingMeter({ park, ports, clock }: Rehearsal, key: Buffer): Promise<void> {
  const [first] = park.meters;
  const library = deviceLibrary([join(PROJECT_FOLDER, 'device-config')]);
  const meter = parkMeter(park, first!, loadDeviceModel(first!.device.model, library));
  const server = createServer((socket) => {
    tidy.push(() => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      const answer = meter(bytes, clock.now());
      if (answer) socket.write(answer.length > 12 ? encrypted(answer, key) : answer);
    });
  }).listen(ports.get('mbus'), '127.0.0.1');
  await once(server, 'listening');
  tidy.push(() => server.close());
}

function encrypted(answer: Uint8Array, key: Buffer): Uint8Array {
  const header = answer.subarray(7, 19);
  const plain = [0x2f, 0x2f, ...answer.subarray(19, -2)];
  while (plain.length % 16 !== 0) plain.push(0x2f);
  const [id, maker, access] = [header.subarray(0, 4), header.subarray(4, 8), header[8]!];
  // Manufacturer, then the address as it stands in the header, then the access number eight times.
  const iv = Uint8Array.of(maker[0]!, maker[1]!, ...id, maker[2]!, maker[3]!, ...Array<number>(8).fill(access));
  const cipher = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
  const sealed = Buffer.concat([cipher.update(Uint8Array.from(plain)), cipher.final()]);
  const configuration = [(plain.length / 16) << 4, 0x05];
  return responseFrame(answer[5]!, 0x72, [...header.subarray(0, 10), ...configuration, ...sealed]);
}
