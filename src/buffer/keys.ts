import { CHANNEL_UNIT, type Channel, type Commodity, type PointCode } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import type { DeviceId, ReadingSource } from '../core/reading.ts';
import { rememberingUpTo } from '../core/remember.ts';
import type { MarketDay, UtcMs } from '../core/time.ts';
import type { IntervalRef, Stream } from './api.ts';
import { isNameOf } from './narrow.ts';

/**
 * The key space. Parts are ASCII, separated by `/`, so that text order is byte order is time order.
 *
 *   r/<day>/<device>/<source>/<time>            readings of one instant (UTC); what comes later for it gets ~2, ~3, ...
 *   i/<point>/<channel>/<start>/<version>       an interval
 *   l/<point>/<channel>/<start>/<version>/<id>  link: which message carries the interval
 *   m/<id>                                      a message, verbatim
 *   e/<id>/<attempt>/began|ended|receipt        its life
 *   e/<id>/superseded
 *   n/<commodity>/<day>/<id>                    index of messages by market day
 *   a/<number>                                  what a person did, chained by hashes
 *   j/<stream>/<sequence>                       journal entry
 *   w/<id>                                      outbox: the message waits (rewritten, no journal names it)
 *   c/<name>                                    cursor (rewritten)
 *   v/heads                                     the vital record (rewritten)
 *   v/site                                      whose memory it is (rewritten)
 *   v/unmended/<key>                            what was found damaged or forgotten and is not mended yet (removed then)
 *   u/<day>/<device>                            what could not be used of a device's answers (rewritten)
 *   g/<point>/<channel>/<month>                 which intervals were accepted and given up (rewritten)
 *   k/<device>                                  what was seen of a device's clock (rewritten)
 *   o/<device>                                  which meters stood in a device's place (rewritten)
 *   q/<key>                                     the bytes of a damaged record that stood under `key`
 *
 * Readings stand by day first: the oldest day is one stretch of the store, so giving it up frees whole files, and a day that
 * is over is not moved about again by compaction.
 */
export const HEADS_KEY = 'v/heads';
export const IDENTITY_KEY = 'v/site';
const DAY_LENGTH = '2026-03-28'.length;
const UNMENDED_PREFIX = 'v/unmended/';
/** The boundaries of the days at work are written again and again, and so are the names of devices and points. */
const TEXTS_MAX = 2_000;

export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
}

/** Everything below `prefix`, which ends in a slash: '0' is the byte after '/'. */
export function below(prefix: string): KeyRange {
  return { gte: prefix, lt: `${prefix.slice(0, -1)}0` };
}

/** This key alone. */
export function only(key: string): KeyRange {
  return { gte: key, lt: `${key}\u0000` };
}

export const READINGS: KeyRange = below('r/');
export const UNMENDED: KeyRange = below(UNMENDED_PREFIX);

export const REFUSALS = 'u/';

export function refusalsKey(day: string, device: DeviceId): string {
  return `${REFUSALS}${day}/${part(device)}`;
}

export function readingDay(at: UtcMs): string {
  return timeText(at).slice(0, DAY_LENGTH);
}

export function readingsPrefix(day: string, device: DeviceId, source: ReadingSource): string {
  return `r/${day}/${part(device)}/${source}/`;
}

/** @param copy 1 for the first row of the instant */
export function readingKey(device: DeviceId, at: UtcMs, source: ReadingSource, copy: number): string {
  return `${readingsPrefix(readingDay(at), device, source)}${clockText(at)}${copy === 1 ? '' : `~${copy}`}`;
}

/** The time of day in a key of readings. */
export function clockText(at: UtcMs): string {
  return timeText(at).slice(DAY_LENGTH + 1);
}

export function intervalsPrefix(point: PointCode, channel: Channel): string {
  return `i/${part(point)}/${channel}/`;
}

export function intervalPrefix(point: PointCode, channel: Channel, start: UtcMs): string {
  return `${intervalsPrefix(point, channel)}${timeText(start)}/`;
}

export function intervalKey({ point, channel, start, version }: IntervalRef): string {
  return `${intervalPrefix(point, channel, start)}${digits(version, 6)}`;
}

/** What an interval's key names; undefined for any other, and for one that a flipped bit has made. */
export function intervalOfKey(key: string): IntervalRef | undefined {
  const [kind, point = '', channel, time = '', version] = keyParts(key);
  const start = Date.parse(time);
  if (kind !== 'i' || !isNameOf(channel, CHANNEL_UNIT) || Number.isNaN(start)) return undefined;
  return { point, channel, start, version: Number(version) };
}

/** Of them the second copy is told. */
export const GIVEN_UP = 'g/';

export function givenUpPrefix(point: PointCode, channel: Channel): string {
  return `${GIVEN_UP}${part(point)}/${channel}/`;
}

/** By the month (UTC) in which an interval starts. */
export function givenUpKey(point: PointCode, channel: Channel, start: UtcMs): string {
  return `${givenUpPrefix(point, channel)}${timeText(start).slice(0, 'YYYY-MM'.length)}`;
}

export function linkPrefix(point: PointCode, channel: Channel, start: UtcMs): string {
  return `l/${part(point)}/${channel}/${timeText(start)}/`;
}

export function linkVersionPrefix({ point, channel, start, version }: IntervalRef): string {
  return `${linkPrefix(point, channel, start)}${digits(version, 6)}/`;
}

export function linkKey(carried: IntervalRef, id: MessageId): string {
  return `${linkVersionPrefix(carried)}${id}`;
}

export function messageKey(id: MessageId): string {
  return `m/${id}`;
}

export function eventsPrefix(id: MessageId): string {
  return `e/${id}/`;
}

export function eventKey(id: MessageId, attempt: number, what: 'began' | 'ended' | 'receipt'): string {
  return `e/${id}/${digits(attempt, 6)}/${what}`;
}

export function supersededKey(id: MessageId): string {
  return `e/${id}/superseded`;
}

export function dayPrefix(commodity: Commodity, day: MarketDay): string {
  return `n/${commodity}/${part(day)}/`;
}

export function dayKey(commodity: Commodity, day: MarketDay, id: MessageId): string {
  return `${dayPrefix(commodity, day)}${id}`;
}

export function auditKey(number: number): string {
  return `a/${digits(number, 15)}`;
}

export function journalPrefix(stream: Stream): string {
  return `j/${stream}/`;
}

export function journalKey(stream: Stream, sequence: number): string {
  return `${journalPrefix(stream)}${digits(sequence, 15)}`;
}

export function clockKey(device: DeviceId): string {
  return `k/${part(device)}`;
}

export function metersKey(device: DeviceId): string {
  return `o/${part(device)}`;
}

/** @param what a record's key, or another name */
export function unmendedKey(what: string): string {
  return `${UNMENDED_PREFIX}${part(what)}`;
}

export function waitingKey(id: MessageId): string {
  return `w/${id}`;
}

export function cursorKey(name: string): string {
  return `c/${part(name)}`;
}

/** The parts of a key, decoded. */
export function keyParts(key: string): string[] {
  const parts = key.split('/');
  return key.includes('%') ? parts.map(unpart) : parts;
}

/** The message id in the keys that end with one. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/** `2026-03-28T05:00:00.000Z`: always the same length, so that it sorts. */
export const timeText = rememberingUpTo(TEXTS_MAX, (at: UtcMs) => new Date(at).toISOString());

export function digits(value: number, width: number): string {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a whole number from 0: ${value}`);
  return String(value).padStart(width, '0');
}

export function quarantineKey(key: string): string {
  return `q/${key}`;
}

const part = rememberingUpTo(TEXTS_MAX, (text: string) => encodeURIComponent(text));

/** A key that a flipped bit has made undecodable is still a key: it is shown as it stands. */
function unpart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Which journal names the records of a kind, readings apart; rows of the other kinds are rewritten in place. */
const STREAM_OF: Readonly<Record<string, Stream>> = {
  i: 'intervals',
  l: 'delivery',
  m: 'delivery',
  e: 'delivery',
  n: 'delivery',
  a: 'audit',
};

/** The journal that names a record; undefined for rows that none names. */
export function streamOf(key: string): Stream | undefined {
  const [kind = '', , , source] = key.split('/');
  if (kind === 'r') return source === 'sampled' ? 'samples' : 'readings';
  return STREAM_OF[kind];
}
