import type { FieldDriver } from '../../src/core/driver.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { MbusSession } from './session.ts';

export type { MbusValue } from './data.ts';
export type { MbusHeader } from './header.ts';
export type { MbusFunction, MbusRecord } from './record.ts';
export { type Decoded, decodeTelegram, type MbusTelegram } from './telegram.ts';

/** M-Bus (EN 13757-2 and -3), meters on primary addresses. */
export const mbusDriver: FieldDriver<BoundDevice> = {
  protocol: 'mbus',
  // A frame carries no transaction id: a late answer looks like the answer to the next request.
  reopenAfterTimeout: () => true,
  session: (device, request) => new MbusSession(device, request),
};
