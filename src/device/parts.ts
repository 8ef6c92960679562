import type { z } from 'zod';
import type { Path, SourceDocument } from '../core/source.ts';
import { type ValidationConfig, validationSchema } from './profile-config.ts';
import {
  type DeviceConfig,
  deviceSchema,
  type HeatConfig,
  heatSchema,
  type LineConfig,
  lineSchema,
  type ParticipantConfig,
  type PointConfig,
  participantSchema,
  pointSchema,
} from './site.ts';

/** One entry of the site file that is sound in itself, and where it stands. */
export interface Entry<T> {
  readonly path: Path;
  readonly value: T;
}

/**
 * What can be judged of a site file even when other parts of it are wrong, so that one run tells everything.
 * An entry that breaks the schema is left out here, but its id still counts as known.
 */
export interface SiteParts {
  readonly zone: Entry<string> | undefined;
  readonly lines: readonly Entry<LineConfig>[];
  readonly devices: readonly Entry<DeviceConfig>[];
  readonly points: readonly Entry<PointConfig>[];
  readonly heat: readonly Entry<HeatConfig>[];
  /** Limits for all points. */
  readonly validation: ValidationConfig | undefined;
  readonly participants: readonly Entry<ParticipantConfig>[];
  /** Commodities that the market section has, sound or not. */
  readonly markets: readonly string[];
  /** Every id of the section in the order of the file, sound entries or not. */
  readonly lineIds: readonly Entry<string>[];
  readonly deviceIds: readonly Entry<string>[];
  readonly pointCodes: readonly Entry<string>[];
  readonly heatDays: readonly Entry<string>[];
  /** What devices say of their line and points of their device. */
  readonly linesUsed: readonly Entry<string>[];
  readonly devicesUsed: readonly Entry<string>[];
}

export function partsOf({ value }: SourceDocument): SiteParts {
  const zone = member(value, 'zone');
  const market = member(value, 'market');
  const markets = market === null || typeof market !== 'object' ? [] : Object.keys(market);
  return {
    zone: typeof zone === 'string' ? { path: ['zone'], value: zone } : undefined,
    lines: sound(value, 'lines', lineSchema),
    devices: sound(value, 'devices', deviceSchema),
    points: sound(value, 'points', pointSchema),
    heat: sound(value, 'combustionHeat', heatSchema),
    validation: validationSchema.safeParse(member(member(value, 'profile'), 'validation')).data,
    participants: markets.flatMap((commodity) =>
      ['sender', 'receiver'].flatMap((role) => {
        const parsed = participantSchema.safeParse(member(member(market, commodity), role));
        return parsed.success ? [{ path: ['market', commodity, role], value: parsed.data }] : [];
      }),
    ),
    markets,
    lineIds: names(value, 'lines', 'id'),
    deviceIds: names(value, 'devices', 'id'),
    pointCodes: names(value, 'points', 'code'),
    heatDays: names(value, 'combustionHeat', 'day'),
    linesUsed: names(value, 'devices', 'line'),
    devicesUsed: names(value, 'points', 'device'),
  };
}

function sound<Schema extends z.ZodType>(site: unknown, section: string, schema: Schema): Entry<z.output<Schema>>[] {
  return list(site, section).flatMap((raw, n) => {
    const parsed = schema.safeParse(raw);
    return parsed.success ? [{ path: [section, n], value: parsed.data }] : [];
  });
}

function names(site: unknown, section: string, key: string): Entry<string>[] {
  return list(site, section).flatMap((raw, n) => {
    const name = member(raw, key);
    return typeof name === 'string' ? [{ path: [section, n, key], value: name }] : [];
  });
}

function list(site: unknown, section: string): unknown[] {
  const found = member(site, section);
  return Array.isArray(found) ? found : [];
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}
