import { z } from 'zod';
import { QUANTITIES, type Quantity, UNITS, type Unit } from '../core/quantity.ts';
import type { MeterFlag } from '../core/reading.ts';
import { detectSchema } from './detect.ts';
import { mbusPlace, mbusWays } from './mbus-model.ts';

/**
 * A device file: one model of meter or corrector, as data. This schema is the only description of the format; the JSON Schema
 * for editors is generated from it. No expressions, no overrides: what a maker leaves to the site is a named block that the
 * site file places.
 */

/** Exact decimal text; YAML numbers would pass through binary floats. */
export const decimalText = z.string().regex(/^-?\d+(\.\d+)?$/, 'a decimal number in quotes, e.g. "0.01"');

const quantity = z.enum(Object.keys(QUANTITIES) as [Quantity, ...Quantity[]]);
const unit = z.enum(Object.keys(UNITS) as [Unit, ...Unit[]]);

export const MODBUS_NUMBERS = [
  'u16',
  's16',
  'u32',
  's32',
  'u48',
  'u64',
  's64',
  'f32',
  'f64',
  'bcd16',
  'bcd32',
  'bcd48',
  'bcd64',
] as const;
/**
 * Time formats: unix-u32 seconds since 1970 UTC in two registers; local-words6 year, month, day, hour, minute, second in six
 * registers; local-bcd3 YYMMDDhhmmss as BCD in three.
 */
export const MODBUS_TIMES = ['unix-u32', 'local-words6', 'local-bcd3'] as const;

/** How many 16-bit registers each type takes. */
export const MODBUS_REGISTERS = {
  u16: 1,
  s16: 1,
  u32: 2,
  s32: 2,
  u48: 3,
  u64: 4,
  s64: 4,
  f32: 2,
  f64: 4,
  bcd16: 1,
  bcd32: 2,
  bcd48: 3,
  bcd64: 4,
  'unix-u32': 2,
  'local-words6': 6,
  'local-bcd3': 3,
} as const satisfies Record<(typeof MODBUS_NUMBERS)[number] | (typeof MODBUS_TIMES)[number], number>;

const wordOrder = z.enum(['high-first', 'low-first']);
/** Which register of a number comes first, and which byte of each register: ABCD, CDAB (words), BADC (bytes), DCBA (both). */
const order = { words: wordOrder.default('high-first'), bytes: wordOrder.default('high-first') };

/** Where a value stands in a Modbus device: an address on the wire (0-based), or an offset in a block that the site places. */
export const modbusPlace = z
  .strictObject({
    table: z.enum(['holding', 'input']),
    address: z.int().min(0).max(65535).optional(),
    block: z.string().optional(),
    offset: z.int().min(0).optional(),
    type: z.enum([...MODBUS_NUMBERS, ...MODBUS_TIMES]),
    ...order,
    /** The register times this is the value in the reading's unit. */
    factor: decimalText.default('1'),
    /** So many equal counters stand side by side, one for each tariff; the value is their sum. */
    tariffs: z.int().min(1).max(8).default(1),
    /** What is counted below one step of the value, in registers right behind it; the two are added. */
    residual: z.strictObject({ type: z.enum(['u16', 'u32']), factor: decimalText }).optional(),
    /** Register patterns (hex) that mean "not available". */
    unavailable: z.array(z.string().regex(/^[0-9a-f]+$/, 'lower-case hex in quotes')).default([]),
  })
  .refine((place) => (place.address === undefined) === (place.block !== undefined && place.offset !== undefined), {
    message: 'either an address, or a block and an offset',
  });

const place = { mbus: mbusPlace.optional(), modbus: modbusPlace.optional() };

const reading = z.strictObject({
  quantity,
  unit,
  kind: z.enum(['counter', 'instantaneous']),
  /** Digits before the decimal point, in the reading's unit: the counter rolls over at 10^digits. */
  digits: z.int().min(1).max(20).optional(),
  /** The first value it cannot show, where that is no power of ten (binary counters). */
  rollsOverAt: decimalText.optional(),
  ...place,
  /** Present when the meter freezes the value itself at a full hour or quarter: where it writes the time it stands for. */
  stamp: z.strictObject(place).optional(),
});

const METER_FLAGS = [
  'alarm',
  'disturbed',
  'power-failed',
  'clock-set',
  'clock-invalid',
  'low-battery',
] as const satisfies readonly MeterFlag[];

/** A bit of the meter's status: a coil, a discrete input, or one bit of a register (0 is the lowest). */
const modbusBit = z
  .strictObject({
    table: z.enum(['coil', 'discrete', 'holding', 'input']),
    address: z.int().min(0).max(65535).optional(),
    block: z.string().optional(),
    offset: z.int().min(0).optional(),
    bit: z.int().min(0).max(15).optional(),
  })
  .refine((place) => (place.address === undefined) === (place.block !== undefined && place.offset !== undefined), {
    message: 'either an address, or a block and an offset',
  })
  .refine((place) => (place.bit === undefined) === (place.table === 'coil' || place.table === 'discrete'), {
    message: '"bit:" in a register, and none for a coil or discrete input',
    path: ['bit'],
  });

const stampInRecord = z.strictObject({ offset: z.int().min(0), type: z.enum(MODBUS_TIMES), ...order });

const recordValues = z
  .array(
    z.strictObject({
      quantity,
      unit,
      offset: z.int().min(0),
      type: z.enum(MODBUS_NUMBERS),
      ...order,
      factor: decimalText.default('1'),
    }),
  )
  .min(1);

/** Archive of equal records side by side in Modbus registers, the stamp in each. */
const recordsArchive = z.strictObject({
  pattern: z.literal('records'),
  table: z.enum(['holding', 'input']),
  block: z.string(),
  /** Registers from one record to the next. */
  stride: z.int().min(1),
  records: z.int().min(1),
  newest: z.enum(['first', 'last']),
  stamp: stampInRecord,
  values: recordValues,
});

/** Archive of which one record at a time stands in a window: the one whose number was written last. */
const selectorArchive = z.strictObject({
  pattern: z.literal('selector'),
  /** The holding register that takes the number. It is the only register that this program ever writes. */
  select: z.strictObject({
    address: z.int().min(0).max(65535),
    /** 6 writes a single register, 16 a row of registers of length one: meters know one or both. */
    function: z.literal([6, 16]),
    /** The number that stands for the newest record, whichever that is. */
    newest: z.int().min(0).max(65535),
  }),
  /** Read whole by one request, so that it cannot change in between. Offsets below count from its start. */
  window: z.strictObject({
    table: z.enum(['holding', 'input']),
    address: z.int().min(0).max(65535),
    registers: z.int().min(1).max(125),
  }),
  /** Where the window says the number of the record before this one. */
  older: z.strictObject({ offset: z.int().min(0) }),
  records: z.int().min(1),
  /** A register of the record, and what it holds when the record can be used. */
  usable: z.strictObject({ offset: z.int().min(0), is: z.array(z.int().min(0).max(65535)).min(1) }).optional(),
  stamp: stampInRecord,
  values: recordValues,
});

const archive = z.discriminatedUnion('pattern', [recordsArchive, selectorArchive]);

export const lineSetting = z.strictObject({
  baud: z.int().min(300).max(115200),
  dataBits: z.literal([7, 8]),
  parity: z.enum(['none', 'even', 'odd']),
  stopBits: z.literal([1, 2]),
});

const expected = z.strictObject({
  quantity,
  value: decimalText,
  unit,
  /** For stored values: the instant, UTC. */
  at: z.string().optional(),
  flags: z.array(z.enum(METER_FLAGS)).default([]),
});

/** An example that the linter decodes with the real driver. */
const test = z.strictObject({
  name: z.string(),
  /** Where the example comes from: a maker's document, or "made by hand from ...". */
  source: z.string(),
  /** M-Bus: the answer telegram in hex. */
  telegram: z.string().optional(),
  /** Modbus: registers in hex by table and start address, e.g. "holding:0x1000": "0001 86a0"; coils as 0000 or 0001. */
  registers: z.record(z.string(), z.string()).optional(),
  /** The blocks as a site would place them. */
  blocks: z.record(z.string(), z.int()).optional(),
  zone: z.string().default('Europe/Prague'),
  now: z.string(),
  expect: z.array(expected).min(1),
});

export const deviceModelSchema = z.strictObject({
  maker: z.string().min(1),
  model: z.string().min(1),
  medium: z.enum(['gas', 'electricity']),
  protocol: z.enum(['mbus', 'modbus']),
  /** Whether anybody has held this file against the real device. */
  hardwareTested: z.boolean(),
  /** Documents behind the addresses. */
  source: z.string(),
  detect: detectSchema.optional(),
  /** For a meter that cannot be set otherwise: a serial line speaks to it so, whatever the line's own setting. */
  line: lineSetting.optional(),
  /** How the meter's own clock runs. */
  clock: z.enum(['local', 'winter', 'utc']).default('local'),
  replyTimeoutMs: z.int().min(50).max(60_000).default(2_000),
  /** The longest time after the time-out in which the answer may still come; the same again where nothing is said. */
  lateAnswerMs: z.int().min(0).max(120_000).optional(),
  /** Silence inside an answer that ends it. */
  gapTimeoutMs: z.int().min(5).max(10_000).default(300),
  /** Rest between two requests to this device. */
  pauseMs: z.int().min(0).max(10_000).default(0),
  modbus: z
    .strictObject({
      /** Registers (or bits) in one request at the most. */
      registersMax: z.int().min(1).max(125).default(125),
      /** Unused registers that a request may read across; 0 = never across a hole. */
      holeMax: z.int().min(0).max(100).default(0),
      /** one-value-per-request: the meter answers only what begins and ends where one of its values does. */
      quirks: z.array(z.enum(['one-value-per-request'])).default([]),
    })
    .prefault({}),
  mbus: mbusWays.prefault({}),
  /** Blocks whose place the maker leaves to the site, with what they hold. */
  blocks: z.record(z.string(), z.string()).default({}),
  readings: z.array(reading).min(1),
  archive: archive.optional(),
  /** Status bits that flag every value of a reading (M-Bus sends a status byte by itself). */
  flags: z.array(z.strictObject({ flag: z.enum(METER_FLAGS), modbus: modbusBit })).default([]),
  /** Where the meter writes its own serial number and clock (M-Bus sends both by itself). */
  identity: z.strictObject({ modbus: modbusPlace }).optional(),
  meterClock: z.strictObject(place).optional(),
  tests: z.array(test).min(1),
});

export type DeviceModel = z.infer<typeof deviceModelSchema>;
export type ReadingSpec = DeviceModel['readings'][number];
export type ArchiveSpec = NonNullable<DeviceModel['archive']>;
export type RecordsArchive = Extract<ArchiveSpec, { pattern: 'records' }>;
export type SelectorArchive = Extract<ArchiveSpec, { pattern: 'selector' }>;
export type MbusPlace = z.infer<typeof mbusPlace>;
export type ModbusPlace = z.infer<typeof modbusPlace>;
export type ModbusBit = z.infer<typeof modbusBit>;
export type ModbusOrder = Pick<ModbusPlace, 'words' | 'bytes'>;
export type ModelTest = DeviceModel['tests'][number];
