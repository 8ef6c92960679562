import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { decodeTelegram } from '../../../drivers/mbus/index.ts';
import { PROJECT_FOLDER } from '../../../src/app/project.ts';
import { bestOf, cost, type Figure, rate } from '../figure.ts';
import { modbusDevice, modbusMeter, telegram } from './meters.ts';
import { collectVirtually, FLAT_OUT } from './virtual.ts';

/** What the program itself costs: CPU time on one core. */

const DECODE_MS = 1_000;
const EXCHANGES = 20_000;
const UNITS = 10;

/** Over the recorded frames where they are, else over telegrams of our own with 3, 12 and 30 records. */
export async function decoding(): Promise<Figure> {
  const frames = recordedFrames();
  const telegrams = frames.length > 0 ? frames : [3, 12, 30].map((records) => telegram(1, records));
  const once = () => telegrams.reduce((sum, bytes) => sum + (decodeTelegram(bytes).ok ? 1 : 0), 0);
  for (let n = 0; n < 200; n++) once();
  const perSecond = await bestOf(async () => {
    const before = process.cpuUsage();
    const started = performance.now();
    let count = 0;
    while (performance.now() - started < DECODE_MS) for (let n = 0; n < 20; n++) count += once();
    const { user, system } = process.cpuUsage(before);
    return (count * 1e6) / (user + system);
  }, Math.max);
  const source = frames.length > 0 ? `${frames.length}-recorded-frames` : 'own-telegrams';
  return rate(`mbus-decode-${source}`, perSecond, 'telegrams/s', 100_000, 1);
}

function recordedFrames(): Uint8Array[] {
  const folder = resolve(PROJECT_FOLDER, process.env.ODECET_SHARED ?? '../shared', 'mbus-frames');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.hex'))
    .map((name) => Uint8Array.from(Buffer.from(readFileSync(join(folder, name), 'latin1').replace(/\s/g, ''), 'hex')));
}

/** Request, answer, decoding, round handed over; on a simulated line, whose own work is counted in. */
export async function exchange(): Promise<Figure> {
  const units = Array.from({ length: UNITS }, (_, n) => n + 1);
  const meters = units.map((unit) => modbusMeter(unit, 5));
  const run = (rounds: number) => collectVirtually({ meters }, units.map(modbusDevice), FLAT_OUT, { rounds });
  await run(EXCHANGES / 10);
  const before = process.cpuUsage();
  await run(EXCHANGES);
  const { user, system } = process.cpuUsage(before);
  return cost('collector-cpu-per-exchange', (user + system) / 1_000 / EXCHANGES, 'ms', 0.3, 1);
}
