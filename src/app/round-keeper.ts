import type { Buffer, KeptRound } from '../buffer/index.ts';
import { type ClockDoubt, doubted, doubtFrom, NO_DOUBT, seenClock, toRemember } from '../collect/clock-doubt.ts';
import { ofMeterSince } from '../collect/meter-history.ts';
import type { Round } from '../collect/round.ts';
import type { ClockMemory } from '../core/clock-memory.ts';
import { standsSince } from '../core/meter-history.ts';
import type { DeviceId, Reading } from '../core/reading.ts';
import { isoUtc, type Millis, type UtcMs } from '../core/time.ts';
import { createMeterKeeper, type MeterKeeperParts } from './meter-keeper.ts';
import { withoutSecondHourInDoubt } from './second-hour.ts';

/** Keeps rounds, whoever has asked the meter: what is not to be believed of them is marked or refused first. */
export interface RoundKeeper {
  /** Rejects as Buffer.keepRound does; the same round may be told again. */
  keep(round: Round): Promise<KeptRound>;
  /** When the meter that stands there was seen there first; undefined for the first of the place. */
  meterSince(device: DeviceId): Promise<UtcMs | undefined>;
}

export interface RoundKeeperParts extends Omit<MeterKeeperParts, 'buffer'> {
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

export function createRoundKeeper(parts: RoundKeeperParts): RoundKeeper {
  const { buffer, clockOffMsMax, localZone, log } = parts;
  const meters = createMeterKeeper(parts);
  const states = new Map<DeviceId, ClockState>();

  async function stateOf(device: DeviceId): Promise<ClockState> {
    const known = states.get(device);
    if (known) return known;
    const kept = await buffer.clockMemory(device);
    return { doubt: kept ? doubtFrom(kept) : NO_DOUBT, kept };
  }

  /** Of a stranger nothing is believed, but that it stands there. */
  async function keepStranger(round: Round): Promise<KeptRound> {
    const seen = await meters.see(round);
    if (seen.toKeep) await buffer.keepMeters(round.device, seen.toKeep);
    meters.kept(round.device, seen);
    return { written: 0, known: 0, conflicts: [] };
  }

  return {
    meterSince: meters.since,
    async keep(round) {
      if (round.isStranger) return keepStranger(round);
      const { device, unusable, endedAt } = round;
      const { doubt: before, kept } = await stateOf(device);
      const doubt = seenClock(before, round, clockOffMsMax);
      const zone = localZone(device);
      const seen = await meters.see(round);
      const ofMeter = ofMeterSince(round.readings, standsSince(seen.history));
      const readings = doubted(doubt, ofMeter.own);
      const { believed, refused } = zone
        ? await withoutSecondHourInDoubt(buffer, readings, zone)
        : { believed: readings, refused: [] };
      const codes = [...unusable.map(({ code }) => code), ...refused.map(() => 'clock-not-credible' as const)];
      const refusals = [...new Set(codes)].map((code) => ({ device, at: endedAt, code }));
      const memory = toRemember(doubt, kept);
      // Asked for in one breath, all are one batch: what is believed next rests on what was seen of clock and meter now.
      const [keptRound] = await Promise.all([
        buffer.keepRound(believed),
        refusals.length > 0 ? buffer.keepRefusals(refusals) : undefined,
        memory && buffer.keepClock(device, memory),
        seen.toKeep && buffer.keepMeters(device, seen.toKeep),
      ]);
      states.set(device, { doubt, kept: memory ?? kept });
      meters.kept(device, seen);
      tellElsewhere(device, ofMeter.before);
      return keptRound;
    },
  };

  function tellElsewhere(device: DeviceId, before: readonly Reading[]): void {
    if (before.length === 0) return;
    const instants = before.map(({ at }) => at);
    const span = { from: isoUtc(Math.min(...instants)), to: isoUtc(Math.max(...instants)) };
    log.info('frozen-elsewhere', { device, readings: before.length, ...span });
  }
}
