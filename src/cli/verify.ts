import type { Command } from 'commander';
import { askGateway } from '../app/control.ts';
import { loadSite } from '../app/site-files.ts';
import { stateFolder } from '../app/state.ts';
import type { Verification } from '../buffer/index.ts';
import { exitStatus } from '../core/failure.ts';
import { viewCommand, withState } from './views.ts';

/** `odecet verify --config site.yaml`: looks at every record that the site has. Exit status 30 when something is wrong. */
export function verifyCommand(): Command {
  return viewCommand(
    'verify',
    'look at every record: checksums, numbers without holes, journal against records',
  ).action(async ({ config, json }: { config: string; json?: true }) => {
    const running = await askGateway(stateFolder(loadSite(config)), { do: 'verify' });
    const found = running
      ? (running.done as Verification)
      : await withState(config, (_loaded, { buffer }) => buffer.verify());
    process.stdout.write(json ? `${JSON.stringify(found)}\n` : textOf(found));
    if (!found.clean) process.exitCode = exitStatus('store-damaged');
  });
}

function textOf(found: Verification): string {
  const { damaged, holes, lost, stray, misplaced, unreadable, quarantined } = found;
  const lines = [
    ...damaged.map(({ key, detail }) => `damaged    ${key}: ${detail}`),
    ...holes.map(({ stream, sequence }) => `hole       ${stream} ${sequence}`),
    ...lost.map((key) => `lost       ${key}`),
    ...stray.map((key) => `stray      ${key}`),
    ...misplaced.map((id) => `misplaced  message ${id}`),
    ...unreadable.map((detail) => `unreadable ${detail}`),
    `${found.records} records, ${found.entries} journal entries, ${quarantined.length} losses known from before: ${found.clean ? 'clean' : 'NOT clean'}`,
  ];
  return `${lines.join('\n')}\n`;
}
