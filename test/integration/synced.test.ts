import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../src/app/project.ts';

/**
 * A killed process loses nothing that it has written: the system has it. Only a power cut shows a sync that was left out, so the
 * calls that the real machine's files make to the system are looked at: what was written is synced before it is acknowledged.
 */
const CALLS = ['write', 'pwrite64', 'writev', 'fdatasync', 'fsync', 'rename', 'renameat', 'renameat2'];
const TIMES = 8;

const hasStrace = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;

/** What the program below does, each followed by a mark in a file of its own when it was acknowledged. */
const PROGRAM = `
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { hostAppendLog } from '${built('src/host/append-log.js')}';
import { hostFolder } from '${built('src/host/folder.js')}';
import { openLevelStore } from '${built('src/host/store-level.js')}';
const folder = process.argv[2];
const marks = openSync(join(folder, 'marks'), 'w');
const mark = (what) => writeSync(marks, what + '\\n');
const letGo = { afterMappedBytes: Number.NEGATIVE_INFINITY, notWithinMs: 0 };
for (const [name, options] of [['store', {}], ['opened-anew', { letGo }]]) {
  const store = await openLevelStore({ folder: join(folder, name), create: true, ...options });
  for (let n = 0; n < ${TIMES}; n++) {
    await store.batch([{ kind: 'put', key: 'key ' + n, value: new Uint8Array(100) }]);
    mark('batch');
    await store.batch([{ kind: 'delete', key: 'key ' + n }]);
    mark('batch');
  }
  await store.close();
}
const log = hostAppendLog(join(folder, 'vital.log'));
for (let n = 0; n < ${TIMES}; n++) {
  await log.append('line ' + n);
  mark('append');
}
await log.rewrite((async function* () { yield 'anew'; })());
mark('rewrite');
await log.append('after');
mark('append');
await log.close();
await hostFolder(folder).write('state.json', '{}');
mark('file');
`;

function built(path: string): string {
  return pathToFileURL(join(PROJECT_FOLDER, 'dist', path)).href;
}

interface Call {
  readonly name: string;
  /** The path of the first file that it names. */
  readonly path: string;
  readonly text: string;
}

/** The calls that succeeded, in the order in which they ended. */
function callsIn(trace: string): Call[] {
  const begun = new Map<string, string>();
  return trace.split('\n').flatMap((line): Call[] => {
    const [, thread = '', said = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (said.endsWith('<unfinished ...>')) {
      begun.set(thread, said);
      return [];
    }
    const text = said.startsWith('<... ') ? `${begun.get(thread) ?? ''} ${said}` : said;
    const name = /^\w+/.exec(text)?.[0];
    if (!name || !/= \d+$/.test(text)) return [];
    const path = /<([^>]*)>|"([^"]*)"/.exec(text);
    return [{ name, path: path?.[1] ?? path?.[2] ?? '', text }];
  });
}

interface Acknowledged {
  readonly what: string;
  /** Since what was acknowledged before it. */
  readonly calls: readonly Call[];
}

function acknowledgedIn(calls: readonly Call[]): Acknowledged[] {
  const all: Acknowledged[] = [];
  let since: Call[] = [];
  for (const call of calls) {
    since.push(call);
    const what = basename(call.path) === 'marks' && /"(\w+)\\n"/.exec(call.text)?.[1];
    if (!what) continue;
    all.push({ what, calls: since });
    since = [];
  }
  return all;
}

const isWrite = ({ name }: Call) => name.startsWith('write') || name === 'pwrite64';
const isSync = ({ name }: Call) => name === 'fdatasync' || name === 'fsync';

/** Whether the file was written, and synced after that. */
function isSynced(calls: readonly Call[], isMeant: (path: string) => boolean): boolean {
  const meant = calls.filter(({ path }) => isMeant(path));
  const written = meant.findLastIndex(isWrite);
  return written >= 0 && meant.findLastIndex(isSync) > written;
}

describe.skipIf(!hasStrace)('on the real machine (skipped where strace is not installed or may not trace)', () => {
  let root: string;
  let all: readonly Acknowledged[];
  const done = (what: string) => all.filter((one) => one.what === what);

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'odecet-synced-'));
    const program = join(root, 'program.mjs');
    writeFileSync(program, PROGRAM);
    const trace = join(root, 'trace');
    const args = ['-f', '-y', '-e', `trace=${CALLS.join()}`, '-o', trace, process.execPath, program, root];
    execFileSync('strace', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    all = acknowledgedIn(callsIn(readFileSync(trace, 'utf8')));
  }, 60_000);
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('every batch of the store is synced before it is acknowledged, whether or not LevelDB was opened anew for it', () => {
    const batches = done('batch').map(({ calls }) => isSynced(calls, (path) => path.endsWith('.log')));
    expect(batches).toEqual(Array(4 * TIMES).fill(true));
  });

  it('every line of the second copy is synced before it is acknowledged', () => {
    const lines = done('append').map(({ calls }) => isSynced(calls, (path) => basename(path) === 'vital.log'));
    expect(lines).toEqual(Array(TIMES + 1).fill(true));
  });

  it.each([
    ['a second copy that is written anew', 'rewrite'],
    ['a file of the state folder', 'file'],
  ])('%s is synced before it takes its name, and its folder before it is acknowledged', (_, what) => {
    const calls = done(what).flatMap((one) => one.calls);
    const named = calls.findIndex(({ name }) => name.startsWith('rename'));
    expect(isSynced(calls.slice(0, named), (path) => path.endsWith('.unfinished'))).toBe(true);
    expect(calls.slice(named).some((call) => call.name === 'fsync' && call.path === root)).toBe(true);
  });
});
