import type { SimDisk } from '../../sim/store.ts';
import type { Trace } from './trace.ts';

/** Bits that fell over in records. */
export interface Flips {
  /** Records that were damaged, as that left them. */
  readonly flipped: ReadonlyMap<string, Uint8Array>;
  /** Those of them that are on the disk in use now; a fresh disk has those of its backup. */
  readonly standing: Set<string>;
  meet(disk: SimDisk): void;
  /** How often the scrubber has come round since the record was damaged. */
  roundsSince(key: string): number;
}

export function bitFlips(trace: Trace): Flips {
  const flipped = new Map<string, Uint8Array>();
  const standing = new Set<string>();
  const rounds = new Map<string, number>();
  return {
    flipped,
    standing,
    meet(disk) {
      const key = disk.flipBit();
      if (key === undefined) return;
      flipped.set(key, disk.bytesOf(key)!);
      standing.add(key);
      rounds.set(key, trace.scrubRounds);
      trace.count('bit-flip');
      trace.note('bit-flip', key);
    },
    roundsSince: (key) => trace.scrubRounds - (rounds.get(key) ?? trace.scrubRounds),
  };
}
