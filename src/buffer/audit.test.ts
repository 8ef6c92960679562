import { describe, expect, it } from 'vitest';
import { anInterval, memoryLog, memoryStore, POINT, standingClock } from './buffer.testkit.ts';
import { type AuditEntry, openBuffer } from './index.ts';

const chained = (last: AuditEntry | undefined) => ({
  text: `after ${last?.number ?? 'nothing'}`,
  hash: `${last?.hash ?? ''}x`,
});

async function open(rows?: Map<string, Uint8Array>) {
  const store = memoryStore(rows);
  return { store, buffer: await openBuffer(store, { clock: standingClock() }) };
}

describe('the audit log', () => {
  it('stands in one batch with the intervals it speaks of', async () => {
    const { store, buffer } = await open();
    store.batchesLeft = 0;
    await expect(buffer.keepAudited([anInterval()], chained)).rejects.toThrow();
    expect(await buffer.auditLog()).toEqual([]);
    expect(await buffer.intervalVersions(POINT, 'volume', anInterval().start)).toEqual([]);
    store.batchesLeft = Number.POSITIVE_INFINITY;
    const { entry, kept } = await buffer.keepAudited([anInterval()], chained);
    expect(entry).toEqual({ number: 1, text: 'after nothing', hash: 'x' });
    expect(kept).toEqual([anInterval()]);
  });

  it('goes on after the last entry, also when two are written at once and after a restart', async () => {
    const { store, buffer } = await open();
    await Promise.all([buffer.keepAudited([], chained), buffer.keepAudited([], chained)]);
    const again = await open(store.rows);
    await again.buffer.keepAudited([], chained);
    expect((await again.buffer.auditLog()).map(({ number, hash }) => [number, hash])).toEqual([
      [1, 'x'],
      [2, 'xx'],
      [3, 'xxx'],
    ]);
    expect((await again.buffer.verify()).clean).toBe(true);
  });

  it('shows a damaged entry as unreadable, and says so to the next writer', async () => {
    const { store, buffer } = await open();
    await buffer.keepAudited([], chained);
    const key = [...store.rows.keys()].find((name) => name.startsWith('a/'))!;
    store.rows.get(key)![30]! ^= 1;
    expect(await buffer.auditLog()).toEqual([{ number: 1, text: '', hash: '' }]);
    const { entry } = await buffer.keepAudited([], chained);
    expect(entry).toEqual({ number: 2, text: 'after 1', hash: 'x' });
  });

  it('goes on without a hole after entries that the second copy gave back, with one after one that is lost', async () => {
    const vital = memoryLog();
    const first = await openBuffer(memoryStore(), { clock: standingClock(), vital });
    for (let n = 0; n < 2; n++) await first.keepAudited([], chained);
    const store = memoryStore();
    const restored = await openBuffer(store, { clock: standingClock(), vital });
    await restored.restoreVital();
    await restored.keepAudited([], chained);
    expect((await restored.auditLog()).map(({ number, hash }) => [number, hash])).toEqual([
      [1, 'x'],
      [2, 'xx'],
      [3, 'xxx'],
    ]);
    store.rows.delete([...store.rows.keys()].filter((name) => name.startsWith('a/')).at(-1)!);
    const again = await open(store.rows);
    await again.buffer.keepAudited([], chained);
    expect((await again.buffer.auditLog()).map(({ number }) => number)).toEqual([1, 2, 6]);
  });
});
