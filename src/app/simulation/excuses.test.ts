import { expect, it } from 'vitest';
import type { LedgerRow } from '../../buffer/index.ts';
import { intervalKey } from '../../buffer/keys.ts';
import { HOUR_MS } from '../../core/time.ts';
import { isLostWithMachine } from './excuses.ts';

const START = Date.UTC(2026, 11, 5, 16);
const SPAN = { point: '859182400991000015', channel: 'import', start: START, end: START + HOUR_MS } as const;
const told = (version: number): LedgerRow['deliveries'][number] => ({
  message: '01796512200000',
  version,
  state: 'accepted',
  accepted: true,
});
const rowOf = (more: Partial<LedgerRow>): LedgerRow => ({
  ...SPAN,
  state: 'lost',
  doubled: false,
  deliveries: [],
  ...more,
});
const replacements = [
  {
    start: START,
    end: START + 9 * HOUR_MS,
    holdsDays: false,
    lost: (key: string) => key === intervalKey({ ...SPAN, version: 1 }),
  },
];

it('an interval was lost with the machine that told it, as its messages say; when they have gone for their age, as its numbers say', () => {
  expect(isLostWithMachine({ replacements }, rowOf({ version: 2, deliveries: [told(1)] }))).toBe(true);
  expect(isLostWithMachine({ replacements }, rowOf({ version: 3, deliveries: [told(2)] }))).toBe(false);
  expect(isLostWithMachine({ replacements }, rowOf({ version: 2 }))).toBe(true);
  expect(isLostWithMachine({ replacements }, rowOf({ version: 1 }))).toBe(false);
  expect(isLostWithMachine({ replacements }, rowOf({}))).toBe(false);
  expect(isLostWithMachine({ replacements: [] }, rowOf({ version: 2 }))).toBe(false);
});
