import { mbusDriver } from '../../../drivers/mbus/index.ts';
import { createModbusDriver } from '../../../drivers/modbus/index.ts';
import { createBus } from '../../collect/bus.ts';
import { OdecetError } from '../../core/failure.ts';
import type { Millis } from '../../core/time.ts';
import type { BoundDevice } from '../../device/bound.ts';
import { simClock } from '../../sim/clock.ts';
import { type SimMeter, type SimReply, simLine } from '../../sim/line.ts';
import { createWorld } from '../../sim/world.ts';
import type { Recorded, Recording } from './recording.ts';
import { hexOf } from './tap.ts';
import { readTold, type ToldReading } from './told.ts';

/** A recording in a meter's place: the driver asks, and what was recorded answers, in virtual time and with its own delays. */

export interface Replayed {
  readonly reading: ToldReading;
  /** Requests of the driver that the recording does not have, hex: nothing answered them. */
  readonly notRecorded: readonly string[];
}

/**
 * Reads a device from a recording of its line: the first dialogue with it that the recording has. Nothing is opened.
 * Throws OdecetError usage where the recording is of another kind of line.
 */
export async function replay(recording: Recording, device: BoundDevice): Promise<Replayed> {
  const { frames, framing, line: recorded } = recording;
  if (framing !== device.framing)
    throw new OdecetError(
      'usage',
      `the recording is of the line ${recorded} with framing ${framing}; ${device.config.id} has ${device.framing}`,
    );
  const [first] = frames;
  if (!first) throw new OdecetError('usage', 'the recording has no frames');
  const world = createWorld(0);
  const clock = simClock(world, first.at);
  const notRecorded: string[] = [];
  const meter = recordedMeter(frames, framing, (request) => notRecorded.push(hexOf(request)));
  const wire = simLine(world, { name: 'recording', meters: [meter], random: world.random });
  const line = createBus(wire, clock, {}, { opens: 0, bytesSent: 0, bytesReceived: 0 });
  const driver = framing === 'mbus' ? mbusDriver : createModbusDriver();
  const signal = new AbortController().signal;
  const reading = await world.run(async () => {
    await line.open(signal);
    return readTold(line, device, driver, clock, signal);
  });
  return { reading, notRecorded };
}

/** The simulated line must answer after the request, not with it. */
const REPLY_LEAST_MS: Millis = 1;

/** Goes through the recording with the requests, so that one that was asked twice is answered as it was each time. */
function recordedMeter(
  frames: readonly Recorded[],
  framing: Recording['framing'],
  missed: (request: Uint8Array) => void,
): SimMeter {
  let from = 0;
  return (request) => {
    const asked = frames.findIndex(
      ({ way, bytes }, n) => n >= from && way !== 'received' && keyOf(bytes, framing) === keyOf(request, framing),
    );
    if (asked < 0) {
      if (framing === 'mbus' && isLinkReset(request)) return [{ reply: ACK, afterMs: REPLY_LEAST_MS }];
      missed(request);
      return [];
    }
    const replies: SimReply[] = [];
    for (from = asked + 1; from < frames.length && frames[from]!.way !== 'sent'; from++) {
      const { at, bytes } = frames[from]!;
      const afterMs = Math.max(REPLY_LEAST_MS, at - frames[asked]!.at);
      replies.push({ reply: framing === 'modbus-tcp' ? renumbered(bytes, request) : bytes, afterMs });
    }
    return replies;
  };
}

const ACK = Uint8Array.of(0xe5);

/** SND_NKE. Other masters than ours leave it out; a meter that was asked by one of them would have acknowledged it. */
function isLinkReset(request: Uint8Array): boolean {
  return request.length === 5 && request[0] === 0x10 && request[1] === 0x40;
}

/** What makes two requests one and the same: not the transaction id, which counts on, nor the frame count bit, which alternates. */
function keyOf(bytes: Uint8Array, framing: Recording['framing']): string {
  if (framing === 'modbus-tcp') return hexOf(bytes.subarray(2));
  const isShortMbus = framing === 'mbus' && bytes.length === 5 && bytes[0] === 0x10;
  return isShortMbus ? `request ${(bytes[1] ?? 0) & 0xdf} to ${bytes[2]}` : hexOf(bytes);
}

/** The answer to the request of then, as the answer to that of now. */
function renumbered(bytes: Uint8Array, request: Uint8Array): Uint8Array {
  return Uint8Array.of(...request.subarray(0, 2), ...bytes.subarray(2));
}
