import { describe, expect, it } from 'vitest';
import { decimal } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import { HOUR_MS, isoUtc, type MarketDay } from '../core/time.ts';
import { missingInterval } from '../profile/interval.ts';
import { aPlan, aPoint, aSite, type Bench, bench, GAS, gasDay } from './app.testkit.ts';
import { type LedgerParts, pointLedgers, totalOf } from './ledger.ts';

const NOW = gasDay('2026-06-04').end;
const INSTALLED = gasDay('2026-05-01').start;
const DAYS = { from: '2026-06-01', to: '2026-06-03' };

describe('what is lost', () => {
  it('says what the newest message told of it', async () => {
    const parts = await partsOf({ points: [aPoint(aPlan(), { from: '2026-06-01' })] });
    const { start } = gasDay('2026-06-02');
    const hour = { start, end: start + HOUR_MS };
    const made = { ...missingInterval(aPlan(), hour, 'no-reading', NOW, 1), value: decimal(425, -2) };
    await parts.buffer.keepIntervals([{ ...made, quality: 'computed' }]);
    const carried = [{ point: GAS, channel: 'volume' as const, start, version: 1 }];
    const message = { commodity: 'gas', day: '2026-06-02', pack: 'test@1', madeAt: NOW, xml: '<a/>', carried } as const;
    await parts.buffer.queueMessage((id) => ({ id, ...message }));
    const key = `i/${GAS}/volume/${new Date(start).toISOString()}/000001`;
    await parts.store.batch([{ kind: 'delete', key }]);
    const [ledger] = await pointLedgers(parts, { ...DAYS, rows: true });
    expect(ledger!.rows.filter(({ state }) => state === 'lost')).toMatchObject([{ told: '4.25 m3 computed' }]);
  });
});

async function partsOf(changes: Partial<LedgerParts> = {}): Promise<LedgerParts & Pick<Bench, 'store'>> {
  const { buffer, store } = await bench(NOW);
  return { site: aSite(), points: [aPoint()], buffer, store, installedAt: INSTALLED, now: NOW, ...changes };
}

describe('what is expected', () => {
  it.each([
    ['wherever it begins', undefined, 72],
    ['from a day on', '2026-06-02', 48],
    ['from a day before', '2026-05-02', 72],
    ['from a day after', '2026-06-04', 0],
  ] as const)('of a point that is answered for %s', async (_, from: MarketDay | undefined, hours) => {
    const point = aPoint(aPlan(), from ? { from } : {});
    const [ledger] = await pointLedgers(await partsOf({ points: [point] }), DAYS);
    expect(ledger).toMatchObject({ point: GAS, since: from ?? '2026-05-01' });
    expect(ledger!.counts).toMatchObject({ expected: 2 * hours, missing: 2 * hours });
  });

  it('begins with the first whole day after the installation', async () => {
    const installedAt = gasDay('2026-06-02').start + 1;
    const [ledger] = await pointLedgers(await partsOf({ installedAt }), DAYS);
    expect(ledger).toMatchObject({ since: '2026-06-03', counts: { expected: 48 } });
  });

  it('is nothing of hours that are not over', async () => {
    const now = gasDay('2026-06-03').start + 5 * HOUR_MS + 1;
    const [ledger] = await pointLedgers(await partsOf({ now }), DAYS);
    expect(ledger).toMatchObject({ counts: { expected: 2 * 53, missing: 2 * 53 }, notYetDue: 2 * 19 });
  });

  it('does not hide what was told of the time before the installation, and expects nothing of the rest', async () => {
    const parts = await partsOf({ installedAt: gasDay('2026-06-03').start });
    const { start } = gasDay('2026-06-01');
    const made = [0, 1, 2].map((n): Interval => {
      const hour = { start: start + n * HOUR_MS, end: start + (n + 1) * HOUR_MS };
      const known = n < 2 && { quality: 'measured' as const, value: decimal(1) };
      return { ...missingInterval(aPlan(), hour, 'no-reading', NOW, 1), ...known };
    });
    await parts.buffer.keepIntervals(made);
    const carried = [{ point: GAS, channel: 'volume' as const, start, version: 1 }];
    const message = { commodity: 'gas', day: '2026-06-01', pack: 'test@1', madeAt: NOW, xml: '<a/>', carried } as const;
    await parts.buffer.queueMessage((id) => ({ id, ...message }));
    const [ledger] = await pointLedgers(parts, { ...DAYS, rows: true });
    expect(ledger!.counts).toMatchObject({ expected: 49, pending: 1, missing: 48 });
    expect(ledger!.rows.filter(({ version }) => version)).toMatchObject([{ start: isoUtc(start), state: 'pending' }]);
  });
});

describe('many days', () => {
  it('are counted piece by piece, as if at once', async () => {
    const points = Array.from({ length: 40 }, (_, n) => aPoint(aPlan({ point: `P${n}`, minutes: 15 })));
    const parts = await partsOf({ points });
    const ledgers = await pointLedgers(parts, { from: '2026-05-20', to: '2026-05-31' });
    expect(new Set(ledgers.map(({ counts }) => counts.expected))).toEqual(new Set([12 * 96 * 2]));
    expect(totalOf(ledgers)).toMatchObject({ expected: 40 * 12 * 96 * 2, missing: 40 * 12 * 96 * 2, accepted: 0 });
  });

  it('are refused where they are too many, and where every interval of them is asked for', async () => {
    const parts = await partsOf();
    await expect(pointLedgers(parts, { from: '1990-01-01', to: '2026-06-01' })).rejects.toMatchObject({
      failure: { code: 'usage', detail: '13301 days are too many at once; ask for 1000 at most' },
    });
    const points = Array.from({ length: 10 }, (_, n) => aPoint(aPlan({ point: `P${n}`, minutes: 15 })));
    const question = { from: '2026-01-01', to: '2026-05-01', rows: true };
    await expect(pointLedgers({ ...parts, points }, question)).rejects.toMatchObject({ failure: { code: 'usage' } });
  });
});
