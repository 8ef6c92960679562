import { OdecetError } from '../../core/failure.ts';
import { parseUtc, type UtcMs } from '../../core/time.ts';
import type { LineConfig } from '../../device/site.ts';
import { spacedHex, type Way } from './tap.ts';

/**
 * What passed on a line, as text that a person can read and a test can keep (docs/lines.md):
 *
 *   # odecet recording 1, line hall, framing mbus
 *   2026-03-28T06:00:00.120Z > 10 40 01 41 16
 *   2026-03-28T06:00:00.171Z < e5
 *
 * `>` is the master's, `<` a meter's, `?` was not told apart. Lines that begin with # are remarks.
 */
export interface Recorded {
  readonly at: UtcMs;
  readonly way?: Way;
  readonly bytes: Uint8Array;
}

export interface Recording {
  readonly line: string;
  readonly framing: LineConfig['framing'];
  readonly frames: readonly Recorded[];
}

const HEAD = /^# odecet recording 1, line (\S+), framing (mbus|modbus-rtu|modbus-ascii|modbus-tcp)\s*$/;
const FRAME = /^(\S+) ([<>?]) ((?:[0-9a-f]{2} ?)+)$/i;
const SIGNS = { sent: '>', received: '<' } as const;
const WAYS: Readonly<Record<string, Way | undefined>> = { '>': 'sent', '<': 'received' };

export function recordingHead({ id, framing }: Pick<LineConfig, 'id' | 'framing'>): string {
  return `# odecet recording 1, line ${id}, framing ${framing}\n`;
}

export function recordingLine({
  at,
  way,
  hex,
}: {
  readonly at: UtcMs;
  readonly way?: Way;
  readonly hex: string;
}): string {
  return `${new Date(at).toISOString()} ${way ? SIGNS[way] : '?'} ${spacedHex(hex)}\n`;
}

/** What is not a frame but worth knowing. */
export function recordingRemark(at: UtcMs, text: string): string {
  return `# ${new Date(at).toISOString()} ${text}\n`;
}

export function isRecording(text: string): boolean {
  return text.startsWith('# odecet recording ');
}

/** Throws OdecetError usage with file and line where the text is no recording. */
export function parseRecording(text: string, file: string): Recording {
  const [first = '', ...rest] = text.split(/\r?\n/);
  const [, line, framing] = HEAD.exec(first) ?? [];
  if (line === undefined)
    throw new OdecetError('usage', `${file}:1: not a recording of this program; "odecet listen --out" makes one`);
  const frames = rest.flatMap((each, n) =>
    /^\s*(#|$)/.test(each) ? [] : [parseFrame(each.trim(), `${file}:${n + 2}`)],
  );
  return { line, framing: framing as Recording['framing'], frames };
}

function parseFrame(text: string, place: string): Recorded {
  const [, time, sign, digits] = FRAME.exec(text) ?? [];
  if (time === undefined || sign === undefined || digits === undefined)
    throw new OdecetError(
      'usage',
      `${place}: "${text.slice(0, 60)}" is not a time, one of < > ?, and hex digits in pairs`,
    );
  const way = WAYS[sign];
  const bytes = Uint8Array.from(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
  return { at: instantOf(time, place), ...(way && { way }), bytes };
}

function instantOf(text: string, place: string): UtcMs {
  try {
    return parseUtc(text);
  } catch (cause) {
    throw new OdecetError('usage', `${place}: "${text}" is no instant like 2026-03-28T06:00:00.120Z`, { cause });
  }
}
