import type { Damage } from '../../buffer/index.ts';
import { FAILURES, OdecetError } from '../../core/failure.ts';
import { isoUtc, type Millis, SECOND_MS, type UtcMs } from '../../core/time.ts';
import { pause } from '../../machine/timers.ts';
import { type SimFile, simFile } from '../../sim/append-log.ts';
import { simFolder } from '../../sim/folder.ts';
import type { Random } from '../../sim/random.ts';
import { type SimDisk, simDisk } from '../../sim/store.ts';
import { aimCuts } from './aimed-cuts.ts';
import { NAMING_TAKES_MS, namedAfter, siteAt } from './exchange.ts';
import { awayFrom, type Episode } from './faults.ts';
import { bitFlips } from './flips.ts';
import type { Outage, Replacement, SiteLife } from './life.ts';
import { bootMachine, lostWith, type Machine, type MachineParts, restoreMachine } from './machine.ts';
import type { Operator } from './operator.ts';
import { type ClockStep, ownClock } from './own-clock.ts';
import { type Substituted, substituteByPerson } from './persons.ts';
import { spoilStore } from './store-weather.ts';

export interface SiteLifeParts extends Omit<MachineParts, 'disk' | 'vital' | 'folder' | 'installedAt' | 'random'> {
  readonly random: Random;
  readonly operator: Operator;
  readonly trueNow: () => UtcMs;
  /** Virtual time from the start of the world to the end of a batch on the disk; 0 where no power cut can come. */
  readonly diskLatencyMs: Millis;
}

const BOOT_AGAIN_MS = 10 * SECOND_MS;
/** A supervisor that starts a program again and again without end shows a fault that does not heal. */
const CRASHES_MAX = 20;
export function liveOn(parts: SiteLifeParts): SiteLife {
  const { world, random, operator, trace, trueNow } = parts;
  const flips = bitFlips(trace);
  const { flipped, standing } = flips;
  const replacements: Replacement[] = [];
  const substituted: Substituted[] = [];
  const outages: Outage[] = [];
  const lineDown = new Map<string, Outage[]>();
  const wallSteps: ClockStep[] = [];
  let wallOffMs = 0;
  let machine: Machine | undefined;
  let ready: Promise<void> = Promise.resolve();
  let crashes = 0;
  let isFirst = true;
  const aimed = aimCuts(world, parts.diskLatencyMs, random, (offMs) => cut(offMs));
  const installedAt = trueNow();
  const newDisk = (name: string): SimDisk =>
    simDisk(world, {
      random: random.fork(name),
      latencyMs: parts.diskLatencyMs,
      onWrite: aimed.meetWrite,
    });
  const newVital = (name: string): SimFile =>
    simFile(world, { random: random.fork(name), latencyMs: parts.diskLatencyMs / 4 });
  let disk = newDisk('disk');
  let vital = newVital('vital');
  let folder = simFolder();

  function wentOff(): void {
    outages.push({ start: trueNow(), end: Number.POSITIVE_INFINITY });
  }

  function machineParts(): MachineParts {
    return {
      ...parts,
      site: siteAt(parts.site, parts.meters, trueNow()),
      disk,
      vital,
      folder,
      random: random.fork(`life-${outages.length}`),
      installedAt,
    };
  }

  async function boot(): Promise<void> {
    for (;;) {
      try {
        const booted = await bootMachine(machineParts(), trueNow() + wallOffMs, isFirst);
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

  /** The machine dies some time after its backup was taken, and a fresh one goes on from that. */
  async function replace({ end, choice }: Episode): Promise<void> {
    const from = trueNow();
    const backup = await machine?.backup().catch(() => undefined);
    if (!backup) return;
    after(end, () => {
      if (!machine) return;
      trace.note('machine-replaced', isoUtc(from));
      trace.count('machine-replaced');
      machine.cut();
      machine = undefined;
      const isVitalOld = choice < 0.5;
      const replaced = { start: from, end: trueNow(), holdsDays: !isVitalOld, lost: lostWith(disk, backup) };
      replacements.push(replaced);
      outages.push({ start: from, end: Number.POSITIVE_INFINITY });
      for (const key of flipped.keys()) if (!atBackup.has(key)) standing.delete(key);
      disk = newDisk(`disk-${outages.length}`);
      folder = simFolder();
      if (!isVitalOld) vital = newVital(`vital-${outages.length}`);
      const restored = restoreMachine(machineParts(), backup, isVitalOld, trueNow() + wallOffMs);
      ready = restored.then((holdsDays) => Object.assign(replaced, { holdsDays })).then(boot);
    });
    const atBackup = new Set(standing);
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

  function isLineDown(id: string): boolean {
    const now = trueNow();
    return (lineDown.get(id) ?? []).some(({ start, end }) => start <= now && now < end);
  }

  const after = (at: UtcMs, what: () => void) => world.after(Math.max(0, at - trueNow()), what);

  function meet(episode: Episode): void {
    const { kind, end, where, force, choice } = episode;
    switch (kind) {
      case 'power-cut':
        aimed.plan(end - episode.start, choice);
        return;
      case 'restart':
        trace.count(kind);
        restart(end - episode.start);
        return;
      case 'machine-replaced':
        void replace(episode);
        return;
      case 'store-full':
      case 'store-io':
        after(end, spoilStore(episode, disk, vital, trace));
        return;
      case 'bit-flip':
        flips.meet(disk);
        return;
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
      case 'person-substitutes':
        if (machine) void substitute(machine, episode);
        return;
      case 'meter-clock-unseen': {
        trace.count(kind);
        const away = awayFrom(episode);
        after(away.start, () => restart(away.end - away.start));
        return;
      }
      case 'meter-exchanged':
        for (const at of namedAfter(parts.meters, episode)) {
          trace.count(kind);
          after(at, () => void life.settled().then(() => restart(NAMING_TAKES_MS)));
        }
        return;
      case 'meter-dead':
      case 'meter-clock-drift':
      case 'meter-clock-wrong':
      case 'meter-freezes-late':
      case 'meter-alarm':
      case 'meter-flag':
        trace.count(kind);
        return;
      case 'operator-down':
        operator.down(true);
        after(end, () => operator.down(false));
        return;
      case 'operator-reject':
      case 'operator-slow':
      case 'operator-fault':
      case 'operator-unknown':
      case 'operator-lost-request':
      case 'operator-lost-answer':
      case 'operator-twice':
        operator.order(kind, kind === 'operator-reject' ? 1 : 1 + Math.floor(3 * force));
        return;
      case 'silence':
      case 'late':
      case 'truncated':
      case 'noise':
      case 'foreign':
      case 'collision':
      case 'disconnect':
      case 'heat-late':
      case 'heat-changed':
      // The line's own weather, asked at every exchange; what the distributor tells, and when.
    }
  }

  async function substitute(on: Machine, episode: Episode): Promise<void> {
    const order = await substituteByPerson(on, parts.site, episode, installedAt, trueNow(), trace, parts.onFault);
    if (order) substituted.push(order);
  }

  function stepWall(byMs: Millis): void {
    wallOffMs += byMs;
    wallSteps.push({ from: trueNow(), offMs: wallOffMs });
    trace.note('wall-jump', String(wallOffMs));
    machine?.clock.stepWall(byMs);
  }

  const life: SiteLife = {
    boot,
    meet,
    async settled() {
      while (!machine) await Promise.all([ready, pause(world, SECOND_MS)]);
      return machine;
    },
    outages,
    substituted,
    wall: () => ownClock(wallSteps),
    flipped,
    standing,
    roundsSince: flips.roundsSince,
    replacements,
    async reported() {
      const names = (await folder.list()).filter((name) => name.startsWith('repair-report'));
      const texts = await Promise.all(names.map((name) => folder.readText(name)));
      return texts.flatMap((text): string[] => JSON.parse(text ?? '').missing.map(({ key }: Damage) => key));
    },
    isAsFlipped: (key) => String(disk.bytesOf(key)) === String(flipped.get(key)),
    lineDown,
    get crashes() {
      return crashes;
    },
  };
  return life;
}
