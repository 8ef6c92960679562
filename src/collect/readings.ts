import type { MeterValue, ReadResult } from '../core/driver.ts';
import { type Failure, failure } from '../core/failure.ts';
import type { MeterFlag, Reading } from '../core/reading.ts';
import type { Millis, UtcMs } from '../core/time.ts';
import { type BoundDevice, tellsSerial } from '../device/bound.ts';
import type { Round } from './round.ts';

/** When a dialogue was, by the wall: from the first request to the last byte of the last answer. */
export interface DialogueTime {
  readonly startedWall: UtcMs;
  readonly endedWall: UtcMs;
}

/**
 * What a dialogue brought, as the round to be kept; or a failure, and then nothing of it may be kept.
 *
 * A sampled value was taken somewhere between the first request and the last answer, and the contract does not say in which
 * exchange: so `at` is the middle of it all and `uncertaintyMs` half of it. For one exchange that is its middle.
 *
 * @param clockOffMsMax a meter whose clock is further off is not believed: its stored values are flagged, not dropped
 * @param toldBefore the serial that the device told in an earlier dialogue; it counts where the site file names none
 */
export function roundOf(
  device: BoundDevice,
  result: ReadResult,
  time: DialogueTime,
  clockOffMsMax: Millis,
  toldBefore?: string,
): { readonly ok: true; readonly round: Round } | { readonly ok: false; readonly failure: Failure } {
  const stranger = identityFault(device, result, toldBefore);
  if (stranger) return { ok: false, failure: stranger };
  // A wall clock that stepped back meanwhile ends before it starts; what is certain is only the span of both.
  const from = Math.min(time.startedWall, time.endedWall);
  const to = Math.max(time.startedWall, time.endedWall);
  const at = Math.round((from + to) / 2);
  const uncertaintyMs = Math.ceil((to - from) / 2);
  // A clock without seconds stands in the middle of its minute on average; taken at its start, right ones would seem slow.
  const shown = result.clock === undefined ? undefined : result.clock + Math.floor((result.clockStepMs ?? 0) / 2);
  const clockOffsetMs = shown === undefined ? undefined : shown - at;
  const clock = clockOffsetMs === undefined ? {} : { clockOffsetMs };
  const clockInvalid = isClockOff({ ...clock, startedAt: from, endedAt: to }, clockOffMsMax);
  const sampled = { at, uncertaintyMs, readAt: time.endedWall, clockInvalid };
  return {
    ok: true,
    round: {
      device: device.config.id,
      readings: result.values.map((value) => reading(device.config.id, value, sampled)),
      identity: result.identity,
      ...clock,
      unusable: result.unusable,
      startedAt: from,
      endedAt: to,
    },
  };
}

/** The word that another meter has answered. */
export function strangerOf(device: BoundDevice, { identity }: ReadResult, time: DialogueTime): Round {
  const [startedAt, endedAt] = [time.startedWall, time.endedWall];
  return { device: device.config.id, isStranger: true, identity, readings: [], unusable: [], startedAt, endedAt };
}

/** Only what the clock is off for certain counts: the exchange itself took time. */
export function isClockOff(
  { clockOffsetMs, startedAt, endedAt }: Pick<Round, 'clockOffsetMs' | 'startedAt' | 'endedAt'>,
  clockOffMsMax: Millis,
): boolean {
  const uncertaintyMs = Math.ceil((endedAt - startedAt) / 2);
  return clockOffsetMs !== undefined && Math.abs(clockOffsetMs) > clockOffMsMax + uncertaintyMs;
}

interface SampledAt {
  readonly at: UtcMs;
  readonly uncertaintyMs: Millis;
  readonly readAt: UtcMs;
  readonly clockInvalid: boolean;
}

function reading(device: string, value: MeterValue, { at, uncertaintyMs, readAt, clockInvalid }: SampledAt): Reading {
  const isStored = value.storedAt !== undefined;
  return {
    device,
    quantity: value.quantity,
    kind: value.kind,
    value: value.value,
    unit: value.unit,
    at: value.storedAt ?? at,
    source: isStored ? 'stored' : 'sampled',
    uncertaintyMs: isStored ? 0 : uncertaintyMs,
    readAt,
    flags: isStored && clockInvalid ? withFlag(value.flags, 'clock-invalid') : value.flags,
    raw: value.raw,
  };
}

function withFlag(flags: readonly MeterFlag[], flag: MeterFlag): readonly MeterFlag[] {
  return flags.includes(flag) ? flags : [...flags, flag];
}

/**
 * Why the dialogue was not, or cannot be known to be, with the meter that is meant. The number of a model that tells none cannot be
 * compared; `odecet check` and the device file say which that are.
 */
export function identityFault(
  { config: { serial }, model }: BoundDevice,
  { identity: { serial: found } }: Pick<ReadResult, 'identity'>,
  toldBefore?: string,
): Failure | undefined {
  if (serial === undefined) return exchanged(toldBefore, found);
  if (found !== undefined) return identityMismatch(serial, found);
  if (!tellsSerial(model)) return undefined;
  return failure(
    'identity-missing',
    `the site file says serial "${serial}", and the meter tells no number; look with \`odecet read --raw\` why`,
  );
}

function identityMismatch(expected: string, found: string): Failure | undefined {
  if (normalSerial(expected) === normalSerial(found)) return undefined;
  return failure(
    'identity-mismatch',
    `the site file says serial "${expected}", the meter says "${found}"; check the wiring and the address, or correct the serial`,
  );
}

/** Where the site file names no serial, the meter that told one first is the meter, also when the gateway starts again. */
function exchanged(first: string | undefined, found: string | undefined): Failure | undefined {
  if (first === undefined || found === undefined || normalSerial(first) === normalSerial(found)) return undefined;
  return failure(
    'identity-mismatch',
    `the meter said serial "${first}" before and says "${found}" now; was it exchanged? Write serial: "${found}" in the site file, or check the wiring and the address`,
  );
}

/**
 * A serial as it is compared. An M-Bus identification always shows eight digits, a register shows the bare number, and people
 * copy either from the plate: among numbers of one width leading zeros never tell two meters apart. Case and spacing do not either.
 */
export function normalSerial(serial: string): string {
  return serial
    .replace(/[\s.-]/g, '')
    .toUpperCase()
    .replace(/^0+(?=.)/, '');
}
