import type { Bus } from '../../collect/bus.ts';
import { OdecetError } from '../../core/failure.ts';
import type { Millis } from '../../core/time.ts';
import type { LineConfig } from '../../device/site.ts';
import type { Clock } from '../../machine/clock.ts';
import { scanMbus } from './scan-mbus.ts';
import { scanUnits } from './scan-modbus.ts';

/** Who is on a line. */

export interface Found {
  /** Modbus unit or M-Bus primary address; 253 for a meter that is to be asked by its secondary address. */
  readonly address: number;
  readonly secondary?: string;
  readonly serial?: string;
  readonly manufacturer?: string;
  readonly version?: number;
  readonly medium?: string;
  /** What whoever writes the site file should know. */
  readonly remark?: string;
}

export interface ScanOutcome {
  readonly found: readonly Found[];
  /** Places where something answered that could not be understood: two meters of one address, noise. */
  readonly unclear: readonly string[];
  /** Why the scan ended before its end: what was found until then is above. */
  readonly cutShortBy?: unknown;
}

/** @param share 0 to 1 */
export type Progress = (share: number, found: number) => void;

export interface ScanPlan {
  readonly primary: boolean;
  readonly secondary: boolean;
  readonly units: { readonly from: number; readonly to: number };
  /** How long a meter may take to begin its answer. */
  readonly replyWithinMs: Millis;
  /** For so long after that nobody else is asked: a late answer must not be taken for that of the next. */
  readonly lateAnswerMs: Millis;
  readonly gapMs: Millis;
}

export interface Scene {
  readonly line: Bus;
  readonly clock: Clock;
  readonly plan: ScanPlan;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Goes through all addresses of the plan. What ends it early, the signal included, is told with what was found until then. */
export async function scanLine({ framing }: Pick<LineConfig, 'framing'>, scene: Scene): Promise<ScanOutcome> {
  return framing === 'mbus' ? scanMbus(scene) : scanUnits(framing, scene);
}

/** What ended a scan early, as whoever called it is to be told. */
export function cutShort({ cutShortBy }: ScanOutcome): unknown {
  if (!(cutShortBy instanceof OdecetError)) return cutShortBy;
  const { code, detail } = cutShortBy.failure;
  return new OdecetError(code, `the scan ended early: ${detail}`, { cause: cutShortBy });
}
