import { ADDRESS_SELECTED, sndUd } from './frame.ts';
import { type MbusHeader, manufacturerText } from './header.ts';
import { hex } from './hex.ts';

/**
 * A secondary address (EN 13757-3:2018, clause 11): id, manufacturer, version and medium. A part that is undefined, and a
 * digit F of the id, stand for anything.
 */
export interface SecondaryAddress {
  /** Eight lower-case hex digits. */
  readonly id: string;
  readonly manufacturerCode?: number;
  readonly version?: number;
  readonly mediumCode?: number;
}

const CI_SELECT = 0x52;
export const ID_DIGITS = 8;
export const WILD = 'f';
export const ANY_METER: SecondaryAddress = { id: WILD.repeat(ID_DIGITS) };

/**
 * Reads `12345678`, or 16 digits as the common M-Bus tools write them: id, then manufacturer, version and medium as their bytes
 * stand on the wire; FF is a wildcard. The site checker has judged the form; anything else is a RangeError.
 */
export function parseSecondary(text: string): SecondaryAddress {
  const digits = text.toLowerCase();
  if (!/^([0-9a-f]{8}|[0-9a-f]{16})$/.test(digits)) throw new RangeError(`not a secondary address: "${text}"`);
  const rest = digits.slice(ID_DIGITS).padEnd(ID_DIGITS, WILD);
  const [low, high, version, medium] = [0, 2, 4, 6].map((at) => Number.parseInt(rest.slice(at, at + 2), 16));
  const manufacturerCode = low! | (high! << 8);
  return {
    id: digits.slice(0, ID_DIGITS),
    ...(manufacturerCode === 0xffff ? {} : { manufacturerCode }),
    ...(version === 0xff ? {} : { version: version! }),
    ...(medium === 0xff ? {} : { mediumCode: medium! }),
  };
}

/** 16 hex digits, the other way round. */
export function secondaryText(address: SecondaryAddress): string {
  return `${address.id}${hex(selection(address).subarray(ID_DIGITS / 2))}`;
}

/** The eight bytes as they stand on the wire, which is also how the long header begins. */
function selection({ id, manufacturerCode = 0xffff, version = 0xff, mediumCode = 0xff }: SecondaryAddress): Uint8Array {
  const idBytes = [6, 4, 2, 0].map((at) => Number.parseInt(id.slice(at, at + 2), 16));
  return Uint8Array.of(...idBytes, manufacturerCode & 0xff, manufacturerCode >> 8, version, mediumCode);
}

/** Selects every meter that the address fits and deselects all others; each one selected answers E5. */
export function selectFrame(address: SecondaryAddress): Uint8Array {
  return sndUd(ADDRESS_SELECTED, CI_SELECT, selection(address));
}

/** Whether the meter that the header is of can have been selected by this address. */
export function fits(header: MbusHeader, address: SecondaryAddress): boolean {
  const { id } = header;
  const asked = address.manufacturerCode;
  return (
    id !== undefined &&
    Array.from(address.id).every((digit, n) => digit === WILD || digit === id[n]) &&
    (asked === undefined || header.manufacturer === undefined || header.manufacturer === manufacturerText(asked)) &&
    (address.version === undefined || header.version === undefined || header.version === address.version) &&
    (address.mediumCode === undefined || header.mediumCode === undefined || header.mediumCode === address.mediumCode)
  );
}
