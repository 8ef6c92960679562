import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { hostLog } from '../../src/host/log.ts';
import { simLog } from '../../src/sim/log.ts';
import { type LoggedLine, logContract } from './log.contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'odecet-log-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

function newFile(): string {
  return join(folder, `${files++}.log`);
}

function linesOf(file: string): (Record<string, unknown> & { level: string; event: string; time: string })[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

logContract({
  name: 'host',
  open: () => {
    const file = newFile();
    const lines = () =>
      linesOf(file).map(({ level, event, time, ...fields }): LoggedLine => {
        expect(Date.parse(time)).not.toBeNaN();
        return { level, event, fields };
      });
    return { log: hostLog({ level: 'info', to: { file } }), lines };
  },
});

logContract({
  name: 'sim',
  open: () => {
    const log = simLog({ now: () => 0 }, 'info');
    return { log, lines: () => log.lines.map(({ level, event, fields }) => ({ level, event, fields })) };
  },
});

it('host lines bear the time of the clock that was given', () => {
  const file = newFile();
  hostLog({ level: 'info', to: { file }, now: () => Date.UTC(2026, 2, 29, 1) }).info('here');
  expect(linesOf(file)[0]?.time).toBe('2026-03-29T01:00:00.000Z');
});
