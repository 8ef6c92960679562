import type { UtcMs } from '../../core/time.ts';
import { identityBytes, type MeterIdentity, responseFrame } from './mbus-encode.ts';
import type { SimulatedMeter } from './mbus-meter.ts';

/** A meter on a simulated bus: primary address, identity, and its telegrams (records only) as they are at an instant. */
export interface BusMeter extends MeterIdentity {
  readonly primary: number;
  /** A telegram that is not the last should end with DIF 1F. */
  readonly telegrams: (now: UtcMs) => readonly (readonly number[])[];
  /** Told each command (CI field) that the meter carries out. */
  readonly obeyed?: (ci: number) => void;
  /** The status byte of its header; nothing to tell where it is left out. */
  readonly status?: (now: UtcMs) => number;
  /** Some meters never count their answers. Default true. */
  readonly countsAnswers?: boolean;
}

/** What several answers at the same time become on the wire. */
export type Collision = (answers: readonly Uint8Array[]) => Uint8Array;

const ACK = Uint8Array.of(0xe5);
const SELECTED = 253;
const TO_ALL_WITH_ANSWER = 254;
const CI_SELECT = 0x52;
const SND_NKE = 0x40;
const SND_UD = 0x43;
const REQ_UD2 = 0x5b;
const FRAME_COUNT_BIT = 0x20;
const FRAME_COUNT_VALID = 0x10;
const CI_APPLICATION_RESET = 0x50;

/**
 * A bus of simulated meters (EN 13757-2/-3): primary and secondary addressing, selection, telegrams by frame count bit, and
 * collisions. Takes one whole request at a time.
 */
export function mbusBus(meters: readonly BusMeter[], collision: Collision = zerosWin): SimulatedMeter {
  const slaves = meters.map(meterOnBus);
  return (request, now) => {
    const answers = slaves.map((answer) => answer(request, now)).filter((answer) => answer !== undefined);
    return answers.length > 1 ? collision(answers) : answers[0];
  };
}

/** Answers that begin together: a 0 draws current and wins over a 1; what is longer stands alone at its end. */
export function zerosWin(answers: readonly Uint8Array[]): Uint8Array {
  const length = Math.max(...answers.map((answer) => answer.length));
  return Uint8Array.from({ length }, (_, n) => answers.reduce((byte, answer) => byte & (answer[n] ?? 0xff), 0xff));
}

/** Answers of meters that take different times: one after the other. */
export function oneAfterTheOther(answers: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(answers.flatMap((answer) => [...answer]));
}

/**
 * One link: what was answered last, and which telegram comes next. Primary address and 253 each have their own (clause 11), and
 * requests and commands have each a frame count bit of their own (M-Bus documentation 4.8, clause 5.5.2).
 */
interface Link {
  frameCountBit: boolean | undefined;
  /** Of the last command; clear after a reset, so that the first command must have it set (IEC 60870-5-2). */
  commandBit: boolean;
  last: Uint8Array | undefined;
  next: number;
}

/** One of them, or one alone on its line. */
export function meterOnBus(meter: BusMeter): SimulatedMeter {
  const identity = identityBytes(meter);
  const links = { primary: freshLink(), selected: freshLink() };
  let isSelected = false;
  let accessNumber = 0;
  const respond = (link: Link, frameCountBit: boolean, now: UtcMs): Uint8Array => {
    // The same bit again: the master did not get the last answer.
    if (link.last && link.frameCountBit === frameCountBit) return link.last;
    const telegrams = meter.telegrams(now);
    if (meter.countsAnswers !== false) accessNumber = (accessNumber + 1) & 0xff;
    const header = [...identity, accessNumber, meter.status?.(now) ?? 0x00, 0x00, 0x00];
    link.last = responseFrame(meter.primary, 0x72, [...header, ...(telegrams[link.next] ?? [])]);
    link.next = link.next + 1 < telegrams.length ? link.next + 1 : 0;
    link.frameCountBit = frameCountBit;
    return link.last;
  };
  const select = (mask: Uint8Array): Uint8Array | undefined => {
    isSelected = isMatch(mask, identity);
    links.selected = freshLink();
    return isSelected ? ACK : undefined;
  };
  const command = (link: Link, control: number, ci: number | undefined): Uint8Array => {
    const bit = (control & FRAME_COUNT_BIT) !== 0;
    // The same bit again: the master did not get the acknowledgement. It is given again, and nothing is done.
    if (control & FRAME_COUNT_VALID && link.commandBit === bit) return ACK;
    link.commandBit = bit;
    if (ci === CI_APPLICATION_RESET) link.next = 0;
    if (ci !== undefined) meter.obeyed?.(ci);
    return ACK;
  };
  const obey = (name: keyof typeof links, { control, ci }: MasterFrame, now: UtcMs): Uint8Array | undefined => {
    const what = control & ~FRAME_COUNT_BIT;
    if (what === REQ_UD2) return respond(links[name], (control & FRAME_COUNT_BIT) !== 0, now);
    if ((what & ~FRAME_COUNT_VALID) === SND_UD) return command(links[name], control, ci);
    if (what !== SND_NKE) return undefined;
    links[name] = freshLink();
    if (name === 'selected') isSelected = false;
    return ACK;
  };
  return (request, now) => {
    // Most of what a meter hears on its bus is for others.
    const to = addressOf(request);
    if (to !== meter.primary && to !== SELECTED && to !== TO_ALL_WITH_ANSWER) return undefined;
    const frame = parseRequest(request);
    if (!frame) return undefined;
    const { address, ci, data } = frame;
    if (ci === CI_SELECT && address === SELECTED) return select(data);
    if (address === SELECTED) return isSelected ? obey('selected', frame, now) : undefined;
    return address === meter.primary || address === TO_ALL_WITH_ANSWER ? obey('primary', frame, now) : undefined;
  };
}

function freshLink(): Link {
  return { frameCountBit: undefined, commandBit: false, last: undefined, next: 0 };
}

interface MasterFrame {
  readonly control: number;
  readonly address: number;
  readonly ci?: number;
  readonly data: Uint8Array;
}

/** Where the address stands in a short and in a long frame. */
function addressOf(bytes: Uint8Array): number | undefined {
  return bytes[0] === 0x10 ? bytes[2] : bytes[5];
}

function parseRequest(bytes: Uint8Array): MasterFrame | undefined {
  const isShort = bytes[0] === 0x10 && bytes.length === 5;
  const isLong = bytes[0] === 0x68 && bytes.length >= 9 && bytes.length === bytes[1]! + 6;
  if (!isShort && !isLong) return undefined;
  const content = bytes.subarray(isShort ? 1 : 4, -2);
  const checksum = content.reduce((sum, byte) => (sum + byte) & 0xff, 0);
  if (checksum !== bytes.at(-2) || bytes.at(-1) !== 0x16) return undefined;
  const [control = 0, address = 0, ci] = content;
  return { control, address, data: content.subarray(3), ...(isLong && ci !== undefined ? { ci } : {}) };
}

/** Digits of the id by nibble, manufacturer, version and medium by byte; F and FF fit anything. */
function isMatch(mask: Uint8Array, identity: readonly number[]): boolean {
  if (mask.length !== identity.length) return false;
  return identity.every((own, n) => {
    const asked = mask[n]!;
    if (n >= 4) return asked === 0xff || asked === own;
    return [0xf0, 0x0f].every((nibble) => (asked & nibble) === nibble || (asked & nibble) === (own & nibble));
  });
}
