import type { BoundDevice } from '../../../src/device/bound.ts';
import type { SimMeter } from '../../../src/sim/line.ts';
import { type Figure, rate } from '../figure.ts';
import { mbusDeviceBySecondary, mbusMeter, modbusDevice, modbusMeter } from './meters.ts';
import { collectVirtually, FLAT_OUT } from './virtual.ts';

/** Ten units on a line that answers one request at a time in 20 ms; some are silent. What the others keep of their rate. */

const UNITS = 10;
const REPLY_MS = 20;
const VIRTUAL_MS = 15 * 60_000;

/** Every unit once a second, which leaves the line free for four fifths of the time. */
export function polledEachSecond(silent: number, least: number): Promise<Figure> {
  return healthyRate(`healthy-rate-${silent}-of-10-silent`, MODBUS, silent, 1_000, least);
}

/** As often as the line allows. */
export function polledFlatOut(silent: number, least: number): Promise<Figure> {
  return healthyRate(`healthy-rate-flat-out-${silent}-of-10-silent`, MODBUS, silent, 1, least);
}

/** M-Bus meters by their numbers, as often as the line allows: the selection is the request that a dead one leaves unanswered. */
export function polledBySecondary(silent: number, least: number): Promise<Figure> {
  return healthyRate(`healthy-rate-by-secondary-${silent}-of-10-silent`, BY_SECONDARY, silent, 1, least);
}

/**
 * What a meter by its number costs where nobody is silent: rate against that of two exchanges (selection and data), of which
 * each takes the meter's time.
 */
export async function alwaysBySecondary(least: number): Promise<Figure> {
  const units = unitsFrom(1);
  const perUnit = await readingsAMinute(BY_SECONDARY, units, units, 1);
  return rate('rate-by-secondary', perUnit, 'readings/min', 60_000 / (2 * REPLY_MS) / UNITS, least);
}

interface Kind {
  readonly device: (unit: number) => BoundDevice;
  readonly meter: (unit: number) => SimMeter;
}
const MODBUS: Kind = { device: modbusDevice, meter: (unit) => modbusMeter(unit, REPLY_MS) };
const BY_SECONDARY: Kind = { device: mbusDeviceBySecondary, meter: (unit) => mbusMeter(unit, 10, REPLY_MS) };

function unitsFrom(first: number): number[] {
  return Array.from({ length: UNITS + 1 - first }, (_, n) => n + first);
}

/** Against the rate that the healthy units have when they are alone on the line. */
async function healthyRate(name: string, kind: Kind, silent: number, everyMs: number, least: number): Promise<Figure> {
  const healthy = unitsFrom(1 + silent);
  const alone = await readingsAMinute(kind, healthy, healthy, everyMs);
  const beside = await readingsAMinute(kind, unitsFrom(1), healthy, everyMs);
  return rate(name, beside, 'readings/min', alone, least);
}

/** Of the healthy unit that gets the fewest. */
async function readingsAMinute(
  { device, meter }: Kind,
  asked: readonly number[],
  healthy: readonly number[],
  everyMs: number,
): Promise<number> {
  const meters = healthy.map(meter);
  const settings = { ...FLAT_OUT, everyMs };
  const { rounds } = await collectVirtually({ meters }, asked.map(device), settings, { virtualMs: VIRTUAL_MS });
  return Math.min(...rounds.values()) / (VIRTUAL_MS / 60_000);
}
