import { expect, it } from 'vitest';
import { memoryStore, standingClock } from '../buffer/buffer.testkit.ts';
import { openBuffer } from '../buffer/index.ts';
import { parseUtc } from '../core/time.ts';
import { simFolder } from '../sim/folder.ts';
import { chainFaults } from './audit-chain.ts';
import { readAudit } from './audit-texts.ts';
import { holdDays, readHeldDays } from './held.ts';
import { releasedByHand } from './released-by-hand.ts';

const NOW = parseUtc('2026-06-03T01:00:00Z');
const ORDER = { days: ['2026-06-01'], commodity: 'gas' as const, reason: 'the operator has nothing', by: 'J. Novák' };

async function held() {
  const folder = simFolder();
  await holdDays(folder, { because: 'restore', at: NOW, lastId: '' });
  const buffer = await openBuffer(memoryStore(), { clock: standingClock(NOW) });
  return { buffer, held: await readHeldDays(folder, 'Europe/Prague', { now: () => NOW }) };
}

it('days that are let go are told in the audit log, with who and why', async () => {
  const state = await held();
  expect(await releasedByHand(state, ORDER, NOW)).toEqual(['gas/2026-06-01']);
  const log = await state.buffer.auditLog();
  expect(log.map(({ text }) => readAudit(text))).toEqual([
    {
      at: '2026-06-03T01:00:00Z',
      what: 'released',
      by: 'J. Novák',
      reason: 'the operator has nothing',
      days: ['gas/2026-06-01'],
    },
  ]);
  expect(chainFaults(log)).toEqual([]);
});

it.each([
  ['one that is no day', { days: ['2026-13-45'] }],
  ['nobody said who', { by: ' ' }],
])('%s: refused, and nothing is written', async (_, change) => {
  const state = await held();
  await expect(releasedByHand(state, { ...ORDER, ...change }, NOW)).rejects.toMatchObject({
    failure: { code: 'usage' },
  });
  expect(await state.buffer.auditLog()).toEqual([]);
});

it('what the audit log does not take is not released', async () => {
  const { buffer, held: days } = await held();
  const full = { ...buffer, keepAudited: async () => Promise.reject(new Error('full')) };
  await expect(releasedByHand({ buffer: full, held: days }, ORDER, NOW)).rejects.toThrow('full');
  expect(days.hold({ id: '00000000000001', commodity: 'gas', day: '2026-06-01' })).toBeDefined();
});
