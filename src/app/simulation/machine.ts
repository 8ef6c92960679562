import { type Buffer, checkCopy } from '../../buffer/index.ts';
import { OdecetError } from '../../core/failure.ts';
import type { Message } from '../../core/message.ts';
import { isoUtc, type Millis, type UtcMs } from '../../core/time.ts';
import type { AppendLog } from '../../machine/append-log.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Folder } from '../../machine/folder.ts';
import type { Store } from '../../machine/store.ts';
import type { Timers } from '../../machine/timers.ts';
import type { SimFile } from '../../sim/append-log.ts';
import { type SimClock, simClock } from '../../sim/clock.ts';
import { simEntropy } from '../../sim/entropy.ts';
import { type LineFault, type SimLine, simLine } from '../../sim/line.ts';
import type { Random } from '../../sim/random.ts';
import type { SimDisk } from '../../sim/store.ts';
import type { World } from '../../sim/world.ts';
import type { Delivery } from '../../uplink/direct.ts';
import { isState } from '../backup-config.ts';
import { decodeRows, encodeRows } from '../backup-rows.ts';
import type { Desk } from '../desk.ts';
import { createGateway } from '../gateway.ts';
import { lastMessageOf, makeGoOn } from '../go-on.ts';
import { noteStart, readHeldDays } from '../held.ts';
import { type OpenedMemory, openMemory, openMemoryAgain } from '../memory.ts';
import { readSerials } from '../serials.ts';
import { heldToItsWord } from './held-to-its-word.ts';
import type { ImaginedHeat } from './imagined-heat.ts';
import type { ImaginedSite } from './imagined-site.ts';
import type { RunningMeter } from './meters.ts';
import type { Trace } from './trace.ts';

export interface MachineParts {
  readonly world: World;
  readonly random: Random;
  readonly disk: SimDisk;
  /** The second copy. */
  readonly vital: SimFile;
  /** Where reports of repairs are written. */
  readonly folder: Folder;
  readonly site: ImaginedSite;
  readonly meters: readonly RunningMeter[];
  readonly weatherOf: (line: string) => (request: Uint8Array) => LineFault | undefined;
  readonly deliver: (message: Message, clock: Clock, signal: AbortSignal) => Promise<Delivery>;
  readonly heat: ImaginedHeat;
  readonly trace: Trace;
  readonly installedAt: UtcMs;
  /** The longest wait without a look: a wall that steps back is noticed that much later. */
  readonly waitMostMs: Millis;
  readonly onFault: (what: string) => void;
}

/** Every row of a store, and the files beside it, as a backup takes them. */
export interface Backup {
  readonly rows: Uint8Array;
  readonly files: readonly (readonly [name: string, text: string])[];
}

/** A gateway on an imagined machine, from power on to its end. */
export interface Machine {
  readonly clock: SimClock;
  readonly lines: ReadonlyMap<string, SimLine>;
  readonly buffer: Buffer;
  readonly desk: Desk;
  backup(): Promise<Backup>;
  /** Settles when the program has ended by itself; never after a power cut. */
  readonly ended: Promise<void>;
  /** Stops it as a service manager does, and closes the store. */
  stop(): Promise<void>;
  /** Nothing of it goes on; what was under way on the disk is there or not. */
  cut(): void;
}

/** Switches the machine on. Rejects when the program cannot start, with the store closed. */
export async function bootMachine(parts: MachineParts, wallAt: UtcMs, first: boolean): Promise<Machine> {
  const { world, random, disk, site, meters, trace } = parts;
  const life = world.newLife();
  const clock = simClock(life, wallAt);
  const store = impatient(await disk.open(first), world);
  const { buffer: opened, ...lastRepair } = await openOrClose(parts, store, clock, first);
  const { buffer, leaves } = heldToItsWord(opened, (key) => disk.holds(key), parts.onFault);
  const lines = new Map(
    site.site.lines.map((line) => {
      const here = meters.filter(({ plan }) => plan.device.line === line.id);
      const options = {
        name: line.id,
        meters: here.map(({ hears }) => hears),
        random,
        weather: parts.weatherOf(line.id),
      };
      return [line.id, simLine(life, { ...options, lateAfterReopen: line.framing === 'modbus-rtu' })] as const;
    }),
  );
  await noteStart(parts.folder, clock.now());
  const gateway = createGateway({
    loaded: site,
    buffer,
    ...lastRepair,
    installedAt: parts.installedAt,
    serials: await readSerials(parts.folder),
    held: await readHeldDays(parts.folder, site.site.zone, clock),
    lineOf: ({ id }) => lines.get(id)!,
    heat: parts.heat.supplyFor(clock),
    deliver(message, signal) {
      leaves(message.id);
      return parts.deliver(message, clock, signal);
    },
    alert: ({ message }) => trace.alerted(message),
    waitMostMs: parts.waitMostMs,
    clock,
    entropy: simEntropy(random.fork('entropy')),
    log: trace.log,
  });
  const stopping = new AbortController();
  const ended = gateway.run(stopping.signal);
  return {
    clock,
    lines,
    buffer,
    desk: gateway.desk,
    backup: async () => ({
      files: await filesOf(parts.folder),
      rows: encodeRows(await store.range({ gte: '', lt: BEYOND })),
    }),
    ended,
    async stop() {
      stopping.abort();
      await ended.catch(() => undefined);
      // A disk that is full takes no line; the gateway ends all the same.
      await opened.tellHeads().catch(() => undefined);
      await store.close();
    },
    cut() {
      life.end();
      disk.powerCut();
      parts.vital.powerCut();
    },
  };
}

const BEYOND = '\u{10ffff}';

async function filesOf(folder: Folder): Promise<Backup['files']> {
  const names = (await folder.list()).filter(isState);
  return Promise.all(names.map(async (name) => [name, (await folder.readText(name)) ?? ''] as const));
}

/** Of a machine that dies with its disk: whether that had a record which the backup has not. */
export function lostWith(disk: SimDisk, { rows }: Backup): (key: string) => boolean {
  const saved = new Set(decodeRows(rows).map(([key]) => key));
  return (key) => disk.holds(key) && !saved.has(key);
}

/**
 * Lays a backup out on a fresh disk, as `odecet restore` does: a second copy that it would refuse is left out.
 * @param isVitalOld whether the old machine's second copy could be saved
 * @returns whether days that were over wait for a person
 */
export async function restoreMachine(
  { world, disk, vital, folder }: MachineParts,
  backup: Backup,
  isVitalOld: boolean,
  wallAt: UtcMs,
): Promise<boolean> {
  const store = await disk.open(true);
  for (const [name, text] of backup.files) await folder.write(name, text);
  await store.batch(decodeRows(backup.rows).map(([key, value]) => ({ kind: 'put', key, value })));
  const copy = vital.open();
  const isTaken = isVitalOld && (await isCopyTaken(store, copy));
  if (!isTaken) await copy.rewrite(nothing());
  const clock = simClock(world.newLife(), wallAt);
  const said = { at: isoUtc(wallAt), what: 'restored', by: 'N. N.', file: 'the backup' } as const;
  const { holdsDays } = await makeGoOn({ store, vital: copy, isVitalOld: isTaken, state: folder, clock, said });
  await store.close();
  return holdsDays;
}

/** What only speaks for less than all that was sent is passed over here: a line that a power cut tore is whole in the next one. */
async function isCopyTaken(store: Store, copy: AppendLog): Promise<boolean> {
  // A real one says whose it is; the imagined one does not, and before its first message nothing else tells.
  if ((await lastMessageOf(store)) === '') return true;
  try {
    await checkCopy(store, copy, 'vital.log');
    return true;
  } catch (error) {
    if (error instanceof OdecetError && error.failure.code === 'usage') return false;
    throw error;
  }
}

async function* nothing(): AsyncGenerator<string> {}

/** So many calls in one instant of virtual time are a program that goes round and round. */
const CALLS_AT_ONCE_MAX = 1_000_000;

function impatient(store: Store, timers: Timers): Store {
  let [at, calls] = [0, 0];
  const counted = <T>(call: () => Promise<T>): Promise<T> => {
    calls = at === timers.monotonicMs() ? calls + 1 : 0;
    at = timers.monotonicMs();
    if (calls < CALLS_AT_ONCE_MAX) return call();
    return Promise.reject(
      new Error(`${calls} calls of the store while no time passed: the program goes round and round`),
    );
  };
  return {
    get: (key) => counted(() => store.get(key)),
    getMany: (keys) => counted(() => store.getMany(keys)),
    range: (range) => counted(() => store.range(range)),
    batch: (ops) => store.batch(ops),
    size: () => store.size(),
    close: () => store.close(),
  };
}

async function openOrClose(
  { site, vital, folder, trace: { log } }: MachineParts,
  store: Store,
  clock: Clock,
  first: boolean,
): Promise<OpenedMemory> {
  const memory = { loaded: site, store, vital: vital.open(), clock, log };
  try {
    return first ? { buffer: await openMemory(memory) } : await openMemoryAgain(memory, folder);
  } catch (error) {
    await store.close();
    throw error;
  }
}
