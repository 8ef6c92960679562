import { expect, it } from 'vitest';
import { inEnglish, sayIn } from '../core/say.ts';
import { CZECH } from './czech.ts';
import { storageText } from './status.ts';

const STORAGE = {
  bytes: 256_000_000,
  maxBytes: 2_000_000_000,
  percent: 12.8,
  alertPercent: 0,
  writtenToday: 1_250_000,
  scrub: { rounds: 0, checkedInRound: 0, roundStartedAt: '2026-03-28T05:00:00Z' },
  damaged: 0,
};

it('tells how full the store is and what was written, and of damage only where there was some', () => {
  expect(storageText(STORAGE, inEnglish)).toBe('storage: 256.0 MB of 2000.0 MB, 12.8 %; written today 1.3 MB');
  expect(
    storageText({ ...STORAGE, writtenYesterday: 2_000_000, damaged: 3, lastRepair: 'repair-report-x.json' }, inEnglish),
  ).toBe(
    'storage: 256.0 MB of 2000.0 MB, 12.8 %; written today 1.3 MB, yesterday 2.0 MB; 3 damaged records since the start; repaired at the start, see repair-report-x.json',
  );
});

it('says the same in Czech', () => {
  const told = storageText({ ...STORAGE, writtenYesterday: 2_000_000, damaged: 3 }, sayIn(CZECH));
  expect(told).toBe(
    'úložiště: 256.0 MB z 2000.0 MB, 12.8 %; dnes zapsáno 1.3 MB, včera 2.0 MB; poškozené záznamy od spuštění: 3',
  );
});
