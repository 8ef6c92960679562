import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
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
  const [, wall = '', epoch, scale] = /^(.+)@(\d+)x([\d.]+)$/.exec(text) ?? [];
  const setting = clockSettingSchema.safeParse({
    startWall: Date.parse(wall),
    startedAtEpochMs: Number(epoch),
    scale: Number(scale),
  });
  if (setting.success) return setting.data;
  throw new OdecetError('usage', `--clock "${text}"; expected INSTANT@EPOCHMSxSCALE, as the demo gives it`);
}
