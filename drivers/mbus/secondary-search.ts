import { failure } from '../../src/core/failure.ts';
import { ADDRESS_SELECTED, reqUd2, sndNke } from './frame.ts';
import type { MbusHeader } from './header.ts';
import { addressOf, identify, isAck } from './identify.ts';
import { type Inquiry, InquiryScan, type Notes, type Scan, type ScanTiming } from './scan.ts';
import { ANY_METER, fits, ID_DIGITS, type SecondaryAddress, secondaryText, selectFrame, WILD } from './secondary.ts';

/**
 * Finds every meter of a bus by its secondary address (EN 13757-3:2018, clause 11). A wildcard address selects all meters that it
 * fits; where more than one answers, the next part of the address is tried value by value: the eight digits of the id, then
 * medium, version and manufacturer.
 *
 * Answers that collide need not look like it. On this bus a 0 wins over a 1, so of two answers that begin together the one whose
 * ones are all in the other hides it whole, checksum included; and a garbled answer fits its checksum once in 256. So an answer
 * is believed only when the meter answers alike to its whole address, and afterwards every address that it could have hidden is
 * tried too.
 */
export interface SearchOptions {
  /** False leaves ids with hex digits A to E out, which is a third faster. */
  readonly hexDigits?: boolean;
  /**
   * Tries what a meter could hide among meters of the *same id*, too. Some 200 requests more for each meter; without it two
   * meters of one id are still told apart when their answers disturb each other.
   */
  readonly hiddenTwins?: boolean;
  /** Three-letter codes (as numbers) to tell meters apart by; without it all 17,576, which takes an hour where it is needed. */
  readonly manufacturers?: readonly number[];
}

export function secondarySearch(timing: ScanTiming, options: SearchOptions = {}): Scan {
  return new InquiryScan(timing, (notes) => search({ notes, options, known: new Set() }));
}

interface Search {
  readonly notes: Notes;
  readonly options: SearchOptions;
  readonly known: Set<string>;
}

/** nobody | one meter that confirmed itself | several, or something that is no meter */
type Presence = 'none' | 'several' | MbusHeader;
type Probe = Generator<Uint8Array, Presence, Uint8Array>;
/** True when a meter was found below, or something unclear was told. */
type Walk = Generator<Uint8Array, boolean, Uint8Array>;

/** So many unclear places are noise or a meter that answers unasked; the tree below them has no end. */
const UNCLEAR_MAX = 40;

function* search(run: Search): Inquiry {
  yield sndNke(ADDRESS_SELECTED);
  yield* explore(run, ANY_METER, 1);
  if (run.notes.unclear.length < UNCLEAR_MAX) return undefined;
  const why = 'something answers whatever is asked: noise, or a meter that answers without being selected';
  return failure('frame-start', `${UNCLEAR_MAX} addresses could not be made out; ${why}`);
}

/** @param share of the whole progress that this part of the tree stands for */
function* explore(run: Search, mask: SecondaryAddress, share: number): Walk {
  const { notes } = run;
  if (notes.unclear.length >= UNCLEAR_MAX) return true;
  const presence = yield* probe(mask);
  if (presence === 'none') {
    notes.progress += share;
    return false;
  }
  if (presence !== 'several') {
    const found = note(run, presence);
    yield* exploreAll(run, hiddenBy(run, mask, found), 0);
    notes.progress += share;
    return true;
  }
  const told = yield* exploreAll(run, parts(run, mask), share);
  if (!told) notes.unclear.push(secondaryText(mask));
  return true;
}

function* exploreAll(run: Search, masks: readonly SecondaryAddress[], share: number): Walk {
  let told = false;
  for (const mask of masks) told = (yield* explore(run, mask, share / masks.length)) || told;
  return told;
}

/** Who answers to this address. One meter counts only when it says the same to its whole address. */
function* probe(mask: SecondaryAddress): Probe {
  const first = yield* ask(mask);
  const whole = typeof first === 'string' ? undefined : addressOf(first);
  if (!whole || typeof first === 'string') return first === 'none' ? 'none' : 'several';
  if (secondaryText(whole) === secondaryText(mask)) return first;
  const again = yield* ask(whole);
  if (typeof again === 'string') return 'several';
  const confirmed = addressOf(again);
  return confirmed && secondaryText(confirmed) === secondaryText(whole) ? again : 'several';
}

function* ask(mask: SecondaryAddress): Probe {
  const selected = yield selectFrame(mask);
  if (selected.length === 0) return 'none';
  if (!isAck(selected)) return 'several';
  const header = identify(yield reqUd2(ADDRESS_SELECTED, true), ADDRESS_SELECTED);
  return header && fits(header, mask) ? header : 'several';
}

function note({ notes, known }: Search, header: MbusHeader): SecondaryAddress {
  const address = addressOf(header) ?? ANY_METER;
  const secondary = secondaryText(address);
  if (!known.has(secondary)) notes.found.push({ secondary, header });
  known.add(secondary);
  return address;
}

const DIGITS = '0123456789abcde';
const DECIMAL_DIGITS = 10;
/** FF is the wildcard. */
const BYTES = Array.from({ length: 0xff }, (_, byte) => byte);
const LETTERS = Array.from({ length: 26 }, (_, n) => n + 1);
const ALL_MANUFACTURERS = LETTERS.flatMap((a) => LETTERS.flatMap((b) => LETTERS.map((c) => (a << 10) | (b << 5) | c)));

const FIELDS = ['mediumCode', 'version', 'manufacturerCode'] as const;

function valuesOf({ options }: Search, field: (typeof FIELDS)[number]): readonly number[] {
  return field === 'manufacturerCode' ? (options.manufacturers ?? ALL_MANUFACTURERS) : BYTES;
}

function digitsOf({ options }: Search): string[] {
  return Array.from(options.hexDigits === false ? DIGITS.slice(0, DECIMAL_DIGITS) : DIGITS);
}

/** The addresses that together are this one, by the value of its next free part; none when it is whole. */
function parts(run: Search, mask: SecondaryAddress): SecondaryAddress[] {
  const at = mask.id.indexOf(WILD);
  if (at >= 0) return digitsOf(run).map((digit) => withDigit(mask, at, digit));
  const field = FIELDS.find((name) => mask[name] === undefined);
  return field ? valuesOf(run, field).map((value) => ({ ...mask, [field]: value })) : [];
}

/** Addresses under `mask` of meters that the answer of `found` could have hidden: all its ones and more, part by part. */
function hiddenBy(run: Search, mask: SecondaryAddress, found: SecondaryAddress): SecondaryAddress[] {
  const hidden: SecondaryAddress[] = [];
  for (let at = 0; at < ID_DIGITS; at++) {
    if (mask.id[at] !== WILD) continue;
    const prefix = { ...mask, id: `${found.id.slice(0, at)}${mask.id.slice(at)}` };
    const own = Number.parseInt(found.id[at]!, 16);
    const covering = digitsOf(run).filter((digit) => covers(Number.parseInt(digit, 16), own));
    hidden.push(...covering.map((digit) => withDigit(prefix, at, digit)));
  }
  if (!run.options.hiddenTwins) return hidden;
  let twin: SecondaryAddress = { ...mask, id: found.id };
  for (const field of FIELDS) {
    const own = found[field];
    if (mask[field] !== undefined || own === undefined) continue;
    const base = twin;
    const covering = valuesOf(run, field).filter((value) => covers(value, own));
    hidden.push(...covering.map((value) => ({ ...base, [field]: value })));
    twin = { ...base, [field]: own };
  }
  return hidden;
}

/** Whether a value is another one and has all ones of `own`. */
function covers(value: number, own: number): boolean {
  return value !== own && (value & own) === own;
}

function withDigit(address: SecondaryAddress, at: number, digit: string): SecondaryAddress {
  return { ...address, id: `${address.id.slice(0, at)}${digit}${address.id.slice(at + 1)}` };
}
