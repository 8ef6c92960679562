import type { Damage } from '../../buffer/index.ts';
import { FAILURES, OdecetError } from '../../core/failure.ts';
import { HOUR_MS, type Millis, SECOND_MS, type UtcMs } from '../../core/time.ts';
import type { StoreOp } from '../../machine/store.ts';
import { pause } from '../../machine/timers.ts';
import { simFile } from '../../sim/append-log.ts';
import { simFolder } from '../../sim/folder.ts';
import type { Random } from '../../sim/random.ts';
import { type SimDisk, simDisk } from '../../sim/store.ts';
import type { Episode } from './faults.ts';
import { bootMachine, type Machine, type MachineParts } from './machine.ts';
import type { Operator } from './operator.ts';
import { type ClockStep, type OwnClock, ownClock } from './own-clock.ts';

export interface SiteLifeParts extends Omit<MachineParts, 'disk' | 'vital' | 'folder' | 'installedAt' | 'random'> {
  readonly random: Random;
  readonly operator: Operator;
  readonly trueNow: () => UtcMs;
  /** Virtual time from the start of the world to the end of a batch on the disk; 0 where no power cut can come. */
  readonly diskLatencyMs: Millis;
}

/** A stretch of true time in which the gateway was not there. */
export interface Outage {
  readonly start: UtcMs;
  end: UtcMs;
}

/** The gateway's machine through all its lives, and everything that is done to it. */
export interface SiteLife {
  boot(): Promise<void>;
  meet(episode: Episode): void;
  /** Waits until the machine is on. */
  settled(): Promise<Machine>;
  readonly outages: readonly Outage[];
  readonly wall: () => OwnClock;
  /** Keys of records that a flipped bit has damaged. */
  readonly flipped: ReadonlySet<string>;
  /** Keys that the gateway's reports of repairs name. */
  reported(): Promise<readonly string[]>;
  isStored(key: string): boolean;
  readonly lineDown: ReadonlyMap<string, readonly Outage[]>;
  readonly crashes: number;
}

const BOOT_AGAIN_MS = 10 * SECOND_MS;
/** A supervisor that starts a program again and again without end shows a fault that does not heal. */
const CRASHES_MAX = 20;
/** A power cut waits at most so long for the batch that it is meant for. */
const CUT_WITHIN_MS = 12 * HOUR_MS;
/** Batches that a power cut would like to meet: a message, its attempts, intervals; or any. */
const CUT_TARGETS: readonly (readonly string[])[] = [['m/'], ['e/'], ['i/'], ['r/'], ['']];

export function liveOn(parts: SiteLifeParts): SiteLife {
  const { world, random, operator, trace, trueNow } = parts;
  const flipped = new Set<string>();
  const outages: Outage[] = [];
  const lineDown = new Map<string, Outage[]>();
  const wallSteps: ClockStep[] = [];
  let wallOffMs = 0;
  let machine: Machine | undefined;
  let ready: Promise<void> = Promise.resolve();
  let crashes = 0;
  let isFirst = true;
  let cutAt: { readonly prefixes: readonly string[]; readonly offMs: Millis; isDone: boolean } | undefined;
  const installedAt = trueNow();
  const disk: SimDisk = simDisk(world, {
    random: random.fork('disk'),
    latencyMs: parts.diskLatencyMs,
    onWrite: (ops) => meetWrite(ops),
  });
  const vital = simFile(world, { random: random.fork('vital'), latencyMs: parts.diskLatencyMs / 4 });
  const folder = simFolder();

  function noteWall(): void {
    wallSteps.push({ from: trueNow(), offMs: wallOffMs });
  }

  function wentOff(): void {
    outages.push({ start: trueNow(), end: Number.POSITIVE_INFINITY });
  }

  async function boot(): Promise<void> {
    for (;;) {
      try {
        const machineParts = {
          ...parts,
          disk,
          vital,
          folder,
          random: random.fork(`life-${outages.length}`),
          installedAt,
        };
        const booted = await bootMachine(machineParts, trueNow() + wallOffMs, isFirst);
        isFirst = false;
        machine = booted;
        for (const [id, line] of booted.lines) line.reachable(!isLineDown(id));
        booted.ended.then(
          () => undefined,
          (error: unknown) => crashed(booted, error),
        );
        const off = outages.at(-1);
        if (off?.end === Number.POSITIVE_INFINITY) off.end = trueNow();
        trace.note('machine-on', '');
        return;
      } catch (error) {
        trace.note('boot-failed', String(error));
        // A disk that is full or fails is waited for.
        if (!(error instanceof OdecetError) || FAILURES[error.failure.code].next !== 'retry') crashes++;
        if (crashes > CRASHES_MAX) throw error;
        await pause(world, BOOT_AGAIN_MS);
      }
    }
  }

  /** The program gave up; the supervisor starts it again. */
  function crashed(which: Machine, error: unknown): void {
    if (machine !== which) return;
    crashes++;
    trace.note('program-ended', String(error));
    if (!String(error).includes('checksum'))
      parts.onFault(`the program ended: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    if (crashes > CRASHES_MAX) {
      parts.onFault(`the program ended ${crashes} times: ${String(error)}`);
      return;
    }
    machine = undefined;
    wentOff();
    ready = which.stop().then(async () => {
      await pause(world, BOOT_AGAIN_MS);
      await boot();
    });
  }

  function cut(offMs: Millis): void {
    if (!machine) return;
    trace.note('power-cut', '');
    trace.count('power-cut');
    machine.cut();
    machine = undefined;
    wentOff();
    ready = pause(world, offMs).then(boot);
  }

  function planCut(offMs: Millis, choice: number): void {
    const prefixes = CUT_TARGETS[Math.floor(choice * CUT_TARGETS.length)]!;
    const wanted = { prefixes, offMs, isDone: false };
    cutAt = wanted;
    world.after(CUT_WITHIN_MS, () => {
      if (!wanted.isDone) cut(offMs);
      wanted.isDone = true;
    });
  }

  function restart(offMs: Millis): void {
    const old = machine;
    if (!old) return;
    machine = undefined;
    wentOff();
    ready = old.stop().then(async () => {
      await pause(world, offMs);
      await boot();
    });
  }

  /** The power goes in the middle of a write that it was meant for. */
  function meetWrite(ops: readonly StoreOp[]): void {
    const wanted = cutAt;
    if (!wanted || wanted.isDone || !ops.some(({ key }) => wanted.prefixes.some((prefix) => key.startsWith(prefix))))
      return;
    wanted.isDone = true;
    world.after(random.below(parts.diskLatencyMs + 1), () => cut(wanted.offMs));
  }

  function isLineDown(id: string): boolean {
    const now = trueNow();
    return (lineDown.get(id) ?? []).some(({ start, end }) => start <= now && now < end);
  }

  const after = (at: UtcMs, what: () => void) => world.after(Math.max(0, at - trueNow()), what);

  function meet(episode: Episode): void {
    const { kind, end, where, force, choice } = episode;
    switch (kind) {
      case 'power-cut':
        planCut(end - episode.start, choice);
        return;
      case 'restart':
        trace.count(kind);
        restart(end - episode.start);
        return;
      case 'store-full': {
        trace.count(kind);
        trace.note(kind, '');
        disk.limit(0);
        vital.full(true);
        after(end, () => {
          disk.limit(undefined);
          vital.full(false);
        });
        return;
      }
      case 'store-io':
        trace.count(kind);
        disk.failNext('store-io', 1 + Math.floor(8 * force * force));
        disk.failReads(Math.floor(6 * where));
        vital.failNext(1 + Math.floor(3 * choice));
        return;
      case 'bit-flip': {
        const key = disk.flipBit();
        if (key === undefined) return;
        flipped.add(key);
        trace.count(kind);
        trace.note(kind, key);
        return;
      }
      case 'wall-jump': {
        const sign = choice < 0.5 ? -1 : 1;
        stepWall(sign * Math.round(5 * SECOND_MS * 2000 ** force));
        trace.count(kind);
        after(end, () => stepWall(-wallOffMs));
        return;
      }
      case 'line-down': {
        const ids = parts.site.site.lines.map(({ id }) => id);
        const id = ids[Math.floor(where * ids.length)]!;
        lineDown.set(id, [...(lineDown.get(id) ?? []), { start: trueNow(), end }]);
        trace.count(kind);
        machine?.lines.get(id)?.hangUp();
        machine?.lines.get(id)?.reachable(false);
        after(end, () => machine?.lines.get(id)?.reachable(!isLineDown(id)));
        return;
      }
      case 'operator-down':
        operator.down(true);
        after(end, () => operator.down(false));
        return;
      case 'meter-dead':
      case 'meter-clock-drift':
      case 'meter-clock-wrong':
        trace.count(kind);
        return;
      case 'operator-reject':
        operator.order(kind, 1);
        return;
      case 'operator-slow':
      case 'operator-fault':
      case 'operator-unknown':
      case 'operator-lost-request':
      case 'operator-lost-answer':
      case 'operator-twice':
        operator.order(kind, 1 + Math.floor(3 * force));
        return;
      case 'silence':
      case 'late':
      case 'truncated':
      case 'noise':
      case 'foreign':
      case 'collision':
      case 'disconnect':
      // The line's own weather, asked at every exchange.
    }
  }

  function stepWall(byMs: Millis): void {
    wallOffMs += byMs;
    noteWall();
    trace.note('wall-jump', String(wallOffMs));
    machine?.clock.stepWall(byMs);
  }

  return {
    boot,
    meet,
    async settled() {
      while (!machine) await Promise.all([ready, pause(world, SECOND_MS)]);
      return machine;
    },
    outages,
    wall: () => ownClock(wallSteps),
    flipped,
    async reported() {
      const names = (await folder.list()).filter((name) => name.startsWith('repair-report'));
      const texts = await Promise.all(names.map((name) => folder.readText(name)));
      return texts.flatMap((text): string[] => JSON.parse(text ?? '').missing.map(({ key }: Damage) => key));
    },
    isStored: (key) => disk.holds(key),
    lineDown,
    get crashes() {
      return crashes;
    },
  };
}
