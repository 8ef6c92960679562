import { z } from 'zod';
import { overheardTelegrams } from '../../../drivers/mbus/index.ts';
import { overheardFrames } from '../../../drivers/modbus/index.ts';
import { OdecetError } from '../../core/failure.ts';
import type { Millis, UtcMs } from '../../core/time.ts';
import type { LineConfig } from '../../device/site.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Line } from '../../machine/line.ts';
import type { Passed, Way } from './tap.ts';

/** What passes on a line, as bytes and as what they mean; not a word is said on it. */

export interface Heard {
  readonly at: UtcMs;
  /** Missing where it cannot be told, and of what is no frame. */
  readonly way?: Way;
  /** Empty where the text is about the line itself. */
  readonly bytes: Uint8Array;
  readonly text: string;
}

/**
 * Listens on an open line; bursts are cut at silence. A line that goes away is opened again and again. Ends when the signal
 * aborts.
 * @param quietMs silence that ends a burst
 */
export async function* listen(
  line: Line,
  framing: LineConfig['framing'],
  quietMs: Millis,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<readonly Heard[]> {
  while (!signal.aborted) {
    const burst = await nextBurst(line, quietMs, clock, signal);
    if (burst.bytes.length > 0) yield heardIn(burst, framing);
    if (signal.aborted || line.isOpen) continue;
    yield [{ at: clock.now(), bytes: NOTHING, text: 'the line went away' }];
    await reopened(line, clock, signal);
    if (line.isOpen) yield [{ at: clock.now(), bytes: NOTHING, text: 'the line is back' }];
  }
}

const NOTHING = new Uint8Array(0);
/** Converters close a connection on which nothing passed for a while. */
const REOPEN_EVERY_MS: Millis = 1_000;

async function reopened(line: Line, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!line.isOpen && !signal.aborted) {
    try {
      await clock.sleep(REOPEN_EVERY_MS, signal);
      await line.open(signal);
    } catch (error) {
      if (!(error instanceof OdecetError) && !signal.aborted) throw error;
    }
  }
}

/** Frames and noise of a burst, in order. */
function heardIn({ at, way, bytes }: Omit<Heard, 'text'>, framing: LineConfig['framing']): Heard[] {
  const frames = framing === 'mbus' ? overheardTelegrams(bytes) : overheardFrames(bytes, framing);
  return frames.map((frame) => ({ at, ...frame, ...(way && { way }) }));
}

/** The wait is short, so that a port that went away is noticed. */
const LOOK_EVERY_MS: Millis = 500;
/** A line that never rests is told in pieces. */
const BURST_BYTES_MAX = 4096;

async function nextBurst(
  line: Line,
  quietMs: Millis,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ at: UtcMs; bytes: Uint8Array }> {
  const bytes: number[] = [];
  let at = clock.now();
  try {
    bytes.push(...(await line.read(LOOK_EVERY_MS, signal)));
    at = clock.now();
    while (bytes.length > 0 && bytes.length < BURST_BYTES_MAX) {
      const more = await line.read(quietMs, signal);
      if (more.length === 0) break;
      bytes.push(...more);
    }
  } catch (error) {
    // What came before the line went away was heard all the same.
    if (!(error instanceof OdecetError) && !signal.aborted) throw error;
  }
  return { at, bytes: Uint8Array.from(bytes) };
}

const passedSchema = z.strictObject({ at: z.number(), way: z.enum(['sent', 'received']), hex: z.string() });

/** The same of a line that a running gateway owns: it hands on what it sends and reads, answers maybe in pieces. */
export async function* listenToGateway(
  parts: AsyncGenerator<unknown, unknown>,
  framing: LineConfig['framing'],
  clock: Clock,
): AsyncGenerator<readonly Heard[]> {
  for await (const { at, way, hex } of inOnePiece(parts, clock))
    yield heardIn({ at, way, bytes: Uint8Array.from(Buffer.from(hex, 'hex')) }, framing);
}

/** An answer is over when the next request goes out, or after this without more of it. */
const ANSWER_QUIET_MS: Millis = 500;

async function* inOnePiece(parts: AsyncGenerator<unknown, unknown>, clock: Clock): AsyncGenerator<Passed> {
  let answer: Passed | undefined;
  for await (const passed of withQuiet(parts, clock)) {
    if (answer && passed?.way === 'received') {
      answer = { ...answer, hex: answer.hex + passed.hex };
      continue;
    }
    if (answer) yield answer;
    answer = passed?.way === 'received' ? passed : undefined;
    if (passed?.way === 'sent') yield passed;
  }
  if (answer) yield answer;
}

/** What is handed on; undefined whenever nothing was for a while. */
async function* withQuiet(parts: AsyncGenerator<unknown, unknown>, clock: Clock): AsyncGenerator<Passed | undefined> {
  for (let next = nextOf(parts); ; ) {
    const part = await Promise.race([next, clock.sleep(ANSWER_QUIET_MS).then(() => undefined)]);
    if (part?.done) return;
    yield part && passedSchema.parse(part.value);
    if (part) next = nextOf(parts);
  }
}

function nextOf(parts: AsyncGenerator<unknown, unknown>): Promise<IteratorResult<unknown, unknown>> {
  const next = parts.next();
  // It is awaited in its turn; until then its failure is nobody's.
  next.catch(() => undefined);
  return next;
}
