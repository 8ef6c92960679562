import { marketIntervals } from '../../core/calendar.ts';
import { type Decimal, decimal, decimalText, subtract } from '../../core/decimal.ts';
import type { Commodity } from '../../core/interval.ts';
import type { Quantity, Unit } from '../../core/quantity.ts';
import type { MeterFlag } from '../../core/reading.ts';
import { isoUtc, type MarketDay, SECOND_MS, spanMinutes, type UtcMs } from '../../core/time.ts';
import type { DeviceModel } from '../../device/model.ts';
import type { DeviceConfig, LineConfig } from '../../device/site.ts';
import { createLoad, type LoadCurve, STEP_MS } from './load.ts';
import { mbusMeter, type SimulatedMeter } from './mbus-meter.ts';
import { modbusMeter } from './modbus-meter.ts';
import { registerImage, type Shown } from './registers.ts';

/** One simulated meter as it stands at a point of the imagined site. */
export interface ParkMeter {
  readonly device: DeviceConfig;
  readonly framing: LineConfig['framing'];
  readonly point: string;
  readonly commodity: Commodity;
  readonly serial: string;
  /** Use at full load in litres or watt-hours an hour. */
  readonly fullPerHour: number;
  /** The counter at the park's start, litres or watt-hours. */
  readonly startIndex: number;
  /** Whether the meter freezes its index at full periods by itself. */
  readonly stores: boolean;
  readonly minutes: 15 | 60;
}

export interface Park {
  readonly seed: number;
  readonly zone: string;
  readonly start: UtcMs;
  readonly meters: readonly ParkMeter[];
}

/** What a meter does that is not its counting; nothing of it where it is left out. */
export interface MeterWhims {
  /** M-Bus: the status byte. */
  readonly status?: (now: UtcMs) => number;
  /** Modbus: which of the status bits of its device file are set. */
  readonly raised?: (now: UtcMs) => readonly MeterFlag[];
  /** The newest instant for which it has frozen anything. */
  readonly frozenUpTo?: (now: UtcMs) => UtcMs;
  /** What it shows of a quantity, before what every meter shows of it. */
  readonly shown?: Shown;
}

/** Counters run in thousandths of the market unit: litres, watt-hours. */
const COUNTER_EXPONENT = -3;
const COUNTER: Record<Commodity, { readonly quantities: readonly Quantity[]; readonly unit: Unit }> = {
  gas: { quantities: ['volume.base.total', 'volume.base'], unit: 'm3' },
  electricity: { quantities: ['energy.active.import'], unit: 'kWh' },
};
/** What a corrector shows beside its counters. */
const STEADY: Partial<Record<Quantity, { readonly value: Decimal; readonly unit: Unit }>> = {
  'volume.base.disturbed': { value: decimal(0), unit: 'm3' },
  'volume.operating.total': { value: decimal(411_522), unit: 'm3' },
  'energy.active.export': { value: decimal(0), unit: 'kWh' },
  pressure: { value: decimal(4012, -3), unit: 'bar' },
  temperature: { value: decimal(114, -1), unit: '°C' },
  'power.active': { value: decimal(42), unit: 'kW' },
};
const NEW_METER = 0;
/** Frozen quarters an M-Bus meter keeps: they fit one telegram. */
const MBUS_PERIODS_KEPT = 12;

export function parkLoad(park: Park, meter: ParkMeter): LoadCurve {
  return createLoad({
    seed: park.seed,
    meter: meter.device.id,
    commodity: meter.commodity,
    zone: park.zone,
    start: park.start,
    startIndex: BigInt(meter.startIndex),
    fullPerHour: meter.fullPerHour,
  });
}

/**
 * @param model the device file a Modbus meter is laid out by; M-Bus meters need none
 * @param load what it has counted by its own clock, where that is not the truth
 */
export function parkMeter(
  park: Park,
  meter: ParkMeter,
  model: DeviceModel,
  load: LoadCurve = parkLoad(park, meter),
  { shown: own, ...whims }: MeterWhims = {},
): SimulatedMeter {
  const { device, serial, commodity } = meter;
  const { zone } = park;
  if (meter.framing === 'mbus') {
    const periodsKept = meter.stores ? MBUS_PERIODS_KEPT : 0;
    return mbusMeter({
      // Whoever is asked by number has the primary address of every new meter.
      address: device.secondary === undefined ? device.address : NEW_METER,
      serial,
      commodity,
      zone,
      load,
      periodMinutes: meter.minutes,
      periodsKept,
      ...whims,
    });
  }
  const { quantities, unit } = COUNTER[commodity];
  const shown: Shown = (quantity, at) =>
    own?.(quantity, at) ??
    (quantities.includes(quantity) ? { value: decimal(load.indexAt(at), COUNTER_EXPONENT), unit } : STEADY[quantity]);
  const image = registerImage({
    model,
    placement: device,
    zone,
    serial,
    shown,
    periodMinutes: meter.minutes,
    ...whims,
  });
  return modbusMeter({ unit: device.address, framing: meter.framing, image });
}

export interface TruthRow {
  readonly point: string;
  readonly commodity: Commodity;
  readonly start: string;
  readonly minutes: number;
  readonly value: string;
  readonly unit: Unit;
  readonly tolerance: string;
}

/**
 * What every meter of the park really counted in each interval of the day.
 * @param speed how much faster than real time the rehearsal's wall clock runs: a meter that is only sampled may be off by what
 *   the steepest load uses within two real seconds
 */
export function parkTruth(park: Park, day: MarketDay, speed: number): TruthRow[] {
  return park.meters.flatMap((meter) => {
    const load = parkLoad(park, meter);
    const sampledTolerance = Math.ceil((load.stepMost * 2 * SECOND_MS * speed) / STEP_MS);
    const tolerance = decimalText(decimal(meter.stores ? 0 : sampledTolerance, COUNTER_EXPONENT));
    const indexAt = (at: UtcMs) => decimal(load.indexAt(at), COUNTER_EXPONENT);
    return marketIntervals(meter.commodity, day, park.zone, meter.minutes).map((span) => ({
      point: meter.point,
      commodity: meter.commodity,
      start: isoUtc(span.start),
      minutes: spanMinutes(span),
      value: decimalText(subtract(indexAt(span.end), indexAt(span.start))),
      unit: COUNTER[meter.commodity].unit,
      tolerance: meter.stores ? '0' : tolerance,
    }));
  });
}
