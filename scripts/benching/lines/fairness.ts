import { type Figure, rate } from '../figure.ts';
import { modbusDevice, modbusMeter } from './meters.ts';
import { collectVirtually, FLAT_OUT } from './virtual.ts';

/** Ten units on a line that answers one request at a time in 20 ms; some are silent. What the others keep of their rate. */

const UNITS = 10;
const REPLY_MS = 20;
const VIRTUAL_MS = 15 * 60_000;

/** Every unit once a second, which leaves the line free for four fifths of the time. */
export function polledEachSecond(silent: number, least: number): Promise<Figure> {
  return healthyRate(`healthy-rate-${silent}-of-10-silent`, silent, 1_000, least);
}

/** As often as the line allows. */
export function polledFlatOut(silent: number, least: number): Promise<Figure> {
  return healthyRate(`healthy-rate-flat-out-${silent}-of-10-silent`, silent, 1, least);
}

/** Against the rate that the healthy units have when they are alone on the line. */
async function healthyRate(name: string, silent: number, everyMs: number, least: number): Promise<Figure> {
  const units = Array.from({ length: UNITS }, (_, n) => n + 1);
  const healthy = units.slice(silent);
  const alone = await readingsAMinute(healthy, healthy, everyMs);
  const beside = await readingsAMinute(units, healthy, everyMs);
  return rate(name, beside, 'readings/min', alone, least);
}

/** Of the healthy unit that gets the fewest. */
async function readingsAMinute(asked: readonly number[], healthy: readonly number[], everyMs: number): Promise<number> {
  const meters = healthy.map((unit) => modbusMeter(unit, REPLY_MS));
  const settings = { ...FLAT_OUT, everyMs };
  const { rounds } = await collectVirtually({ meters }, asked.map(modbusDevice), settings, { virtualMs: VIRTUAL_MS });
  return Math.min(...rounds.values()) / (VIRTUAL_MS / 60_000);
}
