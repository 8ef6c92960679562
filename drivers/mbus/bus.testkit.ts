import type { Session, Step } from '../../src/core/driver.ts';
import type { SimulatedMeter } from '../../src/sim/meter/mbus-meter.ts';
import type { Scan } from './scan.ts';

/** Plays sessions and scans against a simulated bus, in no time at all. */

const NOW = 1_774_674_000_000;

export interface Talk {
  readonly requests: Uint8Array[];
  readonly end: Step;
}

export function converse(session: Session, bus: SimulatedMeter, now = NOW): Talk {
  const requests: Uint8Array[] = [];
  let step = session.start();
  while (step.kind !== 'read' && step.kind !== 'missed') {
    if (step.kind === 'send') {
      requests.push(step.bytes);
      const answer = bus(step.bytes, now);
      step = answer ? session.received(answer) : session.silent();
    } else step = step.kind === 'line' ? session.received(new Uint8Array(0)) : session.silent();
  }
  return { requests, end: step };
}

/** Plays a scan to its end; says how many requests it took and what its last step was. */
export function play(scan: Scan, bus: SimulatedMeter): { requests: number; end: string } {
  let requests = 0;
  let step = scan.start();
  for (;;) {
    if (step.kind === 'done') return { requests, end: 'done' };
    if (step.kind === 'missed') return { requests, end: step.failure.code };
    if (step.kind === 'send') {
      requests += 1;
      const answer = bus(step.bytes, NOW);
      step = answer && answer.length > 0 ? scan.received(answer) : scan.silent();
    } else step = scan.silent();
  }
}
