import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { PROJECT_FOLDER } from '../../../src/app/project.ts';
import { loadOperatorCredentials, operatorWay, sitePackOf } from '../../../src/app/uplink.ts';
import { type Buffer, openBuffer } from '../../../src/buffer/index.ts';
import { decimal } from '../../../src/core/decimal.ts';
import { operatorSchema } from '../../../src/device/site.ts';
import { hostAppendLog } from '../../../src/host/append-log.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { hostEntropy } from '../../../src/host/entropy.ts';
import { hostLog } from '../../../src/host/log.ts';
import { openLevelStore } from '../../../src/host/store-level.ts';
import type { FormatPack } from '../../../src/message/pack.ts';
import { createSender, newestDayFirst } from '../../../src/uplink/sender.ts';
import { makeKeys } from '../../rehearsal/keys.ts';
import { freePorts } from '../../rehearsal/processes.ts';
import { cost, type Figure } from '../figure.ts';
import { POINTS, packFile, ZONE } from './days.ts';

const ROUNDS_EVERY_MS = 1_000;
const MB = 1_000_000;

interface Drained {
  readonly seconds: number;
  readonly rss: number;
  readonly slowestRoundMs: number;
  readonly outOfOrder: number;
}

export function backlogFigures(days: number): readonly (() => Promise<Figure>)[] {
  let drained: Promise<Drained> | undefined;
  const drain = () => (drained ??= measure(days));
  const of = (make: (d: Drained) => Figure) => async () => make(await drain());
  return [
    of((d) => cost(`${days} days of 64 points delivered`, d.seconds, 's', 60, 1)),
    of((d) => cost('memory of the process meanwhile, most', d.rss / MB, 'MB', 100, 1)),
    of((d) => cost('a fresh round kept meanwhile, slowest', d.slowestRoundMs, 'ms', 1_000, 1)),
    of((d) => cost('messages before one of a newer day, and 1', d.outOfOrder + 1, '', 1, 1)),
  ];
}

async function measure(days: number): Promise<Drained> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-bench-'));
  const [port = 0] = await freePorts(1);
  await makeKeys(join(folder, 'keys'));
  const pack = packFile();
  const sandbox = await startSandbox(folder, port);
  // What was made in 30 days does not burden the process that has just started and has to deliver it.
  const prepare = fileURLToPath(new URL('./prepare.js', import.meta.url));
  const prepared = spawnSync(process.execPath, [prepare, folder, String(days)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (prepared.status !== 0) throw new Error('the backlog could not be made');
  const store = await openLevelStore({ folder: join(folder, 'store') });
  try {
    const vital = hostAppendLog(join(folder, 'vital.log'));
    const buffer = await openBuffer(store, { clock: hostClock(), vital });
    return await drainOver(buffer, pack, folder, port);
  } finally {
    sandbox.kill();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The operator's stand-in, in a process of its own: its memory is not the gateway's. */
async function startSandbox(folder: string, port: number): Promise<{ kill(): void }> {
  const config = join(folder, 'sandbox.yaml');
  const tls = { certificate: 'keys/operator-tls.crt', key: 'keys/operator-tls.key' };
  const text = stringify({
    port,
    folder: 'sandbox',
    zone: ZONE,
    tls: { ...tls, clientAuthorities: ['keys/authority.crt'] },
    seal: { certificate: 'keys/operator-seal.crt', key: 'keys/operator-seal.key' },
    trustedSeals: ['keys/gateway-seal.crt'],
    packs: join(PROJECT_FOLDER, 'format-packs', 'ote'),
    points: POINTS.map((code) => ({ code, commodity: 'electricity', minutes: 15 })),
  });
  await writeFile(config, text);
  const program = join(PROJECT_FOLDER, 'dist', 'src', 'main.js');
  const child = spawn(process.execPath, [program, 'sandbox', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) if (line.includes('sandbox-ready')) break;
  child.stdout.resume();
  return { kill: () => child.kill() };
}

async function drainOver(buffer: Buffer, pack: FormatPack, folder: string, port: number): Promise<Drained> {
  const operator = operatorSchema.parse({
    environment: 'sandbox',
    url: `https://127.0.0.1:${port}/`,
    tls: { certificate: 'keys/gateway-tls.crt', key: 'keys/gateway-tls.key', trust: ['keys/authority.crt'] },
    seal: { certificate: 'keys/gateway-seal.crt', key: 'keys/gateway-seal.key' },
    operatorCertificates: ['keys/operator-seal.crt'],
  });
  const credentials = await loadOperatorCredentials(operator, folder);
  const clock = hostClock();
  const way = operatorWay({
    operator,
    credentials,
    packOf: sitePackOf({ packs: new Map([[pack.commodity, pack]]) }),
    clock,
  });
  const stop = new AbortController();
  const sent: string[] = [];
  const sender = createSender({
    outbox: buffer.outbox,
    clock,
    entropy: hostEntropy(),
    log: hostLog({ level: 'error' }),
    retry: { firstMs: 100, factor: 2, mostMs: 5_000, jitter: 0.3 },
    async deliver(message, signal) {
      sent.push(message.day);
      return way.deliver(message, signal);
    },
    order: newestDayFirst,
    alert: ({ failure }) => process.stderr.write(`${failure.code}: ${failure.detail}\n`),
  });
  const began = performance.now();
  const running = sender.run(stop.signal);
  const watched = { rss: 0, slowestRoundMs: 0 };
  while ((await buffer.outbox.heads()).length > 0) {
    watched.slowestRoundMs = Math.max(watched.slowestRoundMs, await freshRound(buffer));
    watched.rss = Math.max(watched.rss, process.memoryUsage.rss());
    await clock.sleep(ROUNDS_EVERY_MS);
  }
  const seconds = (performance.now() - began) / 1_000;
  stop.abort();
  await running;
  await way.close();
  return { ...watched, seconds, outOfOrder: sent.filter((day, n) => n > 0 && day > sent[n - 1]!).length };
}

/** What 64 meters tell in a second; gives how long it took to be kept. */
async function freshRound(buffer: Buffer): Promise<number> {
  const began = performance.now();
  const at = Date.now();
  await Promise.all(
    POINTS.map((_point, n) =>
      buffer.keepRound([
        {
          device: `meter-${n}`,
          quantity: 'energy.active.import',
          kind: 'counter',
          value: decimal(at, -3),
          unit: 'kWh',
          at,
          source: 'sampled',
          uncertaintyMs: 20,
          readAt: at,
          flags: [],
          raw: '00',
        },
      ]),
    ),
  );
  return performance.now() - began;
}
