/**
 * Writes M-Bus application data (EN 13757-3:2018) for simulated meters. Written apart from the driver on purpose, so that a fault
 * in one does not hide in the other.
 */

/** The low four bits of a DIF and the bytes that follow the VIF. */
export interface RecordData {
  readonly field: number;
  readonly bytes: readonly number[];
}

export interface RecordPlan {
  /** 0 instantaneous, 1 maximum, 2 minimum, 3 during an error. */
  readonly function?: 0 | 1 | 2 | 3;
  readonly storage?: number;
  readonly tariff?: number;
  readonly subunit?: number;
  /** VIF bytes and VIFEs in their order, extension bits left out: `[0x13]`, `[0xfb, 0x00]`, `[0x2b, 0x7c, 0x01]`. */
  readonly vif: readonly number[];
  /** Unit of a plain-text VIF (7C). */
  readonly text?: string;
  readonly data: RecordData;
}

/** DIF, DIFEs, VIF, VIFEs, data (clauses 6.2 and 6.3). */
export function record(plan: RecordPlan): number[] {
  const { function: kind = 0, storage = 0, tariff = 0, subunit = 0, vif, text, data } = plan;
  const difes: number[] = [];
  // Not by shifts: storage numbers have up to 41 bits.
  let [s, t, u] = [Math.floor(storage / 2), tariff, subunit];
  while (s > 0 || t > 0 || u > 0) {
    difes.push((s % 16) | ((t % 4) << 4) | ((u % 2) << 6));
    [s, t, u] = [Math.floor(s / 16), Math.floor(t / 4), Math.floor(u / 2)];
  }
  const head = chained([data.field | (kind << 4) | ((storage % 2) << 6), ...difes]);
  return [...head, ...vifBytes(vif, text), ...data.bytes];
}

/** FB and FD carry the extension bit in themselves; the text of a plain-text VIF stands right behind it. */
function vifBytes(vif: readonly number[], text: string | undefined): number[] {
  const [first = 0, ...vifes] = chained(vif);
  return text === undefined ? [first, ...vifes] : [first, text.length, ...latin1(text), ...vifes];
}

function chained(bytes: readonly number[]): number[] {
  return bytes.map((byte, n) => (n < bytes.length - 1 ? byte | 0x80 : byte));
}

const INTEGER_FIELDS: Readonly<Record<number, number>> = { 1: 1, 2: 2, 3: 3, 4: 4, 6: 6, 8: 7 };

/** Two's complement (type B) or unsigned (type C) in 1, 2, 3, 4, 6 or 8 bytes, low byte first. */
export function integer(value: bigint | number, bytes: 1 | 2 | 3 | 4 | 6 | 8): RecordData {
  const pattern = BigInt.asUintN(8 * bytes, BigInt(value));
  const [low, high] = [Number(pattern & 0xffff_ffffn), Number(pattern >> 32n)];
  const all = Array.from({ length: bytes }, (_, n) => ((n < 4 ? low : high) >>> (8 * (n % 4))) & 0xff);
  return { field: INTEGER_FIELDS[bytes]!, bytes: all };
}

const BCD_FIELDS: Readonly<Record<number, number>> = { 2: 0x9, 4: 0xa, 6: 0xb, 8: 0xc, 12: 0xe };

/** Type A; a negative number has F as its first digit, so one digit less (Annex B). */
export function bcd(value: bigint | number, digits: 2 | 4 | 6 | 8 | 12): RecordData {
  const negative = value < 0;
  const text = String(negative ? -value : value).padStart(negative ? digits - 1 : digits, '0');
  return { field: BCD_FIELDS[digits]!, bytes: reversedHex(negative ? `f${text}` : text) };
}

/** Type H. */
export function real32(value: number): RecordData {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  return { field: 0x5, bytes: [0, 1, 2, 3].map((at) => view.getUint8(at)) };
}

/** Variable length (table 5): ISO 8859-1, the last character first. */
export function text(value: string): RecordData {
  return { field: 0xd, bytes: [value.length, ...latin1(value)] };
}

/** Variable length: BCD with the sign in its length byte. */
export function variableBcd(value: bigint): RecordData {
  const digits = String(value < 0n ? -value : value);
  const bytes = reversedHex(digits.padStart(digits.length + (digits.length % 2), '0'));
  return { field: 0xd, bytes: [(value < 0n ? 0xd0 : 0xc0) + bytes.length, ...bytes] };
}

/** Variable length: up to 15 bytes as they are. */
export function binary(bytes: readonly number[]): RecordData {
  return { field: 0xd, bytes: [0xe0 + bytes.length, ...bytes] };
}

export const noData: RecordData = { field: 0x0, bytes: [] };

/** What a meter's clock shows; its own summer time bit. */
export interface MeterTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly summer: boolean;
}

/** Date (type G, CP16). */
export function typeG({ year, month, day }: MeterTime): RecordData {
  return { field: 0x2, bytes: dateBytes(year, month, day) };
}

/** Date and time (type F, CP32), the century in its two bits; no seconds. */
export function typeF({ year, month, day, hour, minute, summer }: MeterTime, valid = true): RecordData {
  const century = Math.floor((year - 1900) / 100);
  const bytes = [
    minute | (valid ? 0 : 0x80),
    hour | (century << 5) | (summer ? 0x80 : 0),
    ...dateBytes(year, month, day),
  ];
  return { field: 0x4, bytes };
}

/** Date and time to the second (type I, CP48); week and weekday left at 0, not given. */
export function typeI(time: MeterTime, valid = true): RecordData {
  const { year, month, day, hour, minute, second, summer } = time;
  const clock = [second | (summer ? 0x40 : 0), minute | (valid ? 0 : 0x80), hour];
  return { field: 0x6, bytes: [...clock, ...dateBytes(year, month, day), 0] };
}

/** Time of day (type J, CP24). */
export function typeJ({ hour, minute, second }: Pick<MeterTime, 'hour' | 'minute' | 'second'>): RecordData {
  return { field: 0x3, bytes: [second, minute, hour] };
}

function dateBytes(year: number, month: number, day: number): number[] {
  const short = year % 100;
  return [day | ((short & 0x07) << 5), month | ((short & 0x78) << 1)];
}

/** Who the meter says it is (clause 5.4). */
export interface MeterIdentity {
  /** Eight digits. */
  readonly id: string;
  readonly manufacturer: string;
  readonly version: number;
  readonly medium: number;
}

/** The eight bytes that a selection is compared with. */
export function identityBytes({ id, manufacturer, version, medium }: MeterIdentity): number[] {
  const code = Array.from(manufacturer).reduce((sum, letter) => sum * 32 + letter.charCodeAt(0) - 64, 0);
  return [...reversedHex(id), code & 0xff, code >> 8, version, medium];
}

/** A long frame from the meter (RSP_UD). */
export function responseFrame(address: number, ci: number, data: readonly number[]): Uint8Array {
  const content = [0x08, address, ci, ...data];
  const checksum = content.reduce((sum, byte) => (sum + byte) & 0xff, 0);
  return Uint8Array.of(0x68, content.length, content.length, 0x68, ...content, checksum, 0x16);
}

function reversedHex(digits: string): number[] {
  const pairs = digits.match(/../g) ?? [];
  return pairs.reverse().map((pair) => Number.parseInt(pair, 16));
}

function latin1(value: string): number[] {
  return Array.from(value)
    .reverse()
    .map((character) => character.charCodeAt(0));
}
