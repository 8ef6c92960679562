import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { eicCheckCharacter } from '../../../src/core/identifier.ts';
import { QUANTITIES, type Quantity } from '../../../src/core/quantity.ts';
import { makeKeys } from '../../rehearsal/keys.ts';
import { demoSite, siteFile, ZONE } from '../../rehearsal/site.ts';

/** The largest site that the program is meant for: 200 devices that tell 10 values a minute each, behind ten converters. */
export const DEVICES = Array.from({ length: 200 }, (_, n) => `meter-${String(n + 1).padStart(3, '0')}`);
export const VALUES = Object.keys(QUANTITIES).slice(0, 10) as Quantity[];
export const LINES = 10;
/** Points of consumption, each with a device of its own: there is no site with fewer meters. */
export const POINTS = 64;
const UNITS: Readonly<Record<string, string>> = {
  volume: 'm3',
  energy: 'kWh',
  flow: 'm3/h',
  pressure: 'bar',
};

/** Where nobody listens. */
const NOBODY = 1;

/**
 * Writes site file, device file and keys of a gateway with the first so many of the devices, whose converters listen on these
 * ports, and the operator's stand-in on another.
 */
export async function writeSite(
  folder: string,
  day: string,
  ports: readonly number[],
  meters: number = DEVICES.length,
  operatorPort: number = NOBODY,
): Promise<void> {
  await mkdir(join(folder, 'device-config', 'bench'), { recursive: true });
  await writeFile(join(folder, 'device-config', 'bench', 'ten.yaml'), stringify(model()));
  await makeKeys(join(folder, 'keys'));
  const site = {
    ...siteFile(demoSite(day, 1, ports), day, operatorPort),
    lines: ports.map((port, n) => ({ id: `line-${n}`, kind: 'tcp', host: '127.0.0.1', port, framing: 'modbus-tcp' })),
    devices: DEVICES.slice(0, meters).map((id, n) => ({
      id,
      model: 'bench/ten',
      line: `line-${n % LINES}`,
      address: 1 + Math.floor(n / LINES),
    })),
    points: DEVICES.slice(0, POINTS).map((device, n) => ({
      code: pointCode(n),
      commodity: 'gas',
      metering: 'A',
      device,
      from: day,
      capacity: '500',
    })),
    collect: { everyMs: 60_000 },
    profile: {},
    storage: { folder: '.' },
    zone: ZONE,
  };
  await writeFile(join(folder, 'site.yaml'), stringify(site));
}

function model(): object {
  const registers = VALUES.map((_, n) => `0000 ${(n + 1).toString(16).padStart(4, '0')}`).join(' ');
  const readings = VALUES.map((quantity, n) => {
    const { dimension } = QUANTITIES[quantity];
    return {
      quantity,
      unit: UNITS[dimension],
      kind: dimension === 'volume' || dimension === 'energy' ? 'counter' : 'instantaneous',
      modbus: { table: 'holding', address: 2 * n, type: 'u32' },
    };
  });
  const expect = readings.map(({ quantity, unit }, n) => ({ quantity, unit, value: String(n + 1) }));
  const source = 'made for the bench';
  return {
    maker: 'Bench',
    model: 'Ten values',
    medium: 'gas',
    protocol: 'modbus',
    hardwareTested: false,
    source,
    readings,
    tests: [{ name: 'ten', source, registers: { 'holding:0x0': registers }, now: '2026-07-01T08:16:02Z', expect }],
  };
}

function pointCode(n: number): string {
  // Not every payload has a check character.
  for (const last of 'ABCDEFGH') {
    const payload = `27ZG8BENCH${String(n).padStart(4, '0')}${last}`;
    const check = eicCheckCharacter(payload);
    if (check !== undefined) return payload + check;
  }
  throw new Error('no check character');
}
