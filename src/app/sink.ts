import type { Sink } from '../collect/round.ts';
import type { Log } from '../machine/log.ts';
import type { RoundKeeper } from './round-keeper.ts';
import type { Serials } from './serials.ts';

/** Rounds into the buffer: what was read, what of it could not be used, and the number that the meter told. */
export function bufferSink(keeper: RoundKeeper, serials: Serials | undefined, log: Log): Sink {
  return {
    async keep(round) {
      const { device, identity, isStranger } = round;
      const { written } = await keeper.keep(round);
      if (isStranger) return;
      await serials?.learn(device, identity?.serial);
      log.info('round-kept', { device, readings: written });
    },
  };
}
