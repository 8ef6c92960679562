import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../../src/app/project.ts';
import type { Buffer } from '../../../src/buffer/index.ts';
import { marketDayOf, marketIntervals, shiftDay } from '../../../src/core/calendar.ts';
import { decimal } from '../../../src/core/decimal.ts';
import { gs1CheckDigit } from '../../../src/core/identifier.ts';
import type { Interval } from '../../../src/core/interval.ts';
import type { MessageId } from '../../../src/core/message.ts';
import type { MarketDay } from '../../../src/core/time.ts';
import { makeDocument, splitPoints } from '../../../src/message/document.ts';
import { type FormatPack, loadPack, packId } from '../../../src/message/pack.ts';

/** 64 points of quarter-hours, and the messages that a closed month of them waits for. */
export const POINTS = Array.from({ length: 64 }, (_, n) =>
  withCheckDigit(`8591824000000${String(n).padStart(4, '0')}`),
);
export const ZONE = 'Europe/Prague';

function withCheckDigit(payload: string): string {
  return `${payload}${gs1CheckDigit(payload)}`;
}

export function packFile(): FormatPack {
  const file = join(PROJECT_FOLDER, 'format-packs', 'ote', 'cdsdata.yaml');
  const loaded = loadPack(readFileSync(file, 'utf8'), file);
  if (loaded.kind === 'problems') throw new Error(`${file} cannot be loaded`);
  return loaded.pack;
}

/** As the closer makes them: oldest day first, as many points to a message as the pack allows. Gives each message with its day. */
export async function queueDays(buffer: Buffer, pack: FormatPack, days: number): Promise<[MessageId, MarketDay][]> {
  const queued: [MessageId, MarketDay][] = [];
  const today = marketDayOf('electricity', Date.now(), ZONE);
  for (let back = days; back > 0; back--) {
    const day = shiftDay(today, -back);
    for (const points of splitPoints(pack, POINTS)) {
      const made = points.map((code) => ({ code, intervals: dayOf(code, day) }));
      await buffer.keepIntervals(made.flatMap(({ intervals }) => intervals));
      const request = {
        madeAt: Date.now(),
        sender: { id: withCheckDigit('859182400010'), codingScheme: '14' as const },
        receiver: { id: withCheckDigit('859182400000'), codingScheme: '14' as const },
        zone: ZONE,
        commodity: pack.commodity,
        day,
        points: made.map(({ code, intervals }) => ({ code, channels: { import: intervals } })),
      };
      await buffer.queueMessage((id) => {
        const document = makeDocument(pack, { ...request, id });
        if (document.kind === 'refused') throw new Error(document.failure.detail);
        const { xml, carried } = document;
        queued.push([id, day]);
        return { id, commodity: pack.commodity, day, pack: packId(pack), madeAt: request.madeAt, xml, carried };
      });
    }
  }
  return queued;
}

function dayOf(point: string, day: MarketDay): Interval[] {
  return marketIntervals('electricity', day, ZONE, 15).map((span, n) => ({
    ...span,
    point,
    channel: 'import',
    value: decimal(1_000 + n, -3),
    unit: 'kWh',
    quality: 'measured',
    findings: [],
    version: 1,
    madeAt: span.end,
    origins: [],
  }));
}
