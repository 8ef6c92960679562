import { z } from 'zod';
import { decimalText } from './model.ts';

/** The part of a site file that says how intervals are judged, estimated, converted and turned into energy. */

/** Limits of the validation rules (docs/validation.md); what a point does not say, `profile.validation` or the default says. */
export const validationSchema = z.strictObject({
  /** Percent of the connected capacity above which a value is a spike; above 120 it is refused anyway. */
  spikePercent: z.int().min(1).max(120).optional(),
  /** Nothing used for longer than this is told; not given, it never is. */
  zeroRunHours: z.int().min(1).max(8784).optional(),
  /** The index stands still for this long while the meter shows flow or power. */
  staleMinutes: z.int().min(15).max(1440).optional(),
  /** Values estimated for longer than this are told. */
  estimatedHoursMax: z.int().min(1).max(8784).optional(),
  /** By how much the intervals of a day or month may miss its index difference, in m3 or kWh. */
  sumTolerance: decimalText.optional(),
});

/** How an operating volume becomes a base volume where the corrector does not convert. */
export const conversionSchema = z.strictObject({
  method: z.enum(['fixed', 'sgerg-88']),
  /** fixed: compressibility ratio K = Z / Zb. */
  ratio: decimalText.optional(),
  /** sgerg-88: the gas, at 0 °C and 101.325 kPa, combustion at 25 °C. */
  gas: z
    .strictObject({
      superiorHeatMJ: z.number().min(20).max(48),
      relativeDensity: z.number().min(0.55).max(0.9),
      carbonDioxide: z.number().min(0).max(0.3),
      hydrogen: z.number().min(0).max(0.1),
    })
    .optional(),
  /** Absolute pressure and temperature where the device does not measure them. */
  pressureKPa: decimalText.optional(),
  temperatureC: z
    .string()
    .regex(/^-?\d+(\.\d+)?$/, 'a decimal in quotes, e.g. "15.0"')
    .optional(),
});

/** What may be estimated of a point. */
export const estimationSchema = z.strictObject({
  /** Equal shares of the index difference over gaps up to this. */
  linearMinutesMax: z.int().min(15).max(10_080).optional(),
  /** Longer gaps: the index difference, shaped like the same weekday before. */
  scaled: z.boolean().default(false),
  /** No index difference known: the same hours of the same weekday before. */
  likeDay: z.boolean().default(false),
});

/** Where a web service that gives combustion heat has what: the columns of its CSV, or the path and fields of its JSON. */
export const heatSourceSchema = z.strictObject({
  url: z.string().regex(/^https?:\/\//, 'an http:// or https:// address'),
  format: z.enum(['csv', 'json']),
  /** JSON: where the list stands, e.g. `data.days`; empty when the answer is the list. */
  list: z.string().default(''),
  /** Name of the column or field with the gas day (2026-03-28), and with kWh/m3. */
  day: z.string().min(1),
  value: z.string().min(1),
  /** Authorities whose certificates the server may have; the system's own are not believed. */
  trust: z.array(z.string().min(1)).default([]),
  everyMinutes: z.int().min(1).max(1440).default(60),
  answerWithinMs: z.int().min(100).max(60_000).default(20_000),
});

export type ValidationConfig = z.infer<typeof validationSchema>;
export type ConversionConfig = z.infer<typeof conversionSchema>;
export type HeatSourceConfig = z.infer<typeof heatSourceSchema>;
