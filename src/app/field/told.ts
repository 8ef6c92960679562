import type { Bus } from '../../collect/bus.ts';
import { type DialogueOutcome, runDialogue } from '../../collect/dialogue.ts';
import { identityFault } from '../../collect/readings.ts';
import { dialogueRules } from '../../collect/rules.ts';
import { decimalText } from '../../core/decimal.ts';
import type { FieldDriver } from '../../core/driver.ts';
import type { Failure } from '../../core/failure.ts';
import { isoUtc } from '../../core/time.ts';
import type { BoundDevice } from '../../device/bound.ts';
import type { Clock } from '../../machine/clock.ts';
import { hexOf, type Passed, tappedLine } from './tap.ts';

/** One live reading as plain text and numbers: what a command prints and what the gateway hands it over its socket. */
export interface ToldReading {
  readonly device: string;
  readonly values: readonly ToldValue[];
  readonly serial?: string;
  /** What the meter's clock shows, UTC. */
  readonly clock?: string;
  readonly unusable: readonly Failure[];
  /** Why there is no reading; beside values: why they are not those of the device that is meant. */
  readonly error?: Failure;
  /** Everything that passed on the line, in order. */
  readonly passed: readonly Passed[];
}

export interface ToldValue {
  readonly quantity: string;
  /** Exact decimal text. */
  readonly value: string;
  readonly unit: string;
  readonly kind: string;
  /** `now`, or the instant for which the meter froze it. */
  readonly at: string;
  readonly flags: string;
  /** Hex of the bytes behind it. */
  readonly raw: string;
}

/** One dialogue on an open line, as the collector would lead it; nothing is stored. */
export async function readTold(
  line: Bus,
  device: BoundDevice,
  driver: FieldDriver<BoundDevice>,
  clock: Clock,
  signal: AbortSignal,
): Promise<ToldReading> {
  const passed: Passed[] = [];
  await line.prepare(device, signal);
  const tapped = tappedLine(line, (way, bytes) => kept(passed, { at: clock.now(), way, hex: hexOf(bytes) }));
  const session = driver.session(device, { want: 'current', now: clock.now() });
  const end = await runDialogue(tapped, clock, session, dialogueRules(device, driver), signal);
  const stranger = end.ok ? identityFault(device, end.result) : undefined;
  return { device: device.config.id, ...told(end), ...(stranger && { error: stranger }), passed };
}

function told(end: DialogueOutcome): Omit<ToldReading, 'device' | 'passed'> {
  if (!end.ok) return { values: [], unusable: [], error: end.failure };
  const { values, identity, clock, unusable } = end.result;
  return {
    values: values.map(({ quantity, value, unit, kind, storedAt, flags, raw }) => ({
      quantity,
      value: decimalText(value),
      unit,
      kind,
      at: storedAt === undefined ? 'now' : isoUtc(storedAt),
      flags: flags.join(' '),
      raw,
    })),
    ...(identity.serial !== undefined && { serial: identity.serial }),
    ...(clock !== undefined && { clock: isoUtc(clock) }),
    unusable,
  };
}

/** An answer that comes in pieces is one: its device says when it is complete. */
function kept(passed: Passed[], next: Passed): void {
  const last = passed.at(-1);
  if (last?.way === 'received' && next.way === 'received')
    passed[passed.length - 1] = { ...last, hex: last.hex + next.hex };
  else passed.push(next);
}
