import { type BackoffRule, backoffMs } from '../core/backoff.ts';
import { type FailureCode, OdecetError } from '../core/failure.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Log } from '../machine/log.ts';
import { createBell } from './bell.ts';
import type { Round, Sink } from './round.ts';

/** The sink's troubles are minutes of disk, not hours of network: short waits. */
const RETRY: BackoffRule = { firstMs: 500, factor: 2, mostMs: 15_000, jitter: 0.2 };

export interface Outtray {
  /** Takes a round; waits while the tray is full, but no longer than until aborted: what was read is not thrown away. */
  put(round: Round, signal: AbortSignal): Promise<void>;
  /** Hands rounds to the sink in their order until aborted, then tries each that is left once more. */
  run(signal: AbortSignal): Promise<void>;
  readonly waiting: number;
}

/**
 * Rounds between the lines and the sink, so that a slow or full disk does not disturb a dialogue. Bounded: when it is full
 * the lines wait, and go on as soon as the sink takes a round. A round leaves only after the sink has it.
 */
export function createOuttray(sink: Sink, clock: Clock, entropy: Entropy, log: Log, roundsMax: number): Outtray {
  const rounds: Round[] = [];
  const filled = createBell();
  const emptied = createBell();
  let failures = 0;

  /** True when the sink took it. */
  async function handOver(round: Round): Promise<boolean> {
    try {
      await sink.keep(round);
      if (failures > 0) log.info('sink-back', { failures, waiting: rounds.length });
      failures = 0;
      return true;
    } catch (error) {
      failures += 1;
      const fields = { code: codeOf(error), detail: messageOf(error), failures, waiting: rounds.length, roundsMax };
      if (failures === 1) log.error('sink-failed', fields);
      else log.warn('sink-failed', fields);
      return false;
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const round = rounds[0];
      if (!round) {
        await filled.heard(signal);
      } else if (await handOver(round)) {
        rounds.shift();
        emptied.ring();
      } else {
        await clock.sleep(backoffMs(RETRY, failures, entropy.fraction()), signal).catch(() => undefined);
      }
    }
    await handOverTheRest();
  }

  async function handOverTheRest(): Promise<void> {
    while (rounds[0] && (await handOver(rounds[0]))) rounds.shift();
    if (rounds.length > 0) log.error('rounds-lost', { rounds: rounds.length, why: 'stopped while the sink failed' });
  }

  return {
    async put(round, signal) {
      while (rounds.length >= roundsMax && !signal.aborted) await emptied.heard(signal);
      rounds.push(round);
      filled.ring();
    },
    run,
    get waiting() {
      return rounds.length;
    },
  };
}

function codeOf(error: unknown): FailureCode {
  return error instanceof OdecetError ? error.failure.code : 'unexpected';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
