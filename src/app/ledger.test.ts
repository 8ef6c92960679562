import { expect, it } from 'vitest';
import type { MarketDay } from '../core/time.ts';
import { aPlan, aPoint, aSite, bench, GAS, gasDay } from './app.testkit.ts';
import { pointLedgers } from './ledger.ts';

it('nothing is expected of a point before the day from which it is answered for', async () => {
  const { buffer } = await bench(gasDay('2026-06-04').end);
  const expectedOf = async (from: MarketDay | undefined) => {
    const point = aPoint(aPlan(), from ? { from } : {});
    const [ledger] = await pointLedgers(buffer, aSite(), [point], '2026-06-01', '2026-06-03');
    expect(ledger!.point).toBe(GAS);
    return ledger!.counts.expected / point.published.length;
  };
  expect(await expectedOf(undefined)).toBe(72);
  expect(await expectedOf('2026-06-02')).toBe(48);
  expect(await expectedOf('2026-05-02')).toBe(72);
  expect(await expectedOf('2026-06-04')).toBe(0);
});
