import fc from 'fast-check';
import { it } from 'vitest';
import { openBuffer } from '../buffer/index.ts';
import { intervalKey } from '../buffer/keys.ts';
import { decimal, decimalText, equal } from '../core/decimal.ts';
import { HOUR_MS } from '../core/time.ts';
import type { Store } from '../machine/store.ts';
import { simFile } from '../sim/append-log.ts';
import { simClock } from '../sim/clock.ts';
import { simFolder } from '../sim/folder.ts';
import { simDisk } from '../sim/store.ts';
import { createWorld } from '../sim/world.ts';
import { aPlan, aPoint, aReading, aSite, GAS, gasDay } from './app.testkit.ts';
import { makeGoOn } from './go-on.ts';
import { createProfiler } from './profiler.ts';

const NAMES = ['2026-06-10', '2026-06-11', '2026-06-12'];
const DAYS = NAMES.map(gasDay);
const HOURS = 72;
const at = (hour: number) => DAYS[0]!.start + hour * HOUR_MS;
const counter = { device: 'meter', quantity: 'volume.base.total', unit: 'm3', stores: false } as const;
const point = aPoint(aPlan({ counters: [counter] }), {
  estimation: { linearMinutesMax: 720, scaled: true, likeDay: false },
  published: ['volume'],
});

/** Three days of a point that is only sampled, and whatever may happen to what was made of them, in any order. */
const step = fc.oneof(
  fc.record({ what: fc.constant('read' as const), hours: fc.integer({ min: 6, max: 40 }) }),
  fc.record({ what: fc.constant('give-up' as const), share: fc.constantFrom(0.5, 0.9, 1, 1, 1) }),
  fc.record({
    what: fc.constant('damage' as const),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    hours: fc.integer({ min: 1, max: 3 }),
    isFound: fc.boolean(),
  }),
  fc.record({ what: fc.constant('archive' as const), hour: fc.nat(HOURS) }),
  fc.record({ what: fc.constant('finish' as const), day: fc.nat(DAYS.length - 1) }),
  fc.record({ what: fc.constant('send' as const), day: fc.nat(DAYS.length - 1) }),
  fc.record({ what: fc.constantFrom('back-up' as const, 'replace' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;
const story = fc.record({
  litres: fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: HOURS, maxLength: HOURS }),
  gaps: fc.array(fc.record({ from: fc.nat(HOURS - 2), hours: fc.integer({ min: 1, max: 14 }) }), { maxLength: 4 }),
  steps: fc.array(step, { maxLength: 18 }),
});

/** A gateway's memory with its second copy, which outlives the machine. */
async function aMemory() {
  const world = createWorld('any-loss');
  const clock = simClock(world, at(HOURS) + 26 * HOUR_MS);
  const vital = simFile(world, { random: world.random.fork('vital') });
  let disk = simDisk(world, { random: world.random });
  let store: Store = await disk.open(true);
  let backup: readonly (readonly [string, Uint8Array])[] = [];
  const open = async () => {
    const buffer = await openBuffer(store, { clock, vital: vital.open() });
    return { buffer, profiler: createProfiler({ site: aSite(), points: [point], buffer, clock }) };
  };
  return {
    clock,
    open,
    async backUp() {
      backup = await store.range({ gte: '', lt: '~' });
    },
    async replace() {
      if (backup.length === 0) return false;
      disk = simDisk(world, { random: world.random });
      store = await disk.open(true);
      await store.batch(backup.map(([key, value]) => ({ kind: 'put', key, value })));
      await makeGoOn({ store, vital: vital.open(), isVitalOld: true, state: simFolder(), clock });
      return true;
    },
    async flip(key: string) {
      const value = (await store.get(key))!.slice();
      value[50]! ^= 1;
      await store.batch([{ kind: 'put', key, value }]);
    },
  };
}

interface Story {
  readonly litres: readonly number[];
  readonly gaps: readonly { readonly from: number; readonly hours: number }[];
  readonly steps: readonly Step[];
}

interface Life extends Story {
  readonly memory: Awaited<ReturnType<typeof aMemory>>;
  /** Hours of which an actual value has been seen on this machine; and as what each was told. */
  readonly actual: Set<number>;
  readonly told: Map<number, string>;
  program: Awaited<ReturnType<Life['memory']['open']>>;
  /** The last hour at which the meter was read. */
  read: number;
}

function reading({ litres }: Story, hour: number, source: 'stored' | 'sampled') {
  const index = litres.slice(0, hour).reduce((sum, one) => sum + one, 1_000_000);
  return aReading(at(hour), decimal(index, -3), { source });
}

async function readOn(life: Life, hours: number): Promise<void> {
  const { buffer, profiler } = life.program;
  const isUnread = (hour: number) => life.gaps.some((gap) => gap.from < hour && hour <= gap.from + gap.hours);
  for (const last = Math.min(HOURS, life.read + hours); life.read < last; ) {
    life.read++;
    const isAtEnd = life.read === 0 || life.read === HOURS;
    if (isAtEnd || !isUnread(life.read)) await buffer.keepRound([reading(life, life.read, 'sampled')]);
  }
  await profiler.follow();
}

/** What holds at any time: an actual value is what the counter moved, and no estimate takes its place. */
async function look({ program: { buffer }, litres, actual }: Life): Promise<void> {
  for (let hour = 0; hour < HOURS; hour++) {
    const versions = await buffer.intervalVersions(GAS, 'volume', at(hour));
    for (const { value, quality } of versions) {
      if (!value || quality === 'estimated') continue;
      actual.add(hour);
      if (!equal(value, decimal(litres[hour]!, -3))) throw new Error(`wrong: hour ${hour}, ${decimalText(value)}`);
    }
    if (actual.has(hour) && versions.at(-1)?.quality === 'estimated')
      throw new Error(`an estimate stands where a value was read: hour ${hour}`);
  }
}

async function send({ program: { buffer }, told }: Life, day: number): Promise<void> {
  const all = await buffer.intervals(GAS, 'volume', DAYS[day]!);
  const { rows } = await buffer.ledger([{ point: GAS, channel: 'volume', spans: all }], 'records');
  const isNews = rows.every(({ state, deliveries }) => state === 'pending' && deliveries.length === 0);
  if (all.length < 24 || !isNews || all.some(({ value }) => !value)) return;
  const carried = all.map(({ channel, start, version }) => ({ point: GAS, channel, start, version }));
  const message = {
    commodity: 'gas',
    day: NAMES[day]!,
    pack: 'test',
    madeAt: at(HOURS),
    xml: '<a/>',
    carried,
  } as const;
  await buffer.queueMessage((id) => ({ ...message, id }));
  for (const { start, quality } of all) told.set((start - at(0)) / HOUR_MS, quality);
}

async function damage(life: Life, { share, hours, isFound }: Extract<Step, { what: 'damage' }>): Promise<void> {
  const { buffer } = life.program;
  const first = Math.floor(life.read * share);
  for (let hour = first; hour < Math.min(HOURS, first + hours); hour++) {
    const last = (await buffer.intervalVersions(GAS, 'volume', at(hour))).at(-1);
    if (!last) continue;
    await life.memory.flip(intervalKey(last));
    if (isFound) await buffer.quarantine([{ key: intervalKey(last), detail: 'checksum' }]);
  }
  life.program = await life.memory.open();
}

async function meet(life: Life, one: Step): Promise<void> {
  const { memory, program } = life;
  if (one.what === 'read') await readOn(life, one.hours);
  else if (one.what === 'give-up') {
    const olderThan = at(Math.floor(life.read * one.share));
    await program.buffer.trim('samples', { olderThan, now: memory.clock.now(), entriesMax: 1_000 });
  } else if (one.what === 'damage') await damage(life, one);
  else if (one.what === 'archive') {
    if (one.hour <= life.read) await program.buffer.keepRound([reading(life, one.hour, 'stored')]);
    await program.profiler.follow();
  } else if (one.what === 'finish') await program.profiler.finish(point, DAYS[one.day]!);
  else if (one.what === 'send') await send(life, one.day);
  else if (one.what === 'back-up') await memory.backUp();
  else if (await memory.replace()) {
    life.program = await memory.open();
    life.actual.clear();
  }
}

async function live(story: Story): Promise<void> {
  const memory = await aMemory();
  const life: Life = { ...story, memory, program: await memory.open(), actual: new Set(), told: new Map(), read: -1 };
  await readOn(life, 30);
  for (const one of story.steps) {
    await meet(life, one);
    await look(life);
  }
  await readOn(life, HOURS);
  for (const day of DAYS) await life.program.profiler.finish(point, day);
  await look(life);
  for (const [hour, quality] of life.told) {
    const spans = [{ start: at(hour), end: at(hour + 1) }];
    const [row] = (await life.program.buffer.ledger([{ point: GAS, channel: 'volume', spans }])).rows;
    const isActual = row?.quality === 'computed' || row?.quality === 'measured';
    if (quality !== 'estimated' && row?.state !== 'lost' && !isActual)
      throw new Error(`told as ${quality} and not lost, now ${row?.quality}: hour ${hour}`);
  }
}

/** Both records of two neighbours are damaged when their samples have gone: nothing tells what passed in each. */
const NEIGHBOURS: Story = {
  litres: Array(HOURS).fill(1_500),
  gaps: [],
  steps: [
    { what: 'give-up', share: 1 },
    { what: 'damage', share: 0.1, hours: 2, isFound: true },
  ],
};

it(
  'whatever is given up, damaged or restored, an actual value is true, made again as it was, or lost',
  {
    timeout: 180_000,
  },
  () => fc.assert(fc.asyncProperty(story, live), { numRuns: 30, examples: [[NEIGHBOURS]] }),
);
