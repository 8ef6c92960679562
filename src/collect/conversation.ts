import type { Failure } from '../core/failure.ts';
import type { Cost } from './device-plan.ts';
import type { Round } from './round.ts';

/** `steps`: how often the wall had been set when it ended. */
export interface GoodConversation {
  readonly ok: true;
  readonly round: Round;
  readonly cost: Cost;
  readonly steps: number;
}

/** One dialogue as the line saw it. */
export type Conversation =
  | GoodConversation
  | { readonly ok: false; readonly failure: Failure; readonly timedOut: boolean; readonly cost: Cost };

/** Two tries count as one: the device's budget pays for both. */
export function joined(first: Conversation, second: Conversation): Conversation {
  return { ...second, cost: { ...second.cost, tookMs: first.cost.tookMs + second.cost.tookMs } };
}
