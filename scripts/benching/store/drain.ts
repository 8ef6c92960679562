import { join } from 'node:path';
import { knowMarketZone } from '../../../src/app/market-zone.ts';
import { loadOperatorCredentials, operatorWay, sitePackOf } from '../../../src/app/uplink.ts';
import { type Buffer, openBuffer } from '../../../src/buffer/index.ts';
import { decimal } from '../../../src/core/decimal.ts';
import { operatorSchema } from '../../../src/device/site.ts';
import { hostAppendLog } from '../../../src/host/append-log.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { hostEntropy } from '../../../src/host/entropy.ts';
import { hostLog } from '../../../src/host/log.ts';
import { openLevelStore } from '../../../src/host/store-level.ts';
import type { FormatPack } from '../../../src/message/pack.ts';
import { createSender, newestDayFirst } from '../../../src/uplink/sender.ts';
import type { Drained } from './backlog.ts';
import { POINTS, packFile } from './days.ts';

// Delivers what waits in the store of a folder to the operator's stand-in on a port, in a process of its own, as a gateway is.
const ROUNDS_EVERY_MS = 1_000;
const [folder = '', port = ''] = process.argv.slice(2);
knowMarketZone(Date.now());
const store = await openLevelStore({ folder: join(folder, 'store') });
const vital = hostAppendLog(join(folder, 'vital.log'));
const buffer = await openBuffer(store, { clock: hostClock(), vital });
process.stdout.write(JSON.stringify(await drain(buffer, packFile(), Number(port))));
await store.close();
await vital.close();

async function drain(buffer: Buffer, pack: FormatPack, port: number): Promise<Drained> {
  const operator = operatorSchema.parse({
    environment: 'sandbox',
    url: `https://127.0.0.1:${port}/`,
    tls: { certificate: 'keys/gateway-tls.crt', key: 'keys/gateway-tls.key', trust: ['keys/authority.crt'] },
    seal: { certificate: 'keys/gateway-seal.crt', key: 'keys/gateway-seal.key' },
    operatorCertificates: ['keys/operator-seal.crt'],
  });
  const credentials = await loadOperatorCredentials(operator, folder);
  const clock = hostClock();
  const way = operatorWay({
    operator,
    credentials,
    packOf: sitePackOf({ packs: new Map([[pack.commodity, pack]]) }),
    clock,
  });
  const stop = new AbortController();
  const sent: string[] = [];
  const sender = createSender({
    outbox: buffer.outbox,
    clock,
    entropy: hostEntropy(),
    log: hostLog({ level: 'error' }),
    retry: { firstMs: 100, factor: 2, mostMs: 5_000, jitter: 0.3 },
    async deliver(message, signal) {
      sent.push(message.day);
      return way.deliver(message, signal);
    },
    order: newestDayFirst,
    alert: ({ failure }) => process.stderr.write(`${failure.code}: ${failure.detail}\n`),
  });
  const began = performance.now();
  const running = sender.run(stop.signal);
  const watched = { rss: 0, slowestRoundMs: 0 };
  while ((await buffer.outbox.heads()).length > 0) {
    watched.slowestRoundMs = Math.max(watched.slowestRoundMs, await freshRound(buffer));
    watched.rss = Math.max(watched.rss, process.memoryUsage.rss());
    await clock.sleep(ROUNDS_EVERY_MS);
  }
  const seconds = (performance.now() - began) / 1_000;
  stop.abort();
  await running;
  await way.close();
  return { ...watched, seconds, outOfOrder: sent.filter((day, n) => n > 0 && day > sent[n - 1]!).length };
}

/** What 64 meters tell in a second; gives how long it took to be kept. */
async function freshRound(buffer: Buffer): Promise<number> {
  const began = performance.now();
  const at = Date.now();
  await Promise.all(
    POINTS.map((_point, n) =>
      buffer.keepRound([
        {
          device: `meter-${n}`,
          quantity: 'energy.active.import',
          kind: 'counter',
          value: decimal(at, -3),
          unit: 'kWh',
          at,
          source: 'sampled',
          uncertaintyMs: 20,
          readAt: at,
          flags: [],
          raw: '00',
        },
      ]),
    ),
  );
  return performance.now() - began;
}
