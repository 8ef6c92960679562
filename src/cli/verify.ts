import type { Command } from 'commander';
import { askGateway } from '../app/control.ts';
import { loadSite } from '../app/site-files.ts';
import { stateFolder } from '../app/state.ts';
import type { Verification } from '../buffer/index.ts';
import { exitStatus } from '../core/failure.ts';
import type { Say } from '../core/say.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { viewCommand, withState } from './views.ts';

interface VerifyOptions extends SpokenOptions {
  readonly config: string;
  readonly json?: true;
}

/** `odecet verify --config site.yaml`: looks at every record that the site has. Exit status 30 when something is wrong. */
export function verifyCommand(): Command {
  return viewCommand(
    'verify',
    'look at every record: checksums, numbers without holes, journal against records',
  ).action(async ({ config, json, ...spoken }: VerifyOptions) => {
    const running = await askGateway(stateFolder(loadSite(config)), { do: 'verify' });
    const found = running
      ? (running.done as Verification)
      : await withState(config, (_loaded, { buffer }) => buffer.verify());
    process.stdout.write(json ? `${JSON.stringify(found)}\n` : textOf(found, sayFor(spoken)));
    if (!found.clean) process.exitCode = exitStatus('store-damaged');
  });
}

function textOf(found: Verification, say: Say): string {
  const { damaged, holes, lost, stray, misplaced, unreadable, quarantined } = found;
  const verdict = found.clean ? say`clean` : say`NOT clean`;
  const lines = [
    ...damaged.map(({ key, detail }) => `damaged    ${key}: ${detail}`),
    ...holes.map(({ stream, sequence }) => `hole       ${stream} ${sequence}`),
    ...lost.map((key) => `lost       ${key}`),
    ...stray.map((key) => `stray      ${key}`),
    ...misplaced.map((id) => `misplaced  message ${id}`),
    ...unreadable.map((detail) => `unreadable ${detail}`),
    say`${found.records} records, ${found.entries} journal entries, ${quarantined.length} losses known from before: ${verdict}`,
  ];
  return `${lines.join('\n')}\n`;
}
