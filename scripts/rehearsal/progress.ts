import pc from 'picocolors';
import { isoLocal } from '../../src/core/calendar.ts';
import { HOUR_MS, type UtcMs } from '../../src/core/time.ts';
import { ZONE } from './site.ts';

/** Tells the rehearsed day as it passes: a line for each hour, and one for everything that happens to a message. */
export interface Progress {
  hear(line: Record<string, unknown>): void;
  /** Called as the rehearsed clock goes on. */
  tick(now: UtcMs): void;
  say(text: string): void;
}

export function createProgress(write: (line: string) => void): Progress {
  let readings = 0;
  let intervals = 0;
  let toldHour = 0;
  const say = (text: string) => write(text);
  return {
    say,
    hear(line) {
      if (line.event === 'round-kept') readings += Number(line.readings);
      if (line.event === 'intervals-made') intervals += Number(line.count);
      const text = messageText(line);
      if (text) say(text);
    },
    tick(now) {
      const hour = Math.floor(now / HOUR_MS);
      if (hour === toldHour) return;
      toldHour = hour;
      say(`${pc.dim(clockText(hour * HOUR_MS))}  ${readings} readings kept, ${intervals} intervals closed`);
    },
  };
}

/** One thing that happened to a message, for people; undefined for any other line. */
export function messageText(line: Record<string, unknown>): string | undefined {
  const { message, commodity, day, points, intervals, number, outcome, detail, code, stage } = textsOf(line);
  const at = pc.dim(typeof line.time === 'string' ? clockText(Date.parse(line.time)) : '');
  switch (line.event) {
    case 'message-queued':
      return `${at}  ${pc.cyan('message')} ${message}: ${commodity} day ${day}, ${points} points, ${intervals} intervals`;
    case 'message-tried':
      return `${at}  ${pc.cyan('sent')} ${message}, try ${number}: ${outcome === 'answered' ? pc.green(outcome) : pc.yellow(outcome)} ${detail}`;
    case 'message-published':
      return `${at}  ${pc.cyan('published')} ${message}`;
    case 'message-receipt':
      return `${at}  ${pc.cyan('receipt')} ${message}: ${stage === 'accepted' ? pc.green(stage) : stage}`;
    case 'message-needs-attention':
    case 'day-not-complete':
      return `${at}  ${pc.red(code)} ${detail}`;
    default:
      return undefined;
  }
}

/** The fields of a log line as texts. */
function textsOf(line: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(line).map(([name, value]) => [name, String(value)]));
}

/** `2026-03-28 06:00` local. */
export function clockText(at: UtcMs): string {
  const local = isoLocal(at, ZONE);
  return `${local.slice(0, 10)} ${local.slice(11, 16)}`;
}
