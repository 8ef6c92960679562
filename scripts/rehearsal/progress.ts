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

function messageText(line: Record<string, unknown>): string | undefined {
  const at = pc.dim(typeof line.time === 'string' ? clockText(Date.parse(line.time)) : '');
  switch (line.event) {
    case 'message-queued':
      return `${at}  ${pc.cyan('message')} ${line.message}: ${line.commodity} day ${line.day}, ${line.points} points, ${line.intervals} intervals`;
    case 'message-tried':
      return `${at}  ${pc.cyan('sent')} ${line.message}, try ${line.number}: ${line.outcome === 'answered' ? pc.green('answered') : pc.yellow(String(line.outcome))} ${line.detail}`;
    case 'message-needs-attention':
    case 'day-not-complete':
      return `${at}  ${pc.red(String(line.code))} ${line.detail}`;
    default:
      return undefined;
  }
}

/** `Sat 28. 06:00` local. */
function clockText(at: UtcMs): string {
  const local = isoLocal(at, ZONE);
  return `${local.slice(0, 10)} ${local.slice(11, 16)}`;
}
