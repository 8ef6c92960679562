/** The four tables of V1.1b3 clause 4.3: registers of 16 bits (holding, input) and single bits (coil, discrete input). */
export type Table = 'holding' | 'input' | 'coil' | 'discrete';

/** Registers or bits side by side: `address` is what goes on the wire (0-based), `count` at least 1. */
export interface RegisterRange {
  readonly table: Table;
  readonly address: number;
  readonly count: number;
}

/** What one request brought: two bytes for each register, high byte first, as the wire had them; a bit is a register of 0 or 1. */
export interface Answer {
  readonly range: RegisterRange;
  readonly bytes: Uint8Array;
}

export function isBits(table: Table): boolean {
  return table === 'coil' || table === 'discrete';
}

export function endOf(range: RegisterRange): number {
  return range.address + range.count;
}

/** True when all of `range` is in `whole`. */
export function within(range: RegisterRange, whole: RegisterRange): boolean {
  return range.table === whole.table && range.address >= whole.address && endOf(range) <= endOf(whole);
}

/** The bytes of `range` within an answer, or undefined when that answer does not hold all of it. */
export function bytesIn(answer: Answer, range: RegisterRange): Uint8Array | undefined {
  const { range: held, bytes } = answer;
  if (!within(range, held)) return undefined;
  const start = 2 * (range.address - held.address);
  return bytes.subarray(start, start + 2 * range.count);
}

/** `input 0x0048 to 0x0049`, for failures. */
export function rangeText({ table, address, count }: RegisterRange): string {
  return `${table} ${hex16(address)}${count === 1 ? '' : ` to ${hex16(address + count - 1)}`}`;
}

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function hexText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += PAIRS[byte];
  return text;
}

function hex16(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}
