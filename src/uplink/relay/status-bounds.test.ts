import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WholeStatus } from './status.ts';
import { boundedStatus, STATUS_BYTES_MAX } from './status-bounds.ts';

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;
const FAILURE =
  'line-unreachable: tcp 192.0.2.12:4001: connect EHOSTUNREACH; is the converter switched on and its address right?';

interface Shape {
  readonly waiting?: number;
  readonly devices?: number;
  readonly dead?: number;
  readonly lines?: number;
  readonly certificates?: number;
  readonly text?: string;
}

/** Where a device is dead its point has gaps; the later ones of each list are worse. */
function statusOf({
  waiting = 0,
  devices = 0,
  dead = 0,
  lines = 1,
  certificates = 1,
  text = FAILURE,
}: Shape): WholeStatus {
  const at = '2026-06-01T08:00:00.000Z';
  const isDead = (n: number) => n >= devices - dead;
  const answer = { message: '1', commodity: 'gas', day: '2026-05-31', verdict: 'rejected', at, reasons: text } as const;
  const list = <T>(length: number, of: (n: number) => T) => Array.from({ length }, (_, n) => of(n));
  return {
    v: 1,
    site: 'park',
    at,
    version: '1.2.3',
    box: { uptimeMs: 1, memoryBytes: 2 },
    lines: list(lines, (n) => ({ line: `switch-room-${n}`, isOpen: n < lines - 1, dialogues: 123_456, errors: n })),
    devices: list(devices, (n) => ({
      device: `meter-hall-${n}`,
      line: `switch-room-${n % 20}`,
      lastGoodAt: at,
      failuresInRow: isDead(n) ? n + 1 : 0,
      clockOffsetMs: 1_200,
      ...(isDead(n) && { lastFailure: text, lastUnusable: text }),
    })),
    points: list(devices, (n) => ({
      point: String(859_182_400_500_000_000 + n),
      device: `meter-hall-${n}`,
      channel: 'import',
      expected: 96,
      gaps: isDead(n) ? 2 : 0,
      qualities: { measured: 94 },
    })),
    outbox: {
      depth: waiting,
      lastAnswer: answer,
      messages: list(waiting, (n) => ({
        message: String(17_732_924_400_001 + n),
        day: `2026-05-${String(28 - (n % 28)).padStart(2, '0')}`,
        state: 'waiting',
        attempts: 12,
      })),
    },
    certificates: list(certificates, (n) => ({ name: `broker client ${n}`, daysLeft: certificates - n })),
  };
}

test.each([
  ['3,500 messages wait', { waiting: 3_500, devices: 60 }],
  ['2,500 wait and 200 meters are dead', { waiting: 2_500, devices: 200, dead: 200 }],
  ['700 meters are dead', { waiting: 60, devices: 700, dead: 700 }],
  ['1,000 healthy meters', { waiting: 60, devices: 1_000 }],
])('a status fits whatever the site: %s', (_, shape) => {
  const whole = statusOf(shape);
  expect(bytesOf(whole)).toBeGreaterThan(100_000);
  const told = boundedStatus(whole);
  expect(bytesOf(told)).toBeLessThanOrEqual(STATUS_BYTES_MAX);
  const { counts, outbox, devices, points } = told;
  const { dead = 0 }: Shape = shape;
  expect(counts).toMatchObject({
    devices: shape.devices,
    devicesGood: shape.devices - dead,
    channels: shape.devices,
    gaps: 2 * dead,
    leftOut: {
      devices: shape.devices - devices.length,
      points: shape.devices - points.length,
      messages: shape.waiting - outbox.messages.length,
    },
  });
  expect([outbox.depth, outbox.messages.length]).toEqual([shape.waiting, Math.min(shape.waiting, 100)]);
});

test('the worst of each list are named, in the order in which they stood', () => {
  const { lines, devices, points, outbox, certificates, counts } = boundedStatus(
    statusOf({ waiting: 2_800, devices: 1_000, dead: 50, lines: 150, certificates: 30 }),
  );
  expect(lines.map(({ line }) => line)).toEqual(Array.from({ length: 100 }, (_, n) => `switch-room-${n + 50}`));
  expect(devices.slice(-50).map(({ device }) => device)).toEqual(
    Array.from({ length: 50 }, (_, n) => `meter-hall-${n + 950}`),
  );
  expect(points.filter(({ gaps }) => gaps > 0)).toHaveLength(50);
  expect(new Set(outbox.messages.map(({ day }) => day))).toEqual(new Set(['2026-05-01']));
  expect(certificates.map(({ daysLeft }) => daysLeft)).toEqual(Array.from({ length: 20 }, (_, n) => 20 - n));
  expect(counts).toMatchObject({
    lines: 150,
    linesOpen: 149,
    certificates: 30,
    leftOut: { lines: 50, certificates: 10 },
  });
});

test('an ordinary site is told whole', () => {
  const whole = statusOf({ waiting: 60, devices: 200, dead: 20, lines: 8 });
  const { counts, ...told } = boundedStatus(whole);
  expect(told).toEqual(whole);
  expect(counts.leftOut).toEqual({ lines: 0, devices: 0, points: 0, messages: 0, certificates: 0 });
});

test('no number and no text makes it longer', () => {
  const shape = fc.record({
    waiting: fc.nat(2_000),
    devices: fc.nat(800),
    dead: fc.nat(800),
    lines: fc.nat(300),
    certificates: fc.nat(60),
    // Control characters and lone surrogates are six bytes each in JSON.
    text: fc.string({ unit: 'binary', maxLength: 200 }).map((text) => `${text}\u0001\ud800`.repeat(30)),
  });
  fc.assert(
    fc.property(shape, (given) => bytesOf(boundedStatus(statusOf(given))) <= STATUS_BYTES_MAX),
    { numRuns: 30 },
  );
});
