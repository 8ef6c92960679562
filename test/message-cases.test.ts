import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { marketIntervals } from '../src/core/calendar.ts';
import { parseDecimal } from '../src/core/decimal.ts';
import { CHANNEL_UNIT, type Channel, type Interval, QUALITIES } from '../src/core/interval.ts';
import { parseUtc } from '../src/core/time.ts';
import { makeDocument } from '../src/message/document.ts';
import { loadPack } from '../src/message/pack.ts';

/**
 * One folder, one document: input.json gives the values in the order of the day, expected.xml was written without this
 * program, with another calendar and other decimals. They show what the shipped packs make; a change of a pack shows here.
 */
const CASES = new URL('cases/message/', import.meta.url);
const ZONE = 'Europe/Prague';

const channel = z.strictObject({
  values: z.array(z.string()),
  /** By the interval's number, 1..n; measured where nothing is said. */
  qualities: z.record(z.string(), z.enum(QUALITIES)).default({}),
});
const caseSchema = z.strictObject({
  pack: z.enum(['gasdat', 'cdsdata']),
  id: z.string(),
  corrects: z.string().optional(),
  madeAt: z.string(),
  sender: z.string(),
  receiver: z.string(),
  day: z.string(),
  minutes: z.literal([15, 60]),
  intervals: z.int(),
  points: z.array(
    z.strictObject({
      code: z.string(),
      channels: z.partialRecord(z.enum(['volume', 'energy', 'import', 'export']), channel),
    }),
  ),
});
type Case = z.output<typeof caseSchema>;

function packOf(name: Case['pack']) {
  const loaded = loadPack(readFileSync(new URL(`../format-packs/ote/${name}.yaml`, import.meta.url), 'utf8'), name);
  if (loaded.kind === 'problems') throw new Error(`${name}: ${loaded.problems.length} problems`);
  return loaded.pack;
}

function intervals(
  input: Case,
  point: string,
  name: Channel,
  { values, qualities }: z.output<typeof channel>,
): Interval[] {
  const places = marketIntervals(packOf(input.pack).commodity, input.day, ZONE, input.minutes);
  expect([places.length, values.length]).toEqual([input.intervals, input.intervals]);
  return places.map((span, n) => ({
    ...span,
    point,
    channel: name,
    value: parseDecimal(values[n]!),
    unit: CHANNEL_UNIT[name],
    quality: qualities[String(n + 1)] ?? 'measured',
    findings: [],
    version: 1,
    madeAt: span.end,
    origins: [],
  }));
}

test.each(readdirSync(CASES))('%s', (name) => {
  const text = (file: string) => readFileSync(new URL(`${name}/${file}`, CASES), 'utf8');
  const input = caseSchema.parse(JSON.parse(text('input.json')));
  const pack = packOf(input.pack);
  const codingScheme = pack.commodity === 'gas' ? '15' : '14';
  const made = makeDocument(pack, {
    id: input.id,
    madeAt: parseUtc(input.madeAt),
    sender: { id: input.sender, codingScheme },
    receiver: { id: input.receiver, codingScheme },
    zone: ZONE,
    commodity: pack.commodity,
    day: input.day,
    points: input.points.map(({ code, channels }) => ({
      code,
      channels: Object.fromEntries(
        CHANNELS.flatMap((key) => {
          const given = channels[key];
          return given ? [[key, intervals(input, code, key, given)]] : [];
        }),
      ),
    })),
    ...(input.corrects !== undefined && { corrects: input.corrects }),
  });
  if (made.kind === 'refused') throw new Error(made.failure.detail);
  expect(`${made.xml}\n`).toBe(text('expected.xml'));
});

const CHANNELS: readonly Channel[] = ['volume', 'energy', 'import', 'export'];
