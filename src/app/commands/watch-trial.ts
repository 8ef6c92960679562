import { failure } from '../../core/failure.ts';
import { SECOND_MS } from '../../core/time.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Log } from '../../machine/log.ts';
import type { CommandLine, CommandTaker } from '../../uplink/relay/command-taker.ts';
import type { Gateway } from '../gateway.ts';
import type { SiteTrial, TrialRecord } from './site-trial.ts';

const LOOK_EVERY_MS = SECOND_MS;

export interface WatchTrialParts {
  readonly trial: SiteTrial;
  readonly gateway: Pick<Gateway, 'status'>;
  /** Starts the stages anew with the file that counts now. */
  readonly restart: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Watches a site file that is on trial: well means that the broker was reached and every device that has to be was read since the
 * start. Well in time, it is kept; else the old one is put back and the stages start with it. Then the command is answered.
 */
export async function watchTrial(
  parts: WatchTrialParts,
  taker: Pick<CommandTaker, 'conclude'>,
  line: Pick<CommandLine, 'isOnline'>,
  signal: AbortSignal,
): Promise<void> {
  const { trial, log } = parts;
  const begun = await trial.record();
  if (!begun) return;
  if (begun.state === 'on-trial') {
    const lacking = await untilWell(parts, begun, line, signal);
    if (signal.aborted) return;
    if (lacking.length > 0) {
      const why = `after ${begun.withinMs / SECOND_MS} s: ${lacking.join('; ')}`;
      log.error('site-rolled-back', { why });
      if (await trial.rollBack(why)) return parts.restart();
    } else await trial.keep();
  }
  await conclude(parts, taker);
}

async function conclude({ trial, log }: WatchTrialParts, taker: Pick<CommandTaker, 'conclude'>): Promise<void> {
  const ended = await trial.record();
  if (!ended || ended.state === 'on-trial') return;
  const { id, state, why, devices } = ended;
  if (state === 'kept' && why === '') {
    log.info('site-kept', { devices: devices.length });
    const detail = `the site reports well: the broker and ${devices.length} devices`;
    await taker.conclude(id, { outcome: 'done', detail, result: { devices } });
  } else {
    const lead = state === 'kept' ? 'could NOT be rolled back' : 'rolled back';
    await taker.conclude(id, { outcome: 'failed', problem: failure('site-rolled-back', `${lead}: ${why}`) });
  }
  await trial.forget();
}

/** What the site lacks when the time is over; nothing when it is well. */
async function untilWell(
  { gateway, clock }: WatchTrialParts,
  { withinMs, devices }: TrialRecord,
  line: Pick<CommandLine, 'isOnline'>,
  signal: AbortSignal,
): Promise<string[]> {
  const until = clock.monotonicMs() + withinMs;
  for (;;) {
    const read = new Set(
      gateway
        .status()
        .devices.filter(({ lastGoodAt, failuresInRow }) => lastGoodAt !== undefined && failuresInRow === 0)
        .map(({ device }) => device),
    );
    const lacking = [
      // A trial that an earlier program began could ask for none.
      ...(devices.length === 0 ? ['no device that would prove it'] : []),
      ...(line.isOnline() ? [] : ['no connection to the broker']),
      ...devices.filter((id) => !read.has(id)).map((id) => `${id} was not read`),
    ];
    if (signal.aborted || lacking.length === 0 || clock.monotonicMs() >= until) return lacking;
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
}
