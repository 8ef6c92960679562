import { runDialogue } from '../../collect/dialogue.ts';
import { roundOf } from '../../collect/readings.ts';
import { chunksOf } from '../../collect/refill.ts';
import { dialogueRules } from '../../collect/rules.ts';
import { OdecetError } from '../../core/failure.ts';
import { HOUR_MS, isoUtc, type Span } from '../../core/time.ts';
import type { BoundDevice } from '../../device/bound.ts';
import type { Clock } from '../../machine/clock.ts';
import type { CommandBody } from '../../uplink/relay/command-bodies.ts';
import type { Performed } from '../../uplink/relay/command-taker.ts';
import type { Gateway } from '../gateway.ts';
import type { PointPlan } from '../plan.ts';

/** The longest stretch that is asked for at once; a corrector's archive seldom holds more. */
const SPAN_MS_MAX = 62 * 24 * HOUR_MS;

export interface BackfillParts {
  readonly gateway: Pick<Gateway, 'ask' | 'keepRound' | 'drivers' | 'desk'>;
  readonly devices: ReadonlyMap<string, BoundDevice>;
  readonly clock: Clock;
}

/**
 * Asks a point's meter for a stretch of its archive and keeps what it says: what is known already is no write, what contradicts
 * it is kept beside it and told. Intervals and corrections follow from it as from any other reading. Between two dialogues the
 * line does its own work.
 */
export async function backfill(
  { gateway, devices, clock }: BackfillParts,
  { point: code, from, to }: CommandBody<'backfill'>,
  signal: AbortSignal,
): Promise<Performed> {
  const { points, site } = gateway.desk;
  const point = points.find((each) => each.code === code);
  if (!point) return refused(`the site has no point "${code}"; it has ${points.map((each) => each.code).join(', ')}`);
  const device = devices.get(point.watch.device)!;
  const driver = gateway.drivers.get(device.model.protocol);
  if (!device.model.archive || !driver)
    return refused(`${device.config.id} has no archive that its device file knows of`);
  const span = { start: from, end: Math.min(to, clock.now()) };
  if (span.start >= span.end || to - from > SPAN_MS_MAX)
    return refused(`${isoUtc(from)} to ${isoUtc(to)}: give a stretch of the past of at most 62 days`);
  const counts = { written: 0, known: 0, contradicting: 0, dialogues: 0 };
  for (const chunk of chunksOf([alongBoundaries(span, point)], point.minutes)) {
    signal.throwIfAborted();
    const round = await gateway.ask(device.config.line, async (line, lineSignal) => {
      await line.prepare(device, lineSignal);
      const session = driver.session(device, { want: 'archive', now: clock.now(), from: chunk.start, to: chunk.end });
      const end = await runDialogue(line, clock, session, dialogueRules(device, driver), lineSignal);
      return end.ok ? roundOf(device, end.result, end, site.profile.clockOffMsMax) : end;
    });
    counts.dialogues += 1;
    if (!round.ok)
      throw new OdecetError(round.failure.code, `${round.failure.detail}; ${JSON.stringify(counts)} so far`);
    const kept = await gateway.keepRound(round.round);
    counts.written += kept.written;
    counts.known += kept.known;
    counts.contradicting += kept.conflicts.length;
  }
  const detail = `${device.config.id}: ${counts.written} new readings, ${counts.known} known`;
  return { outcome: 'done', detail, result: { device: device.config.id, ...counts } };
}

/** An archive is asked from boundary to boundary. */
function alongBoundaries({ start, end }: Span, { minutes }: PointPlan): Span {
  const length = (minutes * HOUR_MS) / 60;
  return {
    start: Math.floor(start / length) * length,
    end: Math.max(Math.floor(end / length), Math.floor(start / length) + 1) * length,
  };
}

function refused(detail: string): Performed {
  return { outcome: 'refused', reason: 'bad-body', detail };
}
