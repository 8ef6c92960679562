import { expect, test } from 'vitest';
import { HOUR_MS } from '../core/time.ts';
import { createAlertBounds, SITE_ALERTS_MAX } from './alert-bounds.ts';
import { createColleagues } from './colleagues.ts';

const text = (length = 10) => new Uint8Array(length).fill(32);
const NOTHING = new Uint8Array(0);

test('what a site says beyond its bounds is taken back, and people are told for an hour', () => {
  let now = 0;
  const takenBack: string[] = [];
  const standing = new Set<string>();
  const bounds = createAlertBounds({
    alerts: { raise: (id) => void standing.add(id), clear: (id) => void standing.delete(id) },
    say: ({ topic }) => takenBack.push(topic.replace('odecet/1/', '')),
    monotonicMs: () => now,
  });
  for (let n = 0; n < SITE_ALERTS_MAX; n++) bounds.heard('site-a', `x-${n}`, text());
  bounds.heard('site-a', 'x-1', text());
  bounds.heard('site-b', 'x-1', text());
  expect([takenBack, standing.size]).toEqual([[], 0]);
  bounds.heard('site-a', 'one-more', text());
  bounds.heard('site-b', 'long', text(20_000));
  bounds.heard('site-b', 'Odd', text());
  bounds.heard('site-b', 'y'.repeat(81), text());
  expect(takenBack.slice(0, 3)).toEqual(['site-a/alert/one-more', 'site-b/alert/long', 'site-b/alert/Odd']);
  expect(takenBack).toHaveLength(4);
  expect([...standing]).toEqual(['site-a-alerts', 'site-b-alerts']);
  bounds.heard('site-a', 'x-7', NOTHING);
  bounds.heard('site-a', 'one-more', text());
  expect(takenBack).toHaveLength(4);
  now = HOUR_MS;
  bounds.sweep();
  expect(standing.size).toBe(0);
});

test('what a relay left of itself is taken back when it was gone for long, not while it is there', () => {
  let now = 0;
  const takenBack: string[] = [];
  const colleagues = createColleagues({
    settleMs: HOUR_MS,
    monotonicMs: () => now,
    say: ({ topic }) => takenBack.push(topic.replace('odecet/1/', '')),
  });
  const later = (hours: number) => {
    now += hours * HOUR_MS;
    colleagues.sweep();
  };
  colleagues.heardAlert('centre-2', 'store-failing', false);
  colleagues.heardAlert('centre-3', 'store-large', false);
  colleagues.heardAlert('centre-3', 'store-failing', false);
  colleagues.heardAlert('centre-3', 'store-failing', true);
  colleagues.toldState('centre-2', 'ready');
  later(0.5);
  expect(takenBack).toEqual([]);
  later(0.6);
  expect(takenBack).toEqual(['centre-3/alert/store-large']);
  later(9);
  colleagues.toldState('centre-2', 'lost');
  later(0.9);
  expect(takenBack).toHaveLength(1);
  later(0.2);
  expect(takenBack).toEqual(['centre-3/alert/store-large', 'centre-2/alert/store-failing']);
  later(9);
  expect(takenBack).toHaveLength(2);
});
