import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { PROJECT_FOLDER } from '../../../src/app/project.ts';
import type { MessageId } from '../../../src/core/message.ts';
import { isoUtc, type MarketDay } from '../../../src/core/time.ts';
import { freePorts } from '../../rehearsal/processes.ts';
import { cost, type Figure, rate } from '../figure.ts';
import { POINTS, ZONE } from './days.ts';
import { type Memory, type Said, startGateway } from './pace.ts';
import { LINES, writeSite } from './site.ts';

const MB = 1_000_000;
const DAY_MS = 24 * 60 * 60 * 1_000;
const LOOK_EVERY_MS = 200;
/** A backlog that takes so long will never be through. */
const SECONDS_MOST = 600;

interface Drained {
  /** From the start of the process to the last answer. */
  readonly seconds: number;
  readonly memory: readonly Memory[];
  /** Devices of which a fresh reading was kept meanwhile. */
  readonly read: number;
  readonly outOfOrder: number;
}

/** The real gateway with so many meters, at least one a point, over a store in which the messages of so many days wait. */
export function backlogFigures(days: number, meters: number): readonly (() => Promise<Figure>)[] {
  let drained: Promise<Drained> | undefined;
  const drain = () => (drained ??= measure(days, meters));
  const of = (make: (d: Drained) => Figure) => async () => make(await drain());
  const most = ({ memory }: Drained, which: keyof Memory) => Math.max(...memory.map((look) => look[which])) / MB;
  return [
    of((d) => cost(`${days} days of 64 points delivered by a gateway with ${meters} meters`, d.seconds, 's', 60, 1)),
    of((d) => cost('memory of the gateway meanwhile, most', most(d, 'all'), 'MB', 100, 1)),
    of((d) => cost('of that its own, not pages of files', most(d, 'own'), 'MB', 100, 1)),
    of((d) => rate('devices of which fresh readings were kept meanwhile', d.read, '', meters, 1)),
    of((d) => cost('messages before one of a newer day, and 1', d.outOfOrder + 1, '', 1, 1)),
  ];
}

async function measure(days: number, meters: number): Promise<Drained> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-bench-'));
  const [operatorPort = 0, ...ports] = await freePorts(1 + LINES);
  const now = Date.now();
  await writeSite(folder, isoUtc(now).slice(0, '2026-03-28'.length), ports, meters, operatorPort);
  const sandbox = await startSandbox(folder, operatorPort);
  try {
    return await drain(folder, isoUtc(now - days * DAY_MS), ports, prepare(folder, days));
  } finally {
    sandbox.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What was made in 30 days does not burden the process that has just started and has to deliver it. */
function prepare(folder: string, days: number): Map<MessageId, MarketDay> {
  const program = fileURLToPath(new URL('./prepare.js', import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [program, folder, String(days)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error('the backlog could not be made');
  return new Map(JSON.parse(stdout) as [MessageId, MarketDay][]);
}

async function drain(
  folder: string,
  installedAt: string,
  ports: readonly number[],
  waiting: ReadonlyMap<MessageId, MarketDay>,
): Promise<Drained> {
  const read = new Set<string | undefined>();
  const tried: MarketDay[] = [];
  const left = new Set(waiting.keys());
  const heard = ({ event, device, message = '', outcome }: Said) => {
    if (event === 'round-kept') read.add(device);
    const day = waiting.get(message);
    if (event !== 'message-tried' || day === undefined) return;
    tried.push(day);
    if (outcome === 'answered') left.delete(message);
  };
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1_000;
  const gateway = await startGateway(folder, installedAt, ports, heard);
  const memory: Memory[] = [];
  try {
    await gateway.ready;
    while (left.size > 0 && seconds() < SECONDS_MOST) {
      await sleep(LOOK_EVERY_MS);
      memory.push(await gateway.memory());
    }
    if (left.size > 0) throw new Error(`${left.size} messages wait after ${SECONDS_MOST} s`);
    return { seconds: seconds(), memory, read: read.size, outOfOrder: outOfOrder(tried) };
  } finally {
    await gateway.stop();
  }
}

function outOfOrder(days: readonly MarketDay[]): number {
  return days.filter((day, n) => n > 0 && day > days[n - 1]!).length;
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
