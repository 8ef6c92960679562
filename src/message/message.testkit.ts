import { readFileSync } from 'node:fs';
import { marketIntervals } from '../core/calendar.ts';
import { type Decimal, decimal } from '../core/decimal.ts';
import { CHANNEL_UNIT, type Channel, type Interval, type PointCode, type Quality } from '../core/interval.ts';
import { parseUtc } from '../core/time.ts';
import { makeDocument } from './document.ts';
import { type FormatPack, loadPack, packProblemText } from './pack.ts';
import type { DocumentRequest, PointIntervals } from './request.ts';

/** The shipped packs and whole days to put into them. */
export const ZONE = 'Europe/Prague';

/** Codes made up for tests; their check digits are right. */
export const GAS_POINTS = ['27ZG700-805Q001B', '27ZG200Z1100012P'] as const;
export const ELECTRICITY_POINT = '859182400000000012';

export function packText(name: 'gasdat' | 'cdsdata'): string {
  return formatFile(`${name}.yaml`);
}

export function formatFile(name: string): string {
  return readFileSync(new URL(`../../format-packs/ote/${name}`, import.meta.url), 'utf8');
}

export function packFrom(text: string): FormatPack {
  const loaded = loadPack(text, 'pack.yaml');
  if (loaded.kind === 'problems') throw new Error(packProblemText(loaded.problems));
  return loaded.pack;
}

export const gasPack = packFrom(packText('gasdat'));
export const electricityPack = packFrom(packText('cdsdata'));

export interface DayShape {
  readonly pack: FormatPack;
  readonly day: string;
  readonly minutes: number;
  readonly value?: (n: number) => Decimal;
  readonly quality?: (n: number) => Quality;
}

/** A whole day of one channel; thousandths that differ from each other unless told otherwise. */
export function dayOf(shape: DayShape, point: PointCode, channel: Channel): Interval[] {
  const value = shape.value ?? ((n: number) => decimal(1_001 * (n + 1), -3));
  return marketIntervals(shape.pack.commodity, shape.day, ZONE, shape.minutes).map((span, n) => {
    const quality = shape.quality?.(n) ?? 'measured';
    return {
      ...span,
      point,
      channel,
      ...(quality !== 'missing' && { value: value(n) }),
      unit: CHANNEL_UNIT[channel],
      quality,
      findings: [],
      origins: [],
      version: 1,
      madeAt: span.end,
    };
  });
}

export function pointDay(shape: DayShape, point: PointCode, channels: readonly Channel[]): PointIntervals {
  return { code: point, channels: Object.fromEntries(channels.map((name) => [name, dayOf(shape, point, name)])) };
}

export function requestOf(pack: FormatPack, day: string, points: readonly PointIntervals[]): DocumentRequest {
  const gas = pack.commodity === 'gas';
  const codingScheme = gas ? '15' : '14';
  return {
    id: '00000000000042',
    madeAt: parseUtc('2026-03-30T08:15:30Z'),
    sender: { id: gas ? '27XG-CENTROPOL-P' : '8591824000106', codingScheme },
    receiver: { id: gas ? '27XGOTE-CZ-GAS-R' : '8591824000007', codingScheme },
    zone: ZONE,
    commodity: pack.commodity,
    day,
    points,
  };
}

/** The document's text; a refusal fails the test. */
export function madeXml(pack: FormatPack, request: DocumentRequest): string {
  const made = makeDocument(pack, request);
  if (made.kind === 'refused') throw new Error(made.failure.detail);
  return made.xml;
}
