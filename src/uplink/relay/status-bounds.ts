import type { SiteStatus, WholeStatus } from './status.ts';

/**
 * No status is longer, whatever the site: a broker closes the session of whoever says more than it takes (262,144 bytes in
 * systemd/mosquitto/odecet.conf), and the site would be cut off from its centre. What the lists below take and some 10,000 for the rest.
 */
export const STATUS_BYTES_MAX = 128_000;

/** How many of a list are named, and how many bytes they may take. */
interface Room {
  readonly most: number;
  readonly bytes: number;
}

const LINES: Room = { most: 100, bytes: 12_000 };
const DEVICES: Room = { most: 250, bytes: 44_000 };
const POINTS: Room = { most: 300, bytes: 44_000 };
const MESSAGES: Room = { most: 100, bytes: 10_000 };
const CERTIFICATES: Room = { most: 20, bytes: 4_000 };
/** Characters of one text; a failure says what to do in 200. */
const TEXT_MAX = 300;
const REASONS_MAX = 1_000;

type Line = WholeStatus['lines'][number];
type Device = WholeStatus['devices'][number];
type Waiting = WholeStatus['outbox']['messages'][number];
type Certificate = WholeStatus['certificates'][number];

/**
 * A status of at most STATUS_BYTES_MAX: of each list the worst are named (lines that are away, devices that failed most in a row,
 * channels with most gaps, the oldest messages, certificates that end first), in the order in which they stood. The counts are of all.
 */
export function boundedStatus<S extends Partial<WholeStatus>>(status: S): S & Pick<SiteStatus, 'counts'> {
  const { lines = [], devices = [], points = [], certificates = [], outbox } = status;
  const messages = outbox?.messages ?? [];
  const named = {
    lines: worstOf(lines, LINES, worseLine),
    devices: worstOf(devices.map(shortened), DEVICES, worseDevice),
    points: worstOf(points, POINTS, (a, b) => b.gaps - a.gaps),
    certificates: worstOf(certificates, CERTIFICATES, sooner),
  };
  const oldest = worstOf(messages, MESSAGES, older);
  const counts: SiteStatus['counts'] = {
    lines: lines.length,
    linesOpen: lines.filter(({ isOpen }) => isOpen).length,
    devices: devices.length,
    devicesGood: devices.filter(({ failuresInRow }) => failuresInRow === 0).length,
    channels: points.length,
    gaps: points.reduce((sum, { gaps }) => sum + gaps, 0),
    certificates: certificates.length,
    leftOut: {
      lines: lines.length - named.lines.length,
      devices: devices.length - named.devices.length,
      points: points.length - named.points.length,
      messages: messages.length - oldest.length,
      certificates: certificates.length - named.certificates.length,
    },
  };
  return { ...status, ...named, ...(outbox && { outbox: shortOutbox(outbox, oldest) }), counts };
}

function worstOf<T>(all: readonly T[], { most, bytes }: Room, worse: (a: T, b: T) => number): T[] {
  const named = new Set<T>();
  let left = bytes;
  for (const one of [...all].sort(worse)) {
    left -= new TextEncoder().encode(JSON.stringify(one)).length + 1;
    if (left < 0 || named.size === most) break;
    named.add(one);
  }
  return all.filter((one) => named.has(one));
}

function worseLine(a: Line, b: Line): number {
  return Number(a.isOpen) - Number(b.isOpen) || b.errors - a.errors;
}

/** Of those that failed alike, the one that was not read for longest. */
function worseDevice(a: Device, b: Device): number {
  return b.failuresInRow - a.failuresInRow || inOrder(a.lastGoodAt ?? '', b.lastGoodAt ?? '');
}

function older(a: Waiting, b: Waiting): number {
  return inOrder(a.day, b.day) || inOrder(a.message, b.message);
}

function sooner(a: Certificate, b: Certificate): number {
  return a.daysLeft - b.daysLeft;
}

function inOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function shortened(device: Device): Device {
  const { lastFailure, lastUnusable } = device;
  return {
    ...device,
    ...(lastFailure !== undefined && { lastFailure: cut(lastFailure, TEXT_MAX) }),
    ...(lastUnusable !== undefined && { lastUnusable: cut(lastUnusable, TEXT_MAX) }),
  };
}

function shortOutbox(outbox: WholeStatus['outbox'], messages: Waiting[]): WholeStatus['outbox'] {
  const { lastAnswer } = outbox;
  return {
    ...outbox,
    ...(lastAnswer && { lastAnswer: { ...lastAnswer, reasons: cut(lastAnswer.reasons, REASONS_MAX) } }),
    messages,
  };
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
