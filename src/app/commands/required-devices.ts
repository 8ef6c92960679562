import { isDeepStrictEqual } from 'node:util';
import type { DeviceStatus } from '../../collect/round.ts';
import type { DeviceConfig, Site } from '../../device/site.ts';

/** Failed readings in a row after which a device counts as dead: one that only stumbled is still asked for. */
const DEAD_AFTER = 3;

/**
 * Devices that must be read for a new site file to be well. All that it has, also those that nobody has read yet, as right after
 * a start; but not a device that is dead already and stands in the new file as in the old one: it says nothing against the file.
 * It is asked for all the same where its line is changed and no other device would prove that line. Empty where nothing would
 * prove the file.
 */
export function requiredDevices(
  before: Pick<Site, 'devices' | 'lines'>,
  next: Pick<Site, 'devices' | 'lines'>,
  told: readonly Pick<DeviceStatus, 'device' | 'failuresInRow'>[],
): string[] {
  const dead = new Set(told.filter(({ failuresInRow }) => failuresInRow >= DEAD_AFTER).map(({ device }) => device));
  const saysNothing = (device: DeviceConfig) => dead.has(device.id) && stands(device, before.devices);
  const provenLines = new Set(next.devices.filter((device) => !saysNothing(device)).map(({ line }) => line));
  const needsProof = new Set(
    next.lines.filter((line) => !stands(line, before.lines) && !provenLines.has(line.id)).map(({ id }) => id),
  );
  return next.devices.filter((device) => !saysNothing(device) || needsProof.has(device.line)).map(({ id }) => id);
}

function stands<T extends { readonly id: string }>(one: T, among: readonly T[]): boolean {
  return among.some((other) => isDeepStrictEqual(other, one));
}
