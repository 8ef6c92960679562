import { writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import type { Clock } from '../machine/clock.ts';
import type { SimulatedMeter } from '../sim/meter/mbus-meter.ts';
import { type Park, parkMeter, parkTruth } from '../sim/meter/park.ts';
import { clockFrom, clockSettingSchema } from './clock.ts';
import { deviceLibrary, loadDeviceModel } from './device-files.ts';
import { PROJECT_FOLDER } from './project.ts';

/** The file that the demo writes: the park, its sockets, and the clock that all its processes share. */
export const parkFileSchema = z.strictObject({
  clock: clockSettingSchema,
  /** Park without its functions; checked by use, it is written by a program. */
  park: z.custom<Park>((value) => typeof value === 'object' && value !== null),
  lines: z.array(z.strictObject({ id: z.string(), port: z.int() })),
  truth: z.strictObject({ day: z.string(), speed: z.number(), file: z.string() }).optional(),
});

export interface RunningPark {
  close(): Promise<void>;
}

/** Opens one listening socket for each line with all its meters behind it, as a converter has a bus behind it. */
export async function startMeterPark(file: unknown): Promise<RunningPark> {
  const { clock: setting, park, lines, truth } = parkFileSchema.parse(file);
  if (truth) await writeTruth(park, truth);
  const clock = clockFrom(setting);
  const sockets = new Set<Socket>();
  const library = deviceLibrary([join(PROJECT_FOLDER, 'device-config')]);
  const servers = await Promise.all(
    lines.map(({ id, port }) => {
      const here = park.meters.filter((meter) => meter.device.line === id);
      const meters = here.map((meter) => parkMeter(park, meter, loadDeviceModel(meter.device.model, library)));
      return listen(port, meters, clock, sockets);
    }),
  );
  return {
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

function listen(port: number, meters: readonly SimulatedMeter[], clock: Clock, sockets: Set<Socket>): Promise<Server> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      for (const meter of meters) {
        const answer = meter(bytes, clock.now());
        if (answer) socket.write(answer);
      }
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(new OdecetError('port-in-use', `127.0.0.1:${port}`, { cause })));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function writeTruth(
  park: Park,
  { day, speed, file }: { day: string; speed: number; file: string },
): Promise<void> {
  const rows = parkTruth(park, day, speed).sort((a, b) =>
    compareText(`${a.point} ${a.start}`, `${b.point} ${b.start}`),
  );
  const columns = ['point', 'commodity', 'start', 'minutes', 'value', 'unit', 'tolerance'];
  await writeFile(file, stringify(rows, { header: true, columns }));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
