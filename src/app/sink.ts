import type { Buffer } from '../buffer/index.ts';
import type { Sink } from '../collect/round.ts';
import type { DeviceId } from '../core/reading.ts';
import type { Log } from '../machine/log.ts';
import { withoutSecondHourInDoubt } from './second-hour.ts';
import type { Serials } from './serials.ts';

/**
 * Rounds into the buffer: what was read, what of it could not be used, and the number that the meter told.
 * @param localZone the zone of a meter whose stamps are local time
 */
export function bufferSink(
  buffer: Buffer,
  serials: Serials | undefined,
  log: Log,
  localZone: (device: DeviceId) => string | undefined,
): Sink {
  return {
    async keep({ device, readings, unusable, endedAt, identity }) {
      await serials?.learn(device, identity?.serial);
      const zone = localZone(device);
      const { believed, refused: inDoubt } = zone
        ? await withoutSecondHourInDoubt(buffer, readings, zone)
        : { believed: readings, refused: [] };
      const codes = [...unusable.map(({ code }) => code), ...inDoubt.map(() => 'clock-not-credible' as const)];
      const refusals = [...new Set(codes)].map((code) => ({ device, at: endedAt, code }));
      // Asked for in one breath, both are one batch.
      const refused = refusals.length > 0 ? buffer.keepRefusals(refusals) : undefined;
      const [{ written }] = await Promise.all([buffer.keepRound(believed), refused]);
      log.info('round-kept', { device, readings: written });
    },
  };
}
