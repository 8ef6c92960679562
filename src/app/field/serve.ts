import { OdecetError } from '../../core/failure.ts';
import type { BoundDevice } from '../../device/bound.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Handler } from '../control.ts';
import type { Gateway } from '../gateway.ts';
import { readTold } from './told.ts';

/** A running gateway reads for a command on the line that it owns: `{"do": "read", "device": "..."}`. */
export function readHandler(
  { ask, drivers }: Pick<Gateway, 'ask' | 'drivers'>,
  devices: ReadonlyMap<string, BoundDevice>,
  clock: Clock,
): Handler {
  return async ({ device: id }) => {
    const device = typeof id === 'string' ? devices.get(id) : undefined;
    const driver = device && drivers.get(device.model.protocol);
    if (!device || !driver) {
      const known = [...devices.keys()].join(', ');
      throw new OdecetError('usage', `the gateway has no device "${String(id)}"; it has ${known}`);
    }
    return ask(device.config.line, (line, signal) => readTold(line, device, driver, clock, signal));
  };
}
