import { access, readFile, statfs } from 'node:fs/promises';
import type { Box } from '../machine/box.ts';

/** Made by systemd-timesyncd; other time services leave no trace that needs no privilege. */
const TIMESYNC_FOLDER = '/run/systemd/timesync';
const THERMAL_FILE = '/sys/class/thermal/thermal_zone0/temp';

/** @param folder on the disk whose room is told */
export function hostBox(folder: string): Box {
  return {
    async facts() {
      const [disk, temperature, timesync, synchronised] = await Promise.all([
        statfs(folder).catch(() => undefined),
        readFile(THERMAL_FILE, 'utf8').catch(() => undefined),
        exists(TIMESYNC_FOLDER),
        exists(`${TIMESYNC_FOLDER}/synchronized`),
      ]);
      return {
        uptimeMs: Math.round(process.uptime() * 1_000),
        memoryBytes: process.memoryUsage.rss(),
        ...(disk && { diskFreeBytes: disk.bavail * disk.bsize }),
        ...(temperature !== undefined && { temperatureC: Number(temperature) / 1_000 }),
        ...(timesync && { ntpSynchronised: synchronised }),
      };
    },
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
