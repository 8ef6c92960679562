import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import { parseUtc } from '../core/time.ts';
import { hostClock, scaledClock } from '../host/clock.ts';
import type { Clock } from '../machine/clock.ts';

/** A rehearsal's clock: the wall showed `startWall` when the machine's showed `startedAtEpochMs`, and runs `scale` times faster. */
export const clockSettingSchema = z.strictObject({
  startWall: z.number(),
  startedAtEpochMs: z.number(),
  scale: z.number().positive(),
});

export type ClockSetting = z.infer<typeof clockSettingSchema>;

export function clockFrom(setting: ClockSetting | undefined): Clock {
  return setting ? scaledClock(setting) : hostClock();
}

/** Command line form of a clock setting: `2026-03-27T22:40:00Z@1774650000000x1000`. */
export function clockText({ startWall, startedAtEpochMs, scale }: ClockSetting): string {
  return `${new Date(startWall).toISOString()}@${startedAtEpochMs}x${scale}`;
}

export function parseClockText(text: string): ClockSetting {
  const match = /^(.+)@(\d+)x([\d.]+)$/.exec(text);
  if (!match) throw new OdecetError('usage', `--clock "${text}"; expected INSTANT@EPOCHMSxSCALE`);
  return clockSettingSchema.parse({
    startWall: parseUtc(match[1]!),
    startedAtEpochMs: Number(match[2]),
    scale: Number(match[3]),
  });
}
