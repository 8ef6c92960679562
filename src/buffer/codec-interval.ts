import {
  type Boundary,
  CHANNEL_UNIT,
  type Conversion,
  type GasQuality,
  type GasState,
  type Interval,
  type IntervalOrigin,
  QUALITIES,
} from '../core/interval.ts';
import { QUANTITIES, UNITS } from '../core/quantity.ts';
import { parseUtc } from '../core/time.ts';
import type { Damage } from './api.ts';
import { decimalToText, decoding, partsOf, readDecimal } from './codec.ts';
import type { Row } from './frame.ts';
import { asArray, asNameOf, asNumber, asObject, asText, asTexts, asWhole, asWholes, asWord } from './narrow.ts';

/** Payloads of intervals. What a release added is absent in the records of before it, and is read so. */

const EDGES: ReadonlySet<Boundary['source']> = new Set(['sampled', 'stored', 'interpolated']);
const QUALITY_WORDS = new Set(QUALITIES);
const METHODS: ReadonlySet<Conversion['method']> = new Set(['fixed', 'sgerg-88']);

export function encodeInterval(interval: Interval): unknown {
  const { end, value, unit, quality, findings, madeAt, origins, multiplier, conversion } = interval;
  return {
    end,
    ...(value && { value: decimalToText(value) }),
    unit,
    quality,
    findings,
    madeAt,
    origins: origins.map(({ device, quantity, from, to }) => ({
      device,
      quantity,
      from: encodeBoundary(from),
      to: encodeBoundary(to),
    })),
    ...(multiplier && { multiplier: decimalToText(multiplier) }),
    ...(conversion && { conversion: encodeConversion(conversion) }),
  };
}

function encodeBoundary({ at, index, source, readings, meterSince }: Boundary): unknown {
  return { at, index: decimalToText(index), source, readings, ...(meterSince !== undefined && { meterSince }) };
}

function encodeConversion(conversion: Conversion): unknown {
  const { method, pressureReadings, temperatureReadings, ratio, gas, base } = conversion;
  return {
    method,
    ...encodeState(conversion),
    pressureReadings,
    temperatureReadings,
    ...(ratio && { ratio: decimalToText(ratio) }),
    ...(gas && { gas }),
    base: encodeState(base),
  };
}

function encodeState({ pressureKPa, temperatureC }: GasState): Record<keyof GasState, string> {
  return { pressureKPa: decimalToText(pressureKPa), temperatureC: decimalToText(temperatureC) };
}

export function decodeInterval(row: Row): Interval | Damage {
  return decoding(row, () => {
    const of = readIntervalKey(row.key);
    const { end, value, unit, quality, findings, madeAt, origins, multiplier, conversion } = asObject(row.payload);
    return {
      ...of,
      end: asWhole(end),
      ...(value !== undefined && { value: readDecimal(value) }),
      unit: asNameOf(unit, UNITS),
      quality: asWord(quality, QUALITY_WORDS),
      findings: asTexts(findings),
      madeAt: asWhole(madeAt),
      origins: asArray(origins).map(decodeOrigin),
      ...(multiplier !== undefined && { multiplier: readDecimal(multiplier) }),
      ...(conversion !== undefined && { conversion: decodeConversion(conversion) }),
    };
  });
}

function readIntervalKey(key: string): Pick<Interval, 'point' | 'channel' | 'start' | 'version'> {
  const [point = '', channel, start = '', version] = partsOf(key, 'i', 4);
  return { point, channel: asNameOf(channel, CHANNEL_UNIT), start: parseUtc(start), version: Number(version) };
}

function decodeOrigin(origin: unknown): IntervalOrigin {
  const { device, quantity, from, to } = asObject(origin);
  return {
    device: asText(device),
    quantity: asNameOf(quantity, QUANTITIES),
    from: decodeBoundary(from),
    to: decodeBoundary(to),
  };
}

function decodeBoundary(boundary: unknown): Boundary {
  const { at, index, source, readings, meterSince } = asObject(boundary);
  return {
    at: asWhole(at),
    index: readDecimal(index),
    source: asWord(source, EDGES),
    readings: asWholes(readings),
    ...(meterSince !== undefined && { meterSince: asWhole(meterSince) }),
  };
}

function decodeConversion(value: unknown): Conversion {
  const { method, pressureReadings, temperatureReadings, ratio, gas, base, ...state } = asObject(value);
  return {
    method: asWord(method, METHODS),
    ...decodeState(state),
    pressureReadings: asWhole(pressureReadings),
    temperatureReadings: asWhole(temperatureReadings),
    ...(ratio !== undefined && { ratio: readDecimal(ratio) }),
    ...(gas !== undefined && { gas: decodeGas(gas) }),
    base: decodeState(base),
  };
}

function decodeState(state: unknown): GasState {
  const { pressureKPa, temperatureC } = asObject(state);
  return { pressureKPa: readDecimal(pressureKPa), temperatureC: readDecimal(temperatureC) };
}

function decodeGas(gas: unknown): GasQuality {
  const { superiorHeatMJ, relativeDensity, carbonDioxide, hydrogen } = asObject(gas);
  return {
    superiorHeatMJ: asNumber(superiorHeatMJ),
    relativeDensity: asNumber(relativeDensity),
    carbonDioxide: asNumber(carbonDioxide),
    hydrogen: asNumber(hydrogen),
  };
}
