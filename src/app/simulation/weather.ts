import type { Millis, UtcMs } from '../../core/time.ts';
import type { LineConfig } from '../../device/line-config.ts';
import type { LineFault } from '../../sim/line.ts';
import { crc16modbus } from '../../sim/meter/crc16.ts';
import type { Random } from '../../sim/random.ts';
import { type Episode, FAULT_GROUPS, type FaultKind } from './faults.ts';
import type { Trace } from './trace.ts';

type ExchangeFault = Exclude<(typeof FAULT_GROUPS)['line'][number], 'line-down'>;

/** Of all exchanges outside storms, this share is spoilt all the same. */
const ALWAYS_SHARE = 0.006;
/** Sometimes within the time allowed (two seconds), sometimes after it; never after the silence that follows a time-out. */
const LATE_LEAST_MS: Millis = 1_000;
const LATE_MOST_MS: Millis = 3_400;

/** The share of the exchanges that a storm spoils. */
export function stormShare({ force }: Episode): number {
  return 0.2 + 0.7 * force;
}

/** What a line does to each exchange. TCP checks its bytes itself: they come whole, late, from elsewhere or not at all. */
export function lineWeather(
  { framing }: LineConfig,
  episodes: readonly Episode[],
  kinds: readonly FaultKind[],
  trueNow: () => UtcMs,
  random: Random,
  trace: Trace,
): (request: Uint8Array) => LineFault | undefined {
  const possible = FAULT_GROUPS.line.filter((kind): kind is ExchangeFault => kind !== 'line-down');
  const spoils: readonly ExchangeFault[] = ['truncated', 'noise', 'collision'];
  const mine = possible.filter((kind) => kinds.includes(kind) && (framing !== 'modbus-tcp' || !spoils.includes(kind)));
  const storms = episodes.filter((episode): episode is Episode & { kind: ExchangeFault } =>
    (mine as readonly FaultKind[]).includes(episode.kind),
  );
  if (mine.length === 0) return () => undefined;
  const fault = (kind: ExchangeFault, request: Uint8Array, slowness: number): LineFault => {
    trace.count(kind);
    switch (kind) {
      case 'silence':
      case 'disconnect':
        return { kind };
      case 'late':
        return {
          kind,
          byMs: Math.round(LATE_LEAST_MS + (LATE_MOST_MS - LATE_LEAST_MS) * slowness) + random.below(100),
        };
      case 'truncated':
        return { kind, keep: random.below(12) };
      case 'noise':
        return { kind, flips: framing === 'mbus' ? 1 : 1 + random.below(3) };
      case 'foreign':
        return { kind, bytes: foreignAnswer(framing, request, random) };
      case 'collision':
        return { kind: 'foreign', bytes: garbage(random) };
    }
  };
  return (request) => {
    const now = trueNow();
    const storm = storms.find(({ start, end }) => start <= now && now < end);
    // A storm is as slow throughout as its converter: the answer that comes too late meets the same request asked again.
    if (storm && random.chance(stormShare(storm))) return fault(storm.kind, request, storm.choice);
    return random.chance(ALWAYS_SHARE)
      ? fault(mine[random.below(mine.length)]!, request, random.fraction())
      : undefined;
  };
}

/** Two meters at once: bytes that are nobody's. */
function garbage(random: Random): Uint8Array {
  return Uint8Array.from({ length: 1 + random.below(40) }, () => random.below(256));
}

/** A whole and right frame of another device, or to another request. */
function foreignAnswer(framing: LineConfig['framing'], request: Uint8Array, random: Random): Uint8Array {
  if (framing === 'mbus') {
    const address = ((request[2] ?? 0) + 1 + random.below(200)) % 251;
    const content = [0x08, address, 0x72, ...Array.from({ length: 20 }, () => random.below(256))];
    const sum = content.reduce((total, byte) => (total + byte) & 0xff, 0);
    return Uint8Array.of(0x68, content.length, content.length, 0x68, ...content, sum, 0x16);
  }
  const words = (request.at(framing === 'modbus-rtu' ? 5 : 11) ?? 1) * 2;
  const data = Array.from({ length: words }, () => random.below(256));
  if (framing === 'modbus-rtu') {
    const body = [((request[0] ?? 0) % 246) + 1, request[1] ?? 3, words, ...data];
    const crc = crc16modbus(body);
    return Uint8Array.of(...body, crc & 0xff, crc >> 8);
  }
  const [high, low] = [request[0] ?? 0, request[1] ?? 0];
  const transaction = ((high << 8) | low) + 7 + random.below(1000);
  const length = words + 3;
  return Uint8Array.of(
    (transaction >> 8) & 0xff,
    transaction & 0xff,
    0,
    0,
    length >> 8,
    length & 0xff,
    request[6] ?? 0,
    request[7] ?? 3,
    words,
    ...data,
  );
}
