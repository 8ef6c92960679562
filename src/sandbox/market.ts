import { marketIntervals } from '../core/calendar.ts';
import type { Commodity, PointCode } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import { remembering } from '../core/remember.ts';
import type { MarketDay, Span } from '../core/time.ts';
import type { DocumentRow, ReadDocument } from '../message/read.ts';

/**
 * The sandbox's own reasons for a rejection; the operator's are not public. The packs know these words, and no answer of the
 * operator can look like them.
 */
export const PROBLEM_CODES = [
  'SANDBOX-SCHEMA',
  'SANDBOX-POINT',
  'SANDBOX-COUNT',
  'SANDBOX-DOUBLE',
  'SANDBOX-VALUE',
] as const;

/** Why a message is rejected; the text is Czech, as the operator's are. */
export interface Problem {
  readonly code: (typeof PROBLEM_CODES)[number];
  readonly text: string;
}

export interface KnownPoint {
  readonly code: PointCode;
  readonly commodity: Commodity;
  readonly minutes: number;
}

export interface Market {
  readonly zone: string;
  readonly pointOf: (code: PointCode) => KnownPoint | undefined;
  /** The accepted message that an interval of the market day stands in, if any. */
  readonly holder: (row: DocumentRow, day: MarketDay) => MessageId | undefined;
}

/** Everything the operator would complain about in a well-formed document; empty means that it is accepted. */
export function problemsOf(document: ReadDocument, commodity: Commodity, market: Market): Problem[] {
  const placesOf = remembering((minutes: number) => marketIntervals(commodity, document.day, market.zone, minutes));
  return profilesOf(document.rows).flatMap((rows) =>
    profileProblems(document, commodity, rows, { ...market, placesOf }),
  );
}

interface OfProfile {
  readonly point: string;
  readonly channel: string;
  readonly minutes: number;
}

/** The rows of each channel of each point, by the length of their intervals; never empty ones. They mostly stand together. */
function profilesOf<Row extends OfProfile>(rows: readonly Row[]): (readonly [Row, ...Row[]])[] {
  const profiles = new Map<string, [Row, ...Row[]]>();
  let profile: [Row, ...Row[]] | undefined;
  for (const row of rows) {
    if (!profile || !isOfSameProfile(profile[0], row)) profile = profiles.get(profileName(row));
    if (profile) profile.push(row);
    else {
      profile = [row];
      profiles.set(profileName(row), profile);
    }
  }
  return [...profiles.values()];
}

function isOfSameProfile(a: OfProfile, b: OfProfile): boolean {
  return a.point === b.point && a.channel === b.channel && a.minutes === b.minutes;
}

function profileName({ point, channel, minutes }: OfProfile): string {
  return `${point} ${channel} ${minutes}`;
}

function profileProblems(
  document: ReadDocument,
  commodity: Commodity,
  rows: readonly [DocumentRow, ...DocumentRow[]],
  market: Market & { readonly placesOf: (minutes: number) => readonly Span[] },
): Problem[] {
  const { point, channel, minutes } = rows[0];
  const known = market.pointOf(point);
  if (known?.commodity !== commodity)
    return [{ code: 'SANDBOX-POINT', text: `Odběrné místo ${point} není registrováno` }];
  if (known.minutes !== minutes)
    return [
      {
        code: 'SANDBOX-COUNT',
        text: `Odběrné místo ${point}: interval ${minutes} min, očekáváno ${known.minutes} min`,
      },
    ];
  const places = market.placesOf(minutes);
  const problems: Problem[] = [];
  if (!areAt(places, rows)) {
    const what = `${rows.length} intervalů, den ${document.day} jich má ${places.length}`;
    problems.push({ code: 'SANDBOX-COUNT', text: `Odběrné místo ${point}, ${channel}: ${what}` });
  }
  const doubled = market.holder(rows[0], document.day);
  if (doubled !== undefined && doubled !== document.corrects) {
    const what = `hodnoty dne ${document.day} již obsahuje zpráva č. ${doubled}`;
    problems.push({ code: 'SANDBOX-DOUBLE', text: `Odběrné místo ${point}, ${channel}: ${what}` });
  }
  return problems;
}

/** Whether there is one row at each place of the day; they mostly stand in their order. */
function areAt(places: readonly Span[], rows: readonly DocumentRow[]): boolean {
  if (rows.length !== places.length) return false;
  if (places.every(({ start }, n) => rows[n]!.start === start)) return true;
  const starts = new Set(rows.map(({ start }) => start));
  return places.every(({ start }) => starts.has(start));
}

/** One interval of one channel of one point; start in UTC, ISO 8601. */
export function intervalKey(row: { readonly point: string; readonly channel: string; readonly start: string }): string {
  return `${row.point} ${row.channel} ${row.start}`;
}
