import type { Millis } from './time.ts';

export interface BackoffRule {
  readonly firstMs: Millis;
  readonly factor: number;
  readonly mostMs: Millis;
  /** 0..1: the share of the delay that chance may take away, so that a hundred gateways do not come back together. */
  readonly jitter: number;
}

/**
 * The delay before try `failures + 1`.
 * @param failures failures in a row so far, 1 or more
 * @param chance 0 <= chance < 1, from the machine's entropy
 */
export function backoffMs(rule: BackoffRule, failures: number, chance: number): Millis {
  const full = Math.min(rule.mostMs, rule.firstMs * rule.factor ** Math.min(failures - 1, 64));
  return Math.round(full * (1 - rule.jitter * chance));
}
