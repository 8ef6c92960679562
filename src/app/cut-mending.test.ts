import { expect, it } from 'vitest';
import {
  aMessage,
  anAttempt,
  anInterval,
  aReading,
  aReceipt,
  DAY_START,
  type MemoryStore,
  memoryLog,
  memoryStore,
} from '../buffer/buffer.testkit.ts';
import { type Buffer, type Damage, openBuffer } from '../buffer/index.ts';
import { intervalKey } from '../buffer/keys.ts';
import { OdecetError } from '../core/failure.ts';
import { HOUR_MS, isoUtc } from '../core/time.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Folder } from '../machine/folder.ts';
import type { LogFields } from '../machine/log.ts';
import { simClock } from '../sim/clock.ts';
import { simFolder } from '../sim/folder.ts';
import { createWorld } from '../sim/world.ts';
import { aSite, SILENT } from './app.testkit.ts';
import { readAudit } from './audit-texts.ts';
import { heldSince, readHeldDays } from './held.ts';
import { createMaintenance } from './maintenance.ts';
import { openMemory, openMemoryAgain } from './memory.ts';
import type { RepairCause } from './repair.ts';

/** The power goes again while a loss is being mended, at every write of it: the start after that goes on with it. */
const HOURS = Array.from({ length: 24 }, (_, n) => DAY_START + n * HOUR_MS);
const INTERVALS = HOURS.map((start) => anInterval({ start }));
const CLOCK = simClock(createWorld('cut-mending'), DAY_START + 40 * HOUR_MS);
/** What was told: accepted, accepted, under way. */
const PARTS = [INTERVALS.slice(0, 4), INTERVALS.slice(4, 12), INTERVALS.slice(12, 16)] as const;
const loaded = { site: { ...aSite(), points: [] }, devices: new Map() };

interface Disk {
  readonly rows: ReadonlyMap<string, Uint8Array>;
  readonly vital: readonly string[];
}

async function fill(buffer: Buffer, hours: readonly number[]): Promise<void> {
  for (const at of hours) {
    await buffer.keepRound([aReading({ at })]);
    await buffer.keepIntervals([anInterval({ start: at })]);
  }
}

async function send(buffer: Buffer, part: (typeof PARTS)[number], isAccepted: boolean): Promise<void> {
  const { id } = await buffer.queueMessage((own) => aMessage(own, part));
  const number = await buffer.outbox.beginAttempt(id, DAY_START);
  if (isAccepted) await buffer.outbox.endAttempt(anAttempt(id, number, 'answered'), aReceipt(id, 'accepted'));
}

/** A day's records, and the store as it was after a third of them. */
async function aDay(): Promise<Disk & { readonly early: Disk['rows'] }> {
  const [store, vital] = [memoryStore(), memoryLog()];
  const buffer = await openMemory({ loaded, store, vital, clock: CLOCK, log: SILENT });
  await fill(buffer, HOURS.slice(0, 8));
  await send(buffer, PARTS[0], true);
  const early = copyOf(store.rows);
  await fill(buffer, HOURS.slice(8));
  await send(buffer, PARTS[1], true);
  await send(buffer, PARTS[2], false);
  await buffer.tellHeads();
  return { rows: store.rows, vital: vital.kept, early };
}

function copyOf(rows: Disk['rows']): Map<string, Uint8Array> {
  return new Map([...rows].map(([key, value]) => [key, value.slice()]));
}

/** A machine whose power goes before one of its writes. */
function machineOf(disk: Disk) {
  const store: MemoryStore = memoryStore(copyOf(disk.rows));
  const vital = Object.assign(memoryLog(), { kept: [...disk.vital] });
  const folder = simFolder();
  let left = Number.POSITIVE_INFINITY;
  const power = async (): Promise<void> => {
    if (left-- <= 0) throw new Error('the power goes');
  };
  const cutStore = {
    ...store,
    batch: async (ops: Parameters<MemoryStore['batch']>[0]) => power().then(() => store.batch(ops)),
  };
  const cutVital: AppendLog = {
    ...vital,
    lines: () => vital.lines(),
    append: (text) => power().then(() => vital.append(text)),
    rewrite: (lines) => power().then(() => vital.rewrite(lines)),
  };
  const cutFolder: Folder = { ...folder, write: (path, text) => power().then(() => folder.write(path, text)) };
  const start = async (repaired?: RepairCause, log = SILENT) => {
    const parts = { loaded, store: cutStore, vital: cutVital, clock: CLOCK, log };
    return (await openMemoryAgain(parts, cutFolder, repaired)).buffer;
  };
  return {
    store,
    folder,
    start,
    buffer: () => openBuffer(cutStore, { clock: CLOCK, vital: cutVital }),
    /** Whether the power went before `work` was done. */
    async cutAfter(writes: number, work: () => Promise<unknown>): Promise<boolean> {
      left = writes;
      const isCut = await work().then(
        () => false,
        (error: unknown) => String(error).includes('the power goes'),
      );
      left = Number.POSITIVE_INFINITY;
      return isCut;
    },
    async reported(): Promise<string[]> {
      const names = (await folder.list()).filter((name) => name.startsWith('repair-report'));
      const texts = await Promise.all(names.map((name) => folder.readText(name)));
      return texts.flatMap((text) => JSON.parse(text ?? '').missing.map(({ key }: Damage) => key));
    },
  };
}

/** Cuts `work` at every write that it makes; gives how often. */
async function atEveryWrite(
  disk: Disk,
  work: (machine: ReturnType<typeof machineOf>) => Promise<unknown>,
  look: (machine: ReturnType<typeof machineOf>, cutAfter: number) => Promise<void>,
): Promise<number> {
  for (let writes = 0; ; writes++) {
    const machine = machineOf(disk);
    const isCut = await machine.cutAfter(writes, () => work(machine));
    await look(machine, writes);
    if (!isCut) return writes;
  }
}

async function expectNeverTwice(buffer: Buffer, after: string): Promise<void> {
  for (const part of PARTS)
    await expect(
      buffer.queueMessage((own) => aMessage(own, part)),
      after,
    ).rejects.toMatchObject({ failure: { code: 'already-queued' } });
  expect(
    (await buffer.outbox.heads()).map(({ state }) => state),
    after,
  ).toEqual(['sent']);
}

it('an end of the store is lost: nothing can be sent twice, what is under way still is, and a report names what is gone', async () => {
  const { early, vital } = await aDay();
  const cuts = await atEveryWrite(
    { rows: early, vital },
    (machine) => machine.start(),
    async (machine, writes) => {
      const buffer = await machine.start();
      await expectNeverTwice(buffer, `cut after ${writes} writes`);
      const gone = HOURS.slice(8).map((_, n) => `j/intervals/${String(9 + n).padStart(15, '0')}`);
      expect(await machine.reported(), `cut after ${writes} writes`).toEqual(expect.arrayContaining(gone));
      // What is mended once is not mended again.
      const told: string[] = [];
      const log = { ...SILENT, error: (event: string, _fields?: LogFields) => void told.push(event) };
      await machine.start(undefined, log);
      expect(told).toEqual([]);
    },
  );
  expect(cuts).toBeGreaterThan(5);
});

it('the store is lost and the second copy damaged: days that are over wait for a person', async () => {
  const { vital } = await aDay();
  const damaged = vital.map((line, n) => (n === 5 ? line.replace('"', "'") : line));
  const cuts = await atEveryWrite(
    { rows: new Map(), vital: damaged },
    (machine) => machine.start(),
    async (machine, writes) => {
      const { auditLog } = await machine.start();
      const since = await heldSince(machine.folder, CLOCK.now());
      const told = (await auditLog()).map(({ text }) => readAudit(text));
      expect(told, `cut after ${writes} writes`).toContainEqual(
        expect.objectContaining({ what: 'held', at: isoUtc(since?.at ?? 0) }),
      );
      const held = await readHeldDays(machine.folder, 'Europe/Prague', CLOCK);
      const later = { id: '99999999999999', commodity: 'gas', day: '2026-03-28' } as const;
      expect(held.hold(later), `cut after ${writes} writes`).toMatchObject({ code: 'day-held' });
    },
  );
  expect(cuts).toBeGreaterThan(3);
});

it('the same on a box that believes in 1970: no day is over there, and every message waits', async () => {
  const { vital } = await aDay();
  const damaged = vital.map((line, n) => (n === 5 ? line.replace('"', "'") : line));
  const folder = simFolder();
  const clock = simClock(createWorld('1970'), HOUR_MS);
  const copy = Object.assign(memoryLog(), { kept: damaged });
  await openMemoryAgain({ loaded, store: memoryStore(), vital: copy, clock, log: SILENT }, folder);
  for (const day of ['2026-03-28', '2026-03-29', '2026-03-30']) {
    const held = await readHeldDays(folder, 'Europe/Prague', clock);
    expect(held.hold({ id: '99999999999999', commodity: 'gas', day })).toMatchObject({ code: 'day-held' });
  }
});

it('the scrubber finds a damaged interval: a report of the next start names it, and it is made again', async () => {
  const disk = await aDay();
  const key = intervalKey(INTERVALS[20]!);
  const rows = copyOf(disk.rows);
  rows.get(key)![40]! ^= 1;
  const scrubbed = async (machine: ReturnType<typeof machineOf>) => {
    const buffer = await machine.buffer();
    const { storage } = loaded.site;
    await createMaintenance({ storage, points: [], buffer, clock: CLOCK, log: SILENT }).scrub(10_000);
  };
  const marked: number[] = [];
  const cuts = await atEveryWrite({ ...disk, rows }, scrubbed, async (machine, writes) => {
    const before = await openBuffer(machine.store, { clock: CLOCK });
    if (before.unmended.length === 0) return;
    marked.push(writes);
    expect(before.unmended.map(({ key: found }) => found)).toEqual([key]);
    await machine.start();
    expect(await machine.reported()).toEqual([key]);
    expect((await openBuffer(machine.store, { clock: CLOCK })).unmended).toEqual([]);
  });
  expect(marked.length).toBeGreaterThan(0);
  expect(marked).not.toContain(cuts);
});

it('a full disk keeps nobody from the meters where the second copy is damaged, and the next start with room mends it', async () => {
  const { rows, vital } = await aDay();
  const damaged = vital.map((line, n) => (n === 5 ? line.replace('"', "'") : line));
  const store = memoryStore(copyOf(rows));
  const copy = Object.assign(memoryLog(), { kept: [...damaged] });
  const full = { ...store, batch: () => Promise.reject(new OdecetError('store-full', 'no room')) };
  const told: string[] = [];
  const log = { ...SILENT, error: (event: string, _fields?: LogFields) => void told.push(event) };
  const parts = { loaded, vital: copy, clock: CLOCK, log };
  const folder = simFolder();
  const { buffer } = await openMemoryAgain({ ...parts, store: full }, folder);
  expect(await buffer.intervals(INTERVALS[0]!.point, INTERVALS[0]!.channel, INTERVALS[0]!)).toHaveLength(1);
  expect(new Set(told)).toEqual(new Set(['second-copy-damaged', 'second-copy-waits']));

  await openMemoryAgain({ ...parts, store }, folder);
  told.length = 0;
  await openMemoryAgain({ ...parts, store }, folder);
  expect(told).toEqual([]);
});

it('what a start found damaged is counted, as what the scrubber finds is', async () => {
  const { rows, vital } = await aDay();
  const damaged = copyOf(rows);
  for (const interval of INTERVALS.slice(2, 4)) damaged.get(intervalKey(interval))![40]! ^= 1;
  const [store, log] = [memoryStore(damaged), Object.assign(memoryLog(), { kept: [...vital] })];
  const parts = { loaded, store, vital: log, clock: CLOCK, log: SILENT };
  const { buffer, damagedAtStart, lastRepair } = await openMemoryAgain(parts, simFolder(), {
    cause: 'a crash',
    copy: 'x',
  });
  const { storage } = loaded.site;
  const found = { ...(lastRepair && { lastRepair }), ...(damagedAtStart && { damagedAtStart }) };
  const maintenance = createMaintenance({ storage, points: [], buffer, clock: CLOCK, log: SILENT, ...found });
  expect(await maintenance.status()).toMatchObject({ damaged: 2, lastRepair });
});
