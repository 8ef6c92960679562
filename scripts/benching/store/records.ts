import type { Buffer } from '../../../src/buffer/index.ts';
import { decimal } from '../../../src/core/decimal.ts';
import type { Interval } from '../../../src/core/interval.ts';
import { fits, type Quantity, UNITS, type Unit } from '../../../src/core/quantity.ts';
import type { Reading } from '../../../src/core/reading.ts';
import { MINUTE_MS, type UtcMs } from '../../../src/core/time.ts';
import { DEVICES, VALUES } from './site.ts';

/** What the whole site of site.ts tells, and 64 points with quarter-hours. */
const UNIT_NAMES = Object.keys(UNITS) as Unit[];
export const POINTS = Array.from({ length: 64 }, (_, n) => `85918240000000${String(n).padStart(4, '0')}`);

/** Ten values of a device, told in a minute since `start`. */
export function round(device: string, n: number, at: UtcMs, start: UtcMs): Reading[] {
  const asked = at + n * 137;
  return VALUES.map((quantity, v) =>
    reading(device, quantity, asked, 'sampled', (at - start) / MINUTE_MS + 7_919 * v + n),
  );
}

function reading(device: string, quantity: Quantity, at: UtcMs, source: Reading['source'], count: number): Reading {
  const value = 1_000_000 + Math.round(count * 17.3);
  return {
    device,
    quantity,
    kind: 'counter',
    value: decimal(value, -3),
    unit: unitOf(quantity),
    at,
    source,
    uncertaintyMs: 40,
    readAt: at + 40,
    flags: [],
    raw: value.toString(16).padStart(8, '0'),
  };
}

function unitOf(quantity: Quantity): Unit {
  const unit = UNIT_NAMES.find((name) => fits(quantity, name));
  if (!unit) throw new Error(`${quantity} has no unit`);
  return unit;
}

/** What the boundary brings: stored indexes, and the quarter-hours made of them. */
export async function keepHour(buffer: Buffer, at: UtcMs, start: UtcMs): Promise<void> {
  await Promise.all(
    DEVICES.map((device, n) =>
      buffer.keepRound([reading(device, VALUES[0]!, at, 'stored', (at - start) / MINUTE_MS + n)]),
    ),
  );
  await Promise.all(POINTS.map((point, n) => buffer.keepIntervals(quarters(point, n, at))));
}

function quarters(point: string, n: number, end: UtcMs): Interval[] {
  return [4, 3, 2, 1].map((left): Interval => {
    const start = end - left * 15 * MINUTE_MS;
    const edge = (at: UtcMs) => ({
      at,
      index: decimal(at / MINUTE_MS + n, -3),
      source: 'stored' as const,
      readings: [at],
    });
    const stop = start + 15 * MINUTE_MS;
    const origin = { device: DEVICES[n]!, quantity: VALUES[0]!, from: edge(start), to: edge(stop) };
    return {
      point,
      channel: 'import',
      start,
      end: stop,
      value: decimal(15 + n, -3),
      unit: 'kWh',
      quality: 'measured',
      findings: [],
      version: 1,
      madeAt: end + 5_000,
      origins: [origin],
    };
  });
}
