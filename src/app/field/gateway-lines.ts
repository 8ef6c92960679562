import { resolve } from 'node:path';
import { OdecetError } from '../../core/failure.ts';
import type { LineConfig } from '../../device/site.ts';
import { type LineLock, lockedLine } from '../../host/line-lock.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Line } from '../../machine/line.ts';
import type { Handler } from '../control.ts';
import type { LoadedSite } from '../site-files.ts';
import { hostLine, lockOf } from './line.ts';
import { hexOf, type Passed, tappedLine, type Way } from './tap.ts';

/** The lines of a running gateway: its own for as long as it runs, and a person may hear what passes on them. */
export interface GatewayLines {
  /** Opening it fails with line-in-use while a command has the line; the collector tries again by itself. */
  lineOf(config: LineConfig): Line;
  /** `{"do": "listen", "line": "..."}`: what the gateway sends and hears, part by part, until whoever asked goes away. */
  readonly listen: Handler;
  release(): Promise<void>;
}

/** Whoever listens and does not take what comes must not fill the gateway's memory. */
const WAITING_MAX = 1_000;
const ADVICE =
  '`odecet read` and `odecet listen` with its site file ask it; for anything else stop it first (systemctl stop odecet-gateway)';

export async function gatewayLines(
  { site, file }: Pick<LoadedSite, 'site' | 'file'>,
  clock: Clock,
): Promise<GatewayLines> {
  const locks: LineLock[] = [];
  const lines = new Map<string, Line>();
  for (const config of site.lines) lines.set(config.id, await hostLine(config));
  const ears = new Map(site.lines.map(({ id }) => [id, new Set<(passed: Passed) => void>()]));
  return {
    lineOf(config) {
      const line = lines.get(config.id);
      if (!line) throw new RangeError(`no line "${config.id}"`);
      const lock = lockOf(config, `the gateway of ${resolve(file)}`, ADVICE);
      locks.push(lock);
      return tappedLine(lockedLine(line, lock), (way: Way, bytes) => {
        for (const hear of ears.get(config.id) ?? []) hear({ at: clock.now(), way, hex: hexOf(bytes) });
      });
    },
    async listen({ line: id }, send, signal) {
      const here = typeof id === 'string' ? ears.get(id) : undefined;
      if (!here)
        throw new OdecetError(
          'usage',
          `the gateway has no line "${String(id)}"; it has ${[...ears.keys()].join(', ')}`,
        );
      await handOn(here, send, signal);
    },
    async release() {
      for (const lock of locks) await lock.release();
    },
  };
}

/** Sends on what is heard, in order, until the signal aborts. */
async function handOn(
  ears: Set<(passed: Passed) => void>,
  send: (part: unknown) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const waiting: Passed[] = [];
  let wake = () => {};
  const hear = (passed: Passed): void => {
    waiting.push(passed);
    wake();
  };
  const left = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  ears.add(hear);
  try {
    while (!signal.aborted) {
      const passed = waiting.shift();
      if (waiting.length > WAITING_MAX)
        throw new OdecetError('line-lost', 'more passes on the line than is taken; listen with the output to a file');
      if (passed) await send(passed);
      else
        await Promise.race([
          left,
          new Promise<void>((resolve) => {
            wake = resolve;
          }),
        ]);
    }
  } finally {
    ears.delete(hear);
  }
}
