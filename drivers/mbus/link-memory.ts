import type { ReadRequest } from '../../src/core/driver.ts';
import { type Millis, SECOND_MS, type UtcMs } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import type { MbusHeader } from './header.ts';

/** How a dialogue with one meter ended, so that the next one can go on from there. */
export interface KnownLink {
  readonly id: string;
  readonly accessNumber: number;
  /** Of the next REQ_UD2. */
  readonly frameCountBit: boolean;
  readonly at: UtcMs;
}

/** Older than this a frame count bit is not built on: a reset costs little where readings are rare. */
const TRUST_MS_MAX: Millis = 60 * SECOND_MS;
/** More meters than any gateway has; beyond it all links are forgotten. */
const METERS_MAX = 4_096;

/**
 * The frame count bit of each meter from one dialogue to the next, so that SND_NKE need not come before every reading
 * (EN 13757-2, IEC 60870-5-2: the bit changes with each new request; the same bit asks for the last telegram again).
 *
 * An old telegram must never pass for a new one. So a link is known only after a good dialogue of one telegram, to a session
 * that begins soon, while nobody else can have spoken to the meter; it is taken out when that session begins and put back when
 * it has succeeded. What then comes must have the meter's next access number (EN 13757-7:2018, 7.5.4: one more with each answer,
 * the same in a repetition). A meter of which that once was not true is reset before each reading from then on.
 *
 * One meter may be two devices, by its primary and by its secondary address, and share one bit between them (ABB's do): a link is
 * known only to the device that heard the meter last.
 */
export class LinkMemory {
  readonly #links = new WeakMap<BoundDevice, KnownLink>();
  readonly #distrusted = new WeakSet<BoundDevice>();
  /** Whose last dialogue ended well. Of any other the meter's last answer may be one that was never heard, or that of an earlier run. */
  readonly #settled = new WeakSet<BoundDevice>();
  /** Id -> who heard it last, and what. */
  readonly #heard = new Map<string, { readonly by: BoundDevice; readonly accessNumber: number | undefined }>();

  /** The link as it is known, for the one session that asks. */
  take(device: BoundDevice, request: ReadRequest): KnownLink | undefined {
    const link = this.#links.get(device);
    this.#links.delete(device);
    if (!link || request.want !== 'current' || !request.unbroken) return undefined;
    if (this.#heard.get(link.id)?.by !== device) return undefined;
    const ageMs = request.now - link.at;
    return ageMs >= 0 && ageMs <= TRUST_MS_MAX ? link : undefined;
  }

  /** To be told of every answer, whatever becomes of it. */
  heard(device: BoundDevice, { id, accessNumber }: MbusHeader): void {
    if (id === undefined) return;
    if (this.#heard.size >= METERS_MAX) this.#heard.clear();
    this.#heard.set(id, { by: device, accessNumber });
  }

  /** Whether the answer has the access number of the meter's last one: it is that one again, or the meter does not count. */
  isLastHeard({ id, accessNumber }: MbusHeader): boolean {
    return id !== undefined && accessNumber !== undefined && this.#heard.get(id)?.accessNumber === accessNumber;
  }

  /** To be told of every REQ_UD2. */
  asked(device: BoundDevice): void {
    this.#settled.delete(device);
  }

  /** To be told of every dialogue that ended well. */
  ended(device: BoundDevice): void {
    this.#settled.add(device);
  }

  /** Whether a selection alone is not relied on to clear the meter's frame count bit. */
  isUnsure(device: BoundDevice): boolean {
    return !this.#settled.has(device) || this.#distrusted.has(device);
  }

  /** After a good dialogue of one telegram. @param frameCountBit of the REQ_UD2 that was answered */
  keep(device: BoundDevice, { id, accessNumber }: MbusHeader, frameCountBit: boolean, at: UtcMs): void {
    if (id === undefined || accessNumber === undefined || this.#distrusted.has(device)) return;
    this.#links.set(device, { id, accessNumber, frameCountBit: !frameCountBit, at });
  }

  distrust(device: BoundDevice): void {
    this.#distrusted.add(device);
  }
}

/** Whether an answer is the one after the last: neither that one again nor one behind another that we did not get. */
export function isNext({ id, accessNumber }: MbusHeader, last: KnownLink): boolean {
  return id === last.id && accessNumber === ((last.accessNumber + 1) & 0xff);
}
