import type { Buffer, KeptRound } from '../buffer/index.ts';
import { type ClockDoubt, doubted, doubtFrom, NO_DOUBT, seenClock, toRemember } from '../collect/clock-doubt.ts';
import type { Round } from '../collect/round.ts';
import type { ClockMemory } from '../core/clock-memory.ts';
import type { DeviceId } from '../core/reading.ts';
import type { Millis } from '../core/time.ts';
import { withoutSecondHourInDoubt } from './second-hour.ts';

/** Keeps rounds, whoever has asked the meter: what is not to be believed of them is marked or refused first. */
export interface RoundKeeper {
  /** Rejects as Buffer.keepRound does; the same round may be told again. */
  keep(round: Round): Promise<KeptRound>;
}

export interface RoundKeeperParts {
  readonly buffer: Buffer;
  /** How far a meter's clock may be off and be believed. */
  readonly clockOffMsMax: Millis;
  /** The zone of a meter whose stamps are local time. */
  readonly localZone: (device: DeviceId) => string | undefined;
}

interface ClockState {
  readonly doubt: ClockDoubt;
  /** As it stands on the disk. */
  readonly kept: ClockMemory | undefined;
}

export function createRoundKeeper({ buffer, clockOffMsMax, localZone }: RoundKeeperParts): RoundKeeper {
  const states = new Map<DeviceId, ClockState>();

  async function stateOf(device: DeviceId): Promise<ClockState> {
    const known = states.get(device);
    if (known) return known;
    const kept = await buffer.clockMemory(device);
    return { doubt: kept ? doubtFrom(kept) : NO_DOUBT, kept };
  }

  return {
    async keep(round) {
      const { device, unusable, endedAt } = round;
      const { doubt: before, kept } = await stateOf(device);
      const doubt = seenClock(before, round, clockOffMsMax);
      const zone = localZone(device);
      const readings = doubted(doubt, round.readings);
      const { believed, refused } = zone
        ? await withoutSecondHourInDoubt(buffer, readings, zone)
        : { believed: readings, refused: [] };
      const codes = [...unusable.map(({ code }) => code), ...refused.map(() => 'clock-not-credible' as const)];
      const refusals = [...new Set(codes)].map((code) => ({ device, at: endedAt, code }));
      const memory = toRemember(doubt, kept);
      // Asked for in one breath, all are one batch: what is believed next rests on what was seen of the clock now.
      const [keptRound] = await Promise.all([
        buffer.keepRound(believed),
        refusals.length > 0 ? buffer.keepRefusals(refusals) : undefined,
        memory && buffer.keepClock(device, memory),
      ]);
      states.set(device, { doubt, kept: memory ?? kept });
      return keptRound;
    },
  };
}
