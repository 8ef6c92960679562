import type { Millis } from '../core/time.ts';

/** How the machine itself fares; what it cannot tell is absent. */
export interface BoxFacts {
  readonly uptimeMs: Millis;
  readonly memoryBytes: number;
  readonly diskFreeBytes?: number;
  readonly temperatureC?: number;
  /** Whether the system's time service says that its clock is synchronised. */
  readonly ntpSynchronised?: boolean;
}

export interface Box {
  facts(): Promise<BoxFacts>;
}
