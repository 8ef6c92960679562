import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import type { SeenSite } from '../../src/app/site-view.ts';
import { HOUR_MS, type MarketDay, MINUTE_MS, parseUtc, type UtcMs } from '../../src/core/time.ts';
import { acceptedRows } from './follow.ts';
import type { Heard } from './processes.ts';
import { clockText, messageText } from './progress.ts';
import { type DemoSite, expectedRows } from './site.ts';

/** Between two pictures on a terminal (real time), and between two where the output is kept (rehearsed time). */
const PICTURE_EVERY_MS = 500;
const KEPT_EVERY_MS = 3 * HOUR_MS;
const BAR_WIDTH = 20;

/** One line of state for each site, drawn over itself on a terminal, and above it what happens. */
export interface Frame {
  say(text: string): void;
  /** The log of a site's gateway. */
  hear(site: string): Heard;
  cutOff(site: string, isCut: boolean): void;
  tick(now: UtcMs, seen: readonly SeenSite[], out: string): void;
  close(): void;
}

export function createFrame(screen: NodeJS.WriteStream, sites: readonly DemoSite[], day: MarketDay): Frame {
  const cut = new Set<string>();
  const intervals = new Map<string, number>();
  let picture: readonly string[] = [];
  let drawnAt = Number.NEGATIVE_INFINITY;
  let accepted: ReadonlyMap<string, number> = new Map();
  let isCounting = false;

  /** What takes the last picture away; a line that is longer than the screen is wide stands in several rows. */
  function erasing(): string {
    const rowsOf = (line: string) =>
      Math.max(1, Math.ceil(stripVTControlCharacters(line).length / (screen.columns || 80)));
    const rows = picture.reduce((sum, line) => sum + rowsOf(line), 0);
    return rows > 0 ? `\x1b[${rows}A\x1b[J` : '';
  }

  /** Takes the last picture away, writes, and draws it again below. */
  function write(text: string): void {
    screen.write(`${erasing()}${text}${textOf(picture)}`);
  }

  function draw(now: UtcMs, seen: readonly SeenSite[]): void {
    const lines = sites.map((site) => {
      const told = seen.find((one) => one.site === site.name);
      const counts = { accepted: accepted.get(site.name) ?? 0, expected: expectedRows(site, day) };
      return siteLine(now, site, told, cut.has(site.name), intervals.get(site.name) ?? 0, counts);
    });
    const alerts = seen.flatMap((one) => one.alerts).map(({ id }) => id);
    const foot = alerts.length > 0 ? [`${pc.red('alerts')}  ${alerts.join(', ')}`] : [];
    const next = [pc.dim(clockText(now)), ...lines, ...foot];
    screen.write(`${erasing()}${textOf(next)}`);
    if (screen.isTTY) picture = next;
  }

  function count(out: string): void {
    if (isCounting) return;
    isCounting = true;
    acceptedRows(out)
      .then((rows) => {
        accepted = new Map(
          sites.map(({ name, park }) => {
            const points = new Set(park.meters.map(({ point }) => point));
            return [name, rows.filter(({ point }) => points.has(point)).length];
          }),
        );
      })
      .catch(() => undefined)
      .finally(() => {
        isCounting = false;
      });
  }

  const say = (text: string) => write(`${text}\n`);
  return {
    say,
    hear: (site) => (line) => {
      if (line.event === 'intervals-made') intervals.set(site, (intervals.get(site) ?? 0) + Number(line.count));
      const text = messageText(line);
      if (text) say(`${text}  ${pc.dim(site)}`);
    },
    cutOff(site, isCut) {
      if (isCut) cut.add(site);
      else cut.delete(site);
    },
    tick(now, seen, out) {
      const at = screen.isTTY ? performance.now() : now;
      if (at - drawnAt < (screen.isTTY ? PICTURE_EVERY_MS : KEPT_EVERY_MS)) return;
      drawnAt = at;
      count(out);
      draw(now, seen);
    },
    close() {
      picture = [];
    },
  };
}

function siteLine(
  now: UtcMs,
  { name, park }: DemoSite,
  told: SeenSite | undefined,
  isCut: boolean,
  intervals: number,
  { accepted, expected }: { readonly accepted: number; readonly expected: number },
): string {
  const state = isCut ? pc.yellow('cut off'.padEnd(8)) : stateText(told?.state ?? 'unknown');
  const filled = Math.round((BAR_WIDTH * Math.min(accepted, expected)) / expected);
  const bar = `${pc.green('█'.repeat(filled))}${pc.dim('░'.repeat(BAR_WIDTH - filled))}`;
  const status = told?.status;
  const good = (status?.devices ?? []).filter(({ failuresInRow }) => failuresInRow === 0).length;
  const heard = status?.at === undefined ? 'never' : `${minutesText(now - parseUtc(status.at))} ago`;
  return [
    `  ${name.padEnd(12)}${state}`,
    `${bar} ${String(accepted).padStart(3)}/${expected} accepted`,
    `${intervals} intervals made`,
    `meters ${good}/${park.meters.length}`,
    `outbox ${status?.outbox?.depth ?? '?'}`,
    `heard ${heard}`,
  ].join('  ');
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function stateText(state: string): string {
  const text = state.padEnd(8);
  return state === 'ready' ? pc.green(text) : pc.red(text);
}

function minutesText(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / MINUTE_MS));
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
