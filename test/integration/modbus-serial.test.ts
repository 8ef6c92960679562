import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { expect, test } from 'vitest';
import { parkLoad, parkTruth } from '../../src/sim/meter/park.ts';
import { ACCEPTED_ONCE, outcomeOf, untilAccepted } from '../kit/outcome.ts';
import { keptReadings } from '../kit/readings.ts';
import { electricityOnly, lastWords, layOut, type Rehearsal } from '../kit/rehearsal.ts';
import { rtuOverTcp } from '../peers/rtu-over-tcp.ts';

/**
 * An independent codec for Modbus RTU over TCP: modbus-serial's ServerSerial answers for an EM340 (whole tenths of a kWh in two
 * registers, the low word first), the real gateway reads it to an accepted day.
 */
const crc16 = createRequire(import.meta.url)('modbus-serial/utils/crc16') as (bytes: Buffer) => number;

const DAY = '2026-03-11';
const SCALE = 3_000;
/** Real time by which a reading may be late on a busy machine: 5 rehearsed minutes. */
const LATE_MS = 100;
const UNIT = 9;
const ENERGY_IMPORT = 0x34;
const DEVICE = 'meter-hall-2';
/** The counter runs in watt-hours, the register in tenths of a kWh. */
const WH_PER_COUNT = 100n;

test('modbus-serial answers for an EM340 in RTU frames over TCP to an accepted day', async () => {
  const rehearsal = await layOut({
    day: DAY,
    scale: SCALE,
    meters: [DEVICE],
    change: (site) => ({
      ...site,
      devices: site.devices.map((device) => ({ ...device, model: 'carlo-gavazzi/em340', address: UNIT })),
      collect: { ...site.collect, everyMs: 10 * 60_000 },
    }),
  });
  await writeTruth(rehearsal);
  const peer = meter(rehearsal);
  const server = await rtuOverTcp(rehearsal.ports.get('rs485')!, peer.vector, peer.seen);
  const running = [rehearsal.startSandbox(), rehearsal.startGateway()];
  try {
    await untilAccepted(electricityOnly(rehearsal), 20_000);
  } finally {
    await Promise.all(running.map((each) => each.stop()));
    await server.close();
  }
  const outcome = await outcomeOf(rehearsal);
  expect(outcome, await lastWords(rehearsal, 'gateway')).toMatchObject({ ...ACCEPTED_ONCE, intervalsAccepted: 24 });
  expect(peer.badRequests).toEqual([]);
  const kept = await keptReadings(rehearsal, DEVICE, 'energy.active.import');
  expect(kept.length).toBeGreaterThan(24);
  expect(kept.filter(({ value }) => !peer.served.has(value.toFixed(1)))).toEqual([]);
  await rehearsal.remove();
}, 90_000);

/** The registers as modbus-serial asks for them, and what was served and seen. */
function meter({ park, clock }: Rehearsal) {
  const load = parkLoad(park, park.meters[0]!);
  const served = new Set<string>();
  const badRequests: string[] = [];
  const image = (): Map<number, number> => {
    const tenths = Number(load.indexAt(clock.now()) / WH_PER_COUNT);
    served.add((tenths / 10).toFixed(1));
    return new Map([
      [ENERGY_IMPORT, tenths & 0xffff],
      [ENERGY_IMPORT + 1, tenths >>> 16],
    ]);
  };
  return {
    served,
    badRequests,
    vector: {
      getMultipleInputRegisters(address: number, length: number): number[] {
        const registers = image();
        return Array.from({ length }, (_, n) => registers.get(address + n) ?? 0);
      },
    },
    seen: (request: Uint8Array): void => {
      const bytes = Buffer.from(request);
      if (bytes[0] !== UNIT || crc16(bytes.subarray(0, -2)) !== bytes.readUInt16LE(bytes.length - 2))
        badRequests.push(bytes.toString('hex'));
    },
  };
}

/** The tolerance is what the steepest load uses in LATE_MS, and the register's last place. */
async function writeTruth({ folder, park }: Rehearsal): Promise<void> {
  const rows = parkTruth(park, DAY, (SCALE * LATE_MS) / 2_000);
  const tolerance = rows.map((row) => ({ ...row, tolerance: (Number(row.tolerance) + 0.1).toFixed(3) }));
  await writeFile(join(folder, 'truth.csv'), stringify(tolerance, { header: true }));
}
