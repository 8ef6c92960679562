import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { PROJECT_FOLDER } from '../../../src/app/project.ts';
import { makeKeys } from '../../rehearsal/keys.ts';
import { freePorts, GATEWAY_SERVICE } from '../../rehearsal/processes.ts';
import { cost, type Figure } from '../figure.ts';
import { POINTS, ZONE } from './days.ts';

const run = promisify(execFile);
const MB = 1_000_000;

export interface Drained {
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
    of((d) => cost('memory of the process that delivers, most', d.rss / MB, 'MB', 100, 1)),
    of((d) => cost('a fresh round kept meanwhile, slowest', d.slowestRoundMs, 'ms', 1_000, 1)),
    of((d) => cost('messages before one of a newer day, and 1', d.outOfOrder + 1, '', 1, 1)),
  ];
}

async function measure(days: number): Promise<Drained> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-bench-'));
  const [port = 0] = await freePorts(1);
  await makeKeys(join(folder, 'keys'));
  const sandbox = await startSandbox(folder, port);
  // What was made in 30 days does not burden the process that has just started and has to deliver it.
  const prepare = fileURLToPath(new URL('./prepare.js', import.meta.url));
  const prepared = spawnSync(process.execPath, [prepare, folder, String(days)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (prepared.status !== 0) throw new Error('the backlog could not be made');
  try {
    const drain = fileURLToPath(new URL('./drain.js', import.meta.url));
    const args = [...GATEWAY_SERVICE.options, drain, folder, String(port)];
    const { stdout } = await run(process.execPath, args, { env: { ...process.env, ...GATEWAY_SERVICE.env } });
    return JSON.parse(stdout) as Drained;
  } finally {
    sandbox.kill();
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
