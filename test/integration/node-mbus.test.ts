import { createRequire } from 'node:module';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type BusMeter, mbusBus } from '../../src/sim/meter/mbus-bus.ts';
import { bcd, integer, record, typeF } from '../../src/sim/meter/mbus-encode.ts';

/**
 * libmbus (by node-mbus) as another master on our simulated bus: what the simulated meters do is held against a program that knows
 * neither them nor our driver. It is compiled when it is installed; where there is no compiler these tests are skipped.
 */
const answerSchema = z.object({
  SlaveInformation: z.object({ Id: z.union([z.string(), z.number()]), Manufacturer: z.string(), Medium: z.string() }),
  /** What is no record but "more records follow" has neither unit nor storage number. */
  DataRecord: z.array(
    z.object({
      Function: z.string(),
      StorageNumber: z.number().optional(),
      Unit: z.string().optional(),
      Value: z.unknown(),
    }),
  ),
});
type Answer = z.infer<typeof answerSchema>;

interface Master {
  connect(done: (error: unknown) => void): void;
  close(done: (error: unknown) => void): void;
  getData(address: number | string, done: (error: unknown, data: unknown) => void): void;
  scanSecondary(done: (error: unknown, found: unknown) => void): void;
}
type MasterClass = new (options: { host: string; port: number; timeout: number }) => Master;

function loadMaster(): { Master: MasterClass } | { why: string } {
  try {
    const found: unknown = createRequire(import.meta.url)('node-mbus');
    if (isMasterClass(found)) return { Master: found };
    return { why: 'node-mbus is not the class it was' };
  } catch (error) {
    return { why: error instanceof Error ? error.message.split('\n')[0]! : String(error) };
  }
}

function isMasterClass(found: unknown): found is MasterClass {
  return typeof found === 'function';
}

const TIME = { year: 2026, month: 3, day: 28, hour: 6, minute: 0, second: 0, summer: false };
const GAS: BusMeter = {
  primary: 1,
  id: '12082058',
  manufacturer: 'ELS',
  version: 0x40,
  medium: 3,
  telegrams: () => [
    [...record({ vif: [0x13], data: bcd(2_850_427, 8) }), ...record({ vif: [0x6d], data: typeF(TIME) }), 0x1f],
    [...record({ storage: 1, vif: [0x13], data: bcd(2_850_400, 8) }), 0x1f],
    record({ storage: 2, vif: [0x13], data: bcd(2_850_300, 8) }),
  ],
};
const POWER: BusMeter = {
  primary: 5,
  id: '12082099',
  manufacturer: 'KAM',
  version: 1,
  medium: 2,
  telegrams: () => [record({ vif: [0x03], data: integer(4_711, 4) })],
};

const loaded = loadMaster();
if ('why' in loaded) console.warn(`node-mbus tests skipped: ${loaded.why}`);

describe.skipIf('why' in loaded)('libmbus reads our simulated bus', () => {
  let server: Server;
  let master: Master;

  beforeAll(async () => {
    server = await listen([GAS, POWER]);
    const place = server.address();
    if ('why' in loaded || place === null || typeof place === 'string') throw new Error('no server to connect to');
    master = new loaded.Master({ host: '127.0.0.1', port: place.port, timeout: 100 });
    await new Promise<void>((resolve, reject) => {
      master.connect((error) => (error ? reject(error) : resolve()));
    });
  });

  afterAll(async () => {
    await new Promise((resolve) => master.close(resolve));
    await new Promise((resolve) => server.close(resolve));
  });

  const read = (address: number | string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      master.getData(address, (error, data) => {
        const parsed = answerSchema.safeParse(data);
        if (parsed.success) resolve(parsed.data);
        else reject(error instanceof Error ? error : parsed.error);
      });
    });

  it('by primary address', async () => {
    const { SlaveInformation, DataRecord } = await read(5);
    expect(SlaveInformation).toMatchObject({ Id: 12082099, Manufacturer: 'KAM', Medium: 'Electricity' });
    expect(DataRecord.map(({ Value }) => Value)).toEqual([4711]);
  });

  it('by secondary address, several telegrams with the frame count bit', async () => {
    const { SlaveInformation, DataRecord } = await read('1208205893154003');
    expect(SlaveInformation).toMatchObject({ Id: 12082058, Manufacturer: 'ELS', Medium: 'Gas' });
    const volumes = DataRecord.filter(({ Unit }) => Unit?.startsWith('Volume'));
    expect(volumes.map(({ StorageNumber, Value }) => [StorageNumber, Value])).toEqual([
      [0, 2850427],
      [1, 2850400],
      [2, 2850300],
    ]);
  });

  it('and finds both meters by its own search', async () => {
    const found = await new Promise((resolve, reject) => {
      master.scanSecondary((error, list) => (error ? reject(error) : resolve(list)));
    });
    expect(found).toEqual(['1208205893154003', '120820992D2C0102']);
  }, 120_000);
});

/** A converter with the bus behind it: requests may come in pieces or together. */
function listen(meters: readonly BusMeter[]): Promise<Server> {
  const bus = mbusBus(meters);
  const made = createServer((socket) => {
    let pending = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      pending = Buffer.concat([pending, bytes]);
      for (
        let length = requestLength(pending);
        length > 0 && pending.length >= length;
        length = requestLength(pending)
      ) {
        const answer = bus(Uint8Array.from(pending.subarray(0, length)), 0);
        pending = pending.subarray(length);
        if (answer) socket.write(answer);
      }
    });
  });
  return new Promise((resolve) => made.listen(0, '127.0.0.1', () => resolve(made)));
}

function requestLength(bytes: Buffer): number {
  if (bytes[0] === 0x10) return 5;
  return bytes[0] === 0x68 && bytes[1] !== undefined ? bytes[1] + 6 : 0;
}
