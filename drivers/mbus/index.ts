import type { FieldDriver } from '../../src/core/driver.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { LinkMemory } from './link-memory.ts';
import { MbusSession } from './session.ts';

export type { MbusValue } from './data.ts';
export type { MbusHeader } from './header.ts';
export { overheardTelegrams, type ShownRequest, showRequest } from './overheard.ts';
export { primaryScan } from './primary-scan.ts';
export type { MbusFunction, MbusRecord } from './record.ts';
export type { FoundMeter, Scan, ScanStep, ScanTiming } from './scan.ts';
export { fits, parseSecondary } from './secondary.ts';
export { type SearchOptions, secondarySearch } from './secondary-search.ts';
export { applicationReset, baudSwitch, linkReset, MBUS_BAUDS, type MbusTarget } from './setup.ts';
export { type ShownRecord, type ShownTelegram, showTelegram } from './show.ts';
export { type Decoded, decodeTelegram, type MbusTelegram } from './telegram.ts';

/**
 * M-Bus (EN 13757-2 and -3), meters on primary and secondary addresses. A gateway has one of its own: it knows the links of its
 * meters from one dialogue to the next.
 */
export function createMbusDriver(): FieldDriver<BoundDevice> {
  const links = new LinkMemory();
  return {
    protocol: 'mbus',
    // A frame carries no transaction id: a late answer looks like the answer to the next request.
    reopenAfterTimeout: () => true,
    session: (device, request) => new MbusSession(device, request, links),
  };
}

export const mbusDriver: FieldDriver<BoundDevice> = createMbusDriver();
