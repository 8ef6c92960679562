import type { Decimal } from './decimal.ts';
import type { Quantity, Unit } from './quantity.ts';
import type { DeviceId, ReadingSource } from './reading.ts';
import type { Span, UtcMs } from './time.ts';

/** A delivery point's market code: EIC for gas, EAN-18 for electricity. */
export type PointCode = string;
export type Commodity = 'gas' | 'electricity';

/** What is published of a point. Gas: base volume in m3 and energy in kWh; electricity: offtake and delivery in kWh. */
export type Channel = 'volume' | 'energy' | 'import' | 'export';

/** Market unit of each channel. */
export const CHANNEL_UNIT = { volume: 'm3', energy: 'kWh', import: 'kWh', export: 'kWh' } as const satisfies Record<
  Channel,
  Unit
>;

/**
 * measured     difference of two indexes the meter froze itself
 * flagged      measured, but the meter reported trouble in it
 * computed     a boundary was interpolated between samples
 * estimated    filled by a rule the site allows, never over an actual value
 * substituted  a person decided
 * missing      nothing credible is known
 */
export const QUALITIES = ['measured', 'flagged', 'computed', 'estimated', 'substituted', 'missing'] as const;
export type Quality = (typeof QUALITIES)[number];

/** An index state at an interval's edge and where it came from: the first link of the proof. */
export interface Boundary {
  readonly at: UtcMs;
  readonly index: Decimal;
  readonly source: ReadingSource | 'interpolated';
  /** The instants of the readings it rests on: one, or the two it lies between. */
  readonly readings: readonly UtcMs[];
  /** Of a meter that took another's place: when it was seen there first (`Reading.meterSince`). */
  readonly meterSince?: UtcMs;
}

/** One interval of one channel of one point. Never changed; a correction is a higher version. */
export interface Interval extends Span {
  readonly point: PointCode;
  readonly channel: Channel;
  /** Absent only when quality is `missing`. */
  readonly value?: Decimal;
  readonly unit: Unit;
  readonly quality: Quality;
  /** Codes of what validation found, e.g. `rolled-over`, `meter-alarm`. */
  readonly findings: readonly string[];
  readonly version: number;
  readonly madeAt: UtcMs;
  /** The counters it was computed from: one, or two where undisturbed and disturbed gas are summed. */
  readonly origins: readonly IntervalOrigin[];
  /** What the advance of its counters was taken times, where the site file states a multiplier. As the next not in old records. */
  readonly multiplier?: Decimal;
  /** Of an advance at operating conditions: with what it was converted, or was to be. Not in records of before it was kept. */
  readonly conversion?: Conversion;
}

export interface IntervalOrigin {
  readonly device: DeviceId;
  readonly quantity: Quantity;
  readonly from: Boundary;
  readonly to: Boundary;
}

/** Gas at a pressure (absolute) and temperature. */
export interface GasState {
  readonly pressureKPa: Decimal;
  readonly temperatureC: Decimal;
}

/** The gas that SGERG-88 goes by: heat and density at 0 °C and 101.325 kPa, combustion at 25 °C; mole fractions. */
export interface GasQuality {
  /** MJ/m3: 20 to 48. */
  readonly superiorHeatMJ: number;
  /** To air: 0.55 to 0.9. */
  readonly relativeDensity: number;
  /** 0 to 0.3, and 0 to 0.1. */
  readonly carbonDioxide: number;
  readonly hydrogen: number;
}

/** What an operating volume was converted with: V x (p / p base) x (T base / T) / K. */
export interface Conversion extends GasState {
  readonly method: 'fixed' | 'sgerg-88';
  /** Of how many readings pressure and temperature are the means; 0: the site file states the value. */
  readonly pressureReadings: number;
  readonly temperatureReadings: number;
  /** K = Z / Z base; absent where there can be no such gas, or the method does not hold: then nothing was converted. */
  readonly ratio?: Decimal;
  /** sgerg-88: as the site file stated it then. */
  readonly gas?: GasQuality;
  readonly base: GasState;
}
