import { shiftDay } from '../../../src/core/calendar.ts';
import type { Message } from '../../../src/core/message.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { cost, type Figure } from '../figure.ts';
import { DAY, messageOf } from './messages.ts';
import { openPlace } from './place.ts';
import { type BenchSite, startBenchSite, until } from './sites.ts';

/** A site that was away for a month comes back while others send what is fresh. */
const DAYS = 30;
const DRAIN_LIMIT_S = 60;
const DELAY_LIMIT_S = 2;
const PATIENCE_MS = 1_800_000;
/** Far below what the relay can do: what is measured is who waits for whom. */
const FRESH_EVERY_MS = 100;

const clock = hostClock();

export function monthFigures(others: number): (() => Promise<Figure>)[] {
  let measured: Promise<{ drainS: number; delayS: number }> | undefined;
  const once = () => {
    measured ??= catchUp(others);
    return measured;
  };
  return [
    async () =>
      cost(`${DAYS} days of one site, 10 points each, are accepted`, (await once()).drainS, 's', DRAIN_LIMIT_S, 1),
    async () =>
      cost(
        'fresh messages of other sites meanwhile, later than without it, p99',
        (await once()).delayS,
        's',
        DELAY_LIMIT_S,
        1,
      ),
  ];
}

async function catchUp(others: number): Promise<{ drainS: number; delayS: number }> {
  const place = await openPlace({ sites: 1 + 2 * others, pointsEach: 10, relays: 1, store: 'level' });
  const sites = place.signers.map((_, n) => startBenchSite(place, n));
  try {
    await until(() => sites.every((site) => site.isOnline()), PATIENCE_MS, 'all are there');
    const [away, ...rest] = sites;
    const alone = await fresh(rest.slice(0, others), 1);
    const from = clock.monotonicMs();
    for (const message of monthOfOne()) away!.add(message);
    const meanwhile = fresh(rest.slice(others), 1 + others);
    await until(() => away!.waiting() === 0, PATIENCE_MS, 'the month is accepted');
    const drainS = (clock.monotonicMs() - from) / 1_000;
    return { drainS, delayS: Math.max(0, p99(await meanwhile) - p99(alone)) };
  } finally {
    await Promise.all(sites.map((site) => site.stop()));
    await place.stop();
  }
}

function monthOfOne(): Message[] {
  const madeAt = Date.now();
  return Array.from({ length: DAYS }, (_, n) => messageOf(0, 10, madeAt, shiftDay(DAY, -n)));
}

/** One message of each site, one after the other; how long each took to be accepted, in seconds. */
async function fresh(sites: readonly BenchSite[], firstSite: number): Promise<number[]> {
  const began: { site: BenchSite; id: string; at: number }[] = [];
  for (const [n, site] of sites.entries()) {
    const message = messageOf(firstSite + n, 10, Date.now());
    began.push({ site, id: message.id, at: clock.monotonicMs() });
    site.add(message);
    await clock.sleep(FRESH_EVERY_MS);
  }
  await until(() => sites.every((site) => site.waiting() === 0), PATIENCE_MS, 'what is fresh is accepted');
  return began.map(({ site, id, at }) => ((site.endedAt.get(id) ?? Number.NaN) - at) / 1_000);
}

function p99(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * 0.99))] ?? Number.NaN;
}
