import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * The house rules as a test: who may import whom, what a pure folder may not touch, files that nobody imports, length.
 * DESIGN: no stage calls back; a driver knows the core and the device model, never another driver.
 */

/** Folder -> the folders of ours it may import besides itself. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'src/core': [],
  'src/machine': ['src/core'],
  'src/device': ['src/core'],
  'src/profile': ['src/core'],
  'src/message': ['src/core'],
  'src/collect': ['src/core', 'src/machine', 'src/device'],
  'src/buffer': ['src/core', 'src/machine'],
  'src/uplink': ['src/core', 'src/machine', 'src/buffer', 'src/message'],
  'src/relay': ['src/core', 'src/machine', 'src/message', 'src/uplink'],
  'src/host': ['src/core', 'src/machine'],
  // Simulated meters are laid out by device files, as real ones are described by them.
  'src/sim': ['src/core', 'src/machine', 'src/device'],
  // The operator's side speaks the same SOAP; its signature check is its own.
  'src/sandbox': ['src/core', 'src/machine', 'src/message', 'src/uplink', 'src/host'],
  'drivers/mbus': ['src/core', 'src/device'],
  'drivers/modbus': ['src/core', 'src/device'],
};

/** Assembly may import everything but the command line. */
const ASSEMBLY = ['src/app', 'src/cli', 'src/main.ts', 'scripts', 'test'];

/** Folders that touch no machine, and the third-party packages they may use because those touch none either. */
const PURE: Record<string, readonly string[]> = {
  'src/core': ['temporal-polyfill', 'yaml', 'zod', 'leven'],
  'src/machine': [],
  'src/device': ['yaml', 'zod', 'leven', 'temporal-polyfill'],
  'src/profile': [],
  'src/message': ['saxes', 'yaml', 'zod', 'leven'],
  'src/collect': [],
  'src/buffer': ['crc-32', 'zod'],
  'src/uplink': ['zod'],
  'src/relay': ['crc-32', 'zod'],
  'drivers/mbus': [],
  'drivers/modbus': [],
};

const IMPURE = [
  [/\bDate\.now\b/, 'Date.now'],
  [/\bnew Date\(\)/, 'new Date()'],
  [/\bMath\.random\b/, 'Math.random'],
  [/\bprocess\./, 'process'],
  [/\bBuffer\.(from|alloc|concat)\b/, "Node's Buffer"],
  [/\b(setTimeout|setInterval|setImmediate)\(/, 'a timer'],
] as const;

const LINES_MAX = 300;

interface Source {
  readonly path: string;
  readonly text: string;
  readonly folder: string;
  readonly isTest: boolean;
  readonly imports: readonly string[];
}

const IMPORT = /(?:^|\n)\s*(?:import|export)\s(?:[^'";]*?\sfrom\s)?'([^']+)'|import\(\s*'([^']+)'\s*\)/g;

/** Programs of threads: started by their address as it is built, so nobody imports them. */
const THREADS = ['src/app/seal-worker.ts', 'src/app/read-worker.ts'];

function readSources(): Source[] {
  return ['src', 'drivers', 'scripts', 'test']
    .flatMap((top) => readdirSync(top, { recursive: true, encoding: 'utf8' }).map((path) => join(top, path)))
    .filter((path) => path.endsWith('.ts'))
    .map((path) => {
      const text = readFileSync(path, 'utf8');
      const folder =
        path.startsWith('src/') || path.startsWith('drivers/')
          ? path.split('/').slice(0, 2).join('/')
          : path.split('/')[0]!;
      const isTest = /\.(test|testkit|contract)\.ts$/.test(path) || folder === 'test';
      return { path, text, folder, isTest, imports: importsOf(path, text) };
    });
}

/** Imports as project paths where relative, as written where not. */
function importsOf(path: string, text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => {
    const name = match[1] ?? match[2]!;
    return name.startsWith('.') ? normalize(join(dirname(path), name)) : name;
  });
}

function folderOf(target: string): string {
  return target.split('/').slice(0, 2).join('/');
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}

function isOurs(name: string): boolean {
  return /^(src|drivers|scripts|test)\//.test(name);
}

const sources = readSources();
const shipped = sources.filter((source) => !source.isTest);

describe('tidy', () => {
  it('reads the project', () => {
    expect(shipped.length).toBeGreaterThan(50);
    expect(sources.find(({ path }) => path === 'src/app/closer.ts')?.imports).toContain('src/core/calendar.ts');
  });

  it('every folder imports only what it may', () => {
    const faults = shipped.flatMap(({ path, folder, imports }) => {
      const allowed = MAY_IMPORT[folder];
      if (!allowed) {
        if (!ASSEMBLY.includes(folder)) return [`${path}: the folder ${folder} has no import rule`];
        return imports
          .filter((name) => name.startsWith('src/cli/') && folder === 'src/app')
          .map((name) => `${path} imports ${name}`);
      }
      return imports
        .filter((name) => isOurs(name) && folderOf(name) !== folder && !allowed.includes(folderOf(name)))
        .map((name) => `${path} imports ${name}`);
    });
    expect(faults).toEqual([]);
  });

  it('nothing that ships imports a test', () => {
    const faults = shipped.flatMap(({ path, imports }) =>
      imports
        .filter((name) => /\.(test|testkit|contract)\.ts$/.test(name) || name.startsWith('test/'))
        .map((name) => `${path} imports ${name}`),
    );
    expect(faults).toEqual([]);
  });

  it('pure folders touch no machine', () => {
    const faults = shipped
      .filter(({ folder }) => folder in PURE)
      .flatMap(({ path, folder, text, imports }) => [
        ...imports
          .filter((name) => !isOurs(name) && !PURE[folder]!.includes(packageOf(name)))
          .map((name) => `${path} imports ${name}`),
        ...IMPURE.filter(([pattern]) => pattern.test(withoutComments(text))).map(([, what]) => `${path} uses ${what}`),
      ]);
    expect(faults).toEqual([]);
  });

  it('every file is imported by somebody', () => {
    const imported = new Set(sources.flatMap(({ imports }) => imports));
    const orphans = shipped.filter(
      ({ path, folder }) =>
        folder !== 'scripts' &&
        path.includes('/') &&
        path !== 'src/main.ts' &&
        !THREADS.includes(path) &&
        !imported.has(path),
    );
    expect(orphans.map(({ path }) => path)).toEqual([]);
  });

  it('no file is too long to be read', () => {
    const long = shipped.filter(({ text }) => text.split('\n').length > LINES_MAX).map(({ path }) => path);
    expect(long).toEqual([]);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}
