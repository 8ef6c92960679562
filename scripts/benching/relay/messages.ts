import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../../src/app/project.ts';
import { marketIntervals } from '../../../src/core/calendar.ts';
import { decimal } from '../../../src/core/decimal.ts';
import { eicCheckCharacter } from '../../../src/core/identifier.ts';
import { CHANNEL_UNIT, type Channel, type Interval } from '../../../src/core/interval.ts';
import type { Message } from '../../../src/core/message.ts';
import { makeDocument } from '../../../src/message/document.ts';
import { type FormatPack, loadPack, packId, packProblemText } from '../../../src/message/pack.ts';
import type { DocumentRequest } from '../../../src/message/request.ts';

/** A made-up participant, its check character is right. */
export const SENDER = '27XG-CENTROPOL-P';
const RECEIVER = '27XGOTE-CZ-GAS-R';
const ZONE = 'Europe/Prague';
/** 24 hours, as the days of the month before it have. */
export const DAY = '2026-03-27';

const path = join(PROJECT_FOLDER, 'format-packs', 'ote', 'gasdat.yaml');
const pack = packOf(readFileSync(path, 'utf8'));

function packOf(text: string): FormatPack {
  const loaded = loadPack(text, path);
  if (loaded.kind === 'problems') throw new Error(packProblemText(loaded.problems));
  return loaded.pack;
}

/** Points of a site; codes with a right check character, no such points exist. */
export function pointsOf(site: number, count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    for (const last of 'ABCDEFGH') {
      const payload = `27ZG${String(site).padStart(6, '0')}${String(n).padStart(4, '0')}${last}`;
      const check = eicCheckCharacter(payload);
      if (check !== undefined) return payload + check;
    }
    throw new Error('no check character');
  });
}

/** One gas day of a site: volume and energy of every point. */
export function messageOf(site: number, pointsEach: number, madeAt: number, day = DAY): Message {
  return documentOf(requestOf(site, pointsEach, madeAt, day));
}

export function documentOf(request: DocumentRequest): Message {
  const made = makeDocument(pack, request);
  if (made.kind === 'refused') throw new Error(made.failure.detail);
  const { id, madeAt, day } = request;
  return { id, commodity: 'gas', day, pack: packId(pack), madeAt, xml: made.xml, carried: made.carried };
}

/** What its document is made from. */
export function requestOf(site: number, pointsEach: number, madeAt: number, day = DAY): DocumentRequest {
  return {
    id: `20${day.slice(5).replace('-', '')}${String(site).padStart(8, '0')}`,
    madeAt,
    sender: { id: SENDER, codingScheme: '15' },
    receiver: { id: RECEIVER, codingScheme: '15' },
    zone: ZONE,
    commodity: 'gas',
    day,
    points: pointsOf(site, pointsEach).map((code) => ({
      code,
      channels: { volume: intervals(code, 'volume', day), energy: intervals(code, 'energy', day) },
    })),
  };
}

function intervals(point: string, channel: Channel, day: string): Interval[] {
  return marketIntervals('gas', day, ZONE, 60).map((span, n) => ({
    ...span,
    point,
    channel,
    value: decimal(1_001 * (n + 1), -3),
    unit: CHANNEL_UNIT[channel],
    quality: 'measured',
    findings: [],
    origins: [],
    version: 1,
    madeAt: span.end,
  }));
}
