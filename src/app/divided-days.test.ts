import { expect, it } from 'vitest';
import { decimal } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, type Span } from '../core/time.ts';
import { aPlan, aPoint, aSite, type Bench, bench, GAS, gasDay } from './app.testkit.ts';
import { createProfiler } from './profiler.ts';

const DAYS = ['2026-06-10', '2026-06-11', '2026-06-12'].map(gasDay);
const [FIRST, SECOND, THIRD] = DAYS as [Span, Span, Span];
const ALL: Span = { start: FIRST.start, end: THIRD.end };
const point = aPoint(aPlan(), { estimation: { linearMinutesMax: 1440, scaled: false, likeDay: true } });

/** Estimated from the last hour of each day to the first of the next, else computed of indexes. */
function anInterval({ start, end }: Span): Interval {
  const isEstimated = DAYS.some((day) => start === day.start || end === day.end);
  const edge = (at: number) =>
    ({ at, index: decimal((at - ALL.start) / HOUR_MS), source: 'stored', readings: [at] }) as const;
  return {
    point: GAS,
    channel: 'volume',
    start,
    end,
    value: decimal(1),
    unit: 'm3',
    quality: isEstimated ? 'estimated' : 'measured',
    findings: isEstimated ? ['no-reading', 'estimated-like-day'] : [],
    version: 1,
    madeAt: ALL.end,
    origins: isEstimated ? [] : [{ device: 'meter', quantity: 'volume.base.total', from: edge(start), to: edge(end) }],
  };
}

/** A message with the intervals of a span, which the operator accepted. */
async function accept({ buffer, clock }: Bench, day: string, span: Span): Promise<void> {
  const carried = cut(span, 60).map(({ start }) => ({ point: GAS, channel: 'volume' as const, start, version: 1 }));
  const at = clock.now();
  const message = await buffer.queueMessage((id) => ({
    id,
    commodity: 'gas',
    day,
    pack: 'test@1',
    madeAt: at,
    xml: '<a/>',
    carried,
  }));
  const number = await buffer.outbox.beginAttempt(message.id, at);
  await buffer.outbox.endAttempt(
    { message: message.id, number, startedAt: at, endedAt: at, outcome: 'answered', detail: '' },
    { message: message.id, verdict: 'accepted', reasons: [], receivedAt: at, xml: '<a/>' },
  );
}

it('a day that is finished again does not make anew what the one before it has given up for its age', async () => {
  const made = await bench(ALL.end + HOUR_MS);
  const { buffer, clock } = made;
  for (const span of cut(ALL, 60)) await buffer.keepIntervals([anInterval(span)]);
  await accept(made, '2026-06-10', FIRST);
  const morning = FIRST.start + 6 * HOUR_MS;
  await buffer.trim('intervals', { olderThan: morning, now: clock.now(), entriesMax: 1_000 });
  const left = await buffer.intervals(GAS, 'volume', ALL);
  expect(left).toHaveLength(72 - 6);
  const profiler = createProfiler({ site: aSite(), points: [point], buffer, clock });
  await profiler.finish(point, SECOND);
  const standing = await buffer.intervals(GAS, 'volume', ALL);
  expect(standing.filter(({ end }) => end <= FIRST.end)).toEqual(left.filter(({ end }) => end <= FIRST.end));
  // Nor when it goes while it is finished itself.
  await profiler.finish(point, FIRST);
  expect((await buffer.intervals(GAS, 'volume', FIRST))[0]?.start).toBe(morning);
});
