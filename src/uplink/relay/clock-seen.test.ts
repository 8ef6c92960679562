import { expect, test } from 'vitest';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../core/time.ts';
import { clockSeen, offMsAtMost } from './clock-seen.ts';

const NOW = Date.UTC(2026, 5, 1, 8);

test('how far our clock can be from the relay’s: what was seen, and how far it was set since', () => {
  const seen = clockSeen(NOW, NOW + 30 * SECOND_MS, NOW + 2 * SECOND_MS);
  expect(offMsAtMost(seen, NOW + 2 * SECOND_MS + HOUR_MS, HOUR_MS)).toBe(30 * SECOND_MS);
  expect(offMsAtMost(seen, NOW + 2 * SECOND_MS - HOUR_MS, MINUTE_MS)).toBe(HOUR_MS + MINUTE_MS + 30 * SECOND_MS);
  // It was ahead by an hour when it was seen, and was set right.
  const ahead = clockSeen(NOW + HOUR_MS, NOW + SECOND_MS, NOW + HOUR_MS + 2 * SECOND_MS);
  expect(offMsAtMost(ahead, NOW + 5 * MINUTE_MS + 2 * SECOND_MS, 5 * MINUTE_MS)).toBe(SECOND_MS);
});
