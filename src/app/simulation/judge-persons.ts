import type { Buffer } from '../../buffer/index.ts';
import {
  compare,
  type Decimal,
  decimal,
  decimalText,
  equal,
  isNegative,
  parseDecimal,
  subtract,
  ZERO,
} from '../../core/decimal.ts';
import { isoUtc, type UtcMs } from '../../core/time.ts';
import type { DocumentRow } from '../../message/read.ts';
import { chainFaults } from '../audit-chain.ts';
import { readAudit } from '../audit-texts.ts';
import type { JudgeParts } from './case.ts';
import type { Substituted } from './persons.ts';

/** Somebody has ordered the accepted value, but for one digit of rounding that the rows before may have left. */
export function substituteComplaint(orders: readonly Substituted[], row: DocumentRow): string | undefined {
  const isOrdered = orders.some(({ point, channel, starts, value }) => {
    const off = subtract(parseDecimal(row.value), value);
    const isSame = compare(isNegative(off) ? subtract(ZERO, off) : off, decimal(1, -3)) <= 0;
    return isSame && point === row.point && channel === row.channel && starts.includes(row.start);
  });
  return isOrdered ? undefined : `${row.value} as a person's, nobody has ordered it`;
}

/** What a person has decided stands, what stood there before is kept, and the audit log tells of it and is whole. */
export async function personComplaints({ life, buffer }: JudgeParts): Promise<string[]> {
  const hit = [...life.flipped.keys()];
  const log = await buffer.auditLog();
  const said = log.map(({ text }) => readAudit(text));
  const complaints: string[] = [];
  if (!hit.some((key) => key.startsWith('a/')))
    complaints.push(...chainFaults(log).map(({ number, what }) => `audit log, entry ${number}: ${what}`));
  for (const [n, order] of life.substituted.entries()) {
    // A machine that goes on from an older backup knows nothing of it.
    const isForgotten = life.replacements.some(({ start, end }) => start <= order.at && order.at <= end);
    if (!order.isDone || isForgotten) continue;
    const { point, channel, value } = order;
    const later = life.substituted.slice(n + 1).filter((one) => one.point === point);
    for (const start of order.starts) {
      if (hit.some((key) => key.includes(`${point}/${channel}/${new Date(start).toISOString()}`))) {
        complaints.push(...(await undoneComplaints(buffer, order, start)));
        continue;
      }
      const values = [order, ...later.filter((one) => one.starts.includes(start))].map((one) => one.value);
      complaints.push(...(await standingComplaints(buffer, order, start, values)));
      const isTold = said.some(
        (entry) =>
          entry?.what === 'substitute' &&
          entry.point === point &&
          entry.intervals.some((one) => one.start === isoUtc(start) && one.value === decimalText(value)),
      );
      if (!isTold && !hit.some((key) => key.startsWith('a/')))
        complaints.push(`not in the audit log: ${whereOf(order, start)}`);
    }
  }
  return complaints;
}

function whereOf({ point, channel }: Substituted, start: UtcMs): string {
  return `${point} ${channel} ${isoUtc(start)}`;
}

/** Where a flipped bit has hit its record it may be lost, until it is put back; nothing else comes after it. */
async function undoneComplaints(buffer: Buffer, order: Substituted, start: UtcMs): Promise<string[]> {
  const { point, channel, before } = order;
  const decided = (before.find((interval) => interval.start === start)?.version ?? 0) + 1;
  const last = (await buffer.intervalVersions(point, channel, start)).at(-1);
  const isHeld = last?.quality === 'substituted' || last?.findings.includes('decision-unknown');
  if (!last || last.version <= decided || isHeld) return [];
  return [`what a person decided is undone after damage: ${whereOf(order, start)} is ${last.quality}`];
}

/** @param values of this order and of those that came after it */
async function standingComplaints(
  buffer: Buffer,
  order: Substituted,
  start: UtcMs,
  values: readonly Decimal[],
): Promise<string[]> {
  const { point, channel, value, before } = order;
  // With its day it goes for its age; the original first, since it was written first.
  if ((await buffer.givenUp(point, channel, { start, end: start + 1 })).length > 0) return [];
  const where = whereOf(order, start);
  const complaints: string[] = [];
  const versions = await buffer.intervalVersions(point, channel, start);
  const last = versions.at(-1);
  if (last?.quality !== 'substituted' || !values.some((each) => last.value && equal(each, last.value)))
    complaints.push(`what a person decided does not stand: ${where} is ${last?.quality}, not ${decimalText(value)}`);
  const original = before.find((interval) => interval.start === start);
  if (original && !versions.some((one) => one.version === original.version && one.quality === original.quality))
    complaints.push(`a person's value has taken the original's place: ${where}`);
  return complaints;
}
