import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLastAnswer } from '../../../src/app/last-answer.ts';
import { siteStatus } from '../../../src/app/site-status.ts';
import { type Buffer, openBuffer } from '../../../src/buffer/index.ts';
import { shiftDay } from '../../../src/core/calendar.ts';
import { hostAppendLog } from '../../../src/host/append-log.ts';
import { hostBox } from '../../../src/host/box.ts';
import { mqttBroker } from '../../../src/host/broker-mqtt.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { hostEntropy } from '../../../src/host/entropy.ts';
import { hostCodec, hostSigner } from '../../../src/host/signer.ts';
import { openLevelStore } from '../../../src/host/store-level.ts';
import type { Log } from '../../../src/machine/log.ts';
import { createRelayWay } from '../../../src/uplink/relay/way.ts';
import { DAY, documentOf, pointsOf, requestOf } from './messages.ts';

/** A site that was away for so many days, as `month.ts` writes it into its folder. */
export interface Away {
  readonly url: string;
  readonly site: string;
  readonly keyPem: string;
  readonly relayKey: string;
  readonly days: number;
  /** Messages of a day, each with points of its own: those of the sites from `firstSite` on. */
  readonly perDay: number;
  readonly firstSite: number;
  readonly pointsEach: number;
}

const LOOK_EVERY_MS = 200;
const clock = hostClock();

// FOLDER fill: puts the messages into the store. FOLDER drain: the gateway's own outbox, way and status over that store until
// nothing waits. A process of its own for each: what was made burdens nobody who delivers it, and memory is that of one site.
const [folder = '', what] = process.argv.slice(2);
const away = JSON.parse(await readFile(join(folder, 'away.json'), 'utf8')) as Away;
const store = await openLevelStore({ folder: join(folder, 'store'), create: what === 'fill' });
const vital = hostAppendLog(join(folder, 'vital.log'));
const buffer = await openBuffer(store, { clock, vital });
if (what === 'fill') await fill();
else await drain();
await store.close();
await vital.close();

async function fill(): Promise<void> {
  for (let back = away.days - 1; back >= 0; back--)
    for (let n = 0; n < away.perDay; n++) {
      const request = requestOf(away.firstSite + n, away.pointsEach, clock.now(), shiftDay(DAY, -back));
      await buffer.keepIntervals(request.points.flatMap(({ channels }) => Object.values(channels).flat()));
      await buffer.queueMessage((id) => documentOf({ ...request, id }));
    }
}

async function drain(): Promise<void> {
  const stop = new AbortController();
  let left = away.days * away.perDay;
  const way = wayOf(buffer, () => {
    left -= 1;
  });
  process.stdout.write('draining\n');
  const running = way.run(stop.signal);
  let own = 0;
  do {
    await sleep(LOOK_EVERY_MS);
    own = Math.max(own, await memoryOf('RssAnon'));
  } while (left > 0);
  process.stdout.write(`${JSON.stringify({ all: await memoryOf('VmHWM'), own })}\n`);
  stop.abort();
  await running;
}

function wayOf(kept: Buffer, answered: () => void) {
  const points = Array.from({ length: away.perDay }, (_, n) => pointsOf(away.firstSite + n, away.pointsEach)).flat();
  const lastAnswer = createLastAnswer(kept, 'Europe/Prague', () => clock.now());
  const devices = points.map((_, n) => ({
    device: `meter-${n}`,
    line: `line-${n % 10}`,
    reads: 1_000,
    failures: {},
    failuresInRow: n % 2,
  }));
  const log: Log = {
    debug: () => undefined,
    info(event, fields) {
      if (event === 'message-tried' && fields?.outcome === 'answered') answered();
    },
    warn: () => undefined,
    error: () => undefined,
    child: () => log,
  };
  return createRelayWay({
    site: away.site,
    outbox: kept.outbox,
    broker: mqttBroker({ url: away.url, protocolVersion: 5 }),
    signer: hostSigner(away.keyPem),
    codec: hostCodec(),
    relayKeys: [away.relayKey],
    receiptWithinMs: 30_000,
    statusEveryMs: 60_000,
    status: (seen) =>
      siteStatus(
        {
          site: away.site,
          version: '0',
          points: points.map((code, n) => ({
            code,
            minutes: 60,
            published: ['volume', 'energy'],
            watch: { device: `meter-${n}` },
          })),
          buffer: kept,
          box: hostBox(folder),
          lastAnswer,
          oldestOpen: async () => undefined,
          seen,
          certificates: [],
        },
        { devices, lines: [], roundsWaiting: 0 },
        clock.now(),
      ),
    retry: { firstMs: 1_000, factor: 2, mostMs: 10_000, jitter: 0.3 },
    alert: () => undefined,
    clock,
    entropy: hostEntropy(),
    log,
  });
}

/** Bytes, as the kernel counts them. */
async function memoryOf(name: 'VmHWM' | 'RssAnon'): Promise<number> {
  const text = await readFile('/proc/self/status', 'utf8');
  return 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]);
}
