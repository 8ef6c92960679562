import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { FAILURES } from '../core/failure.ts';
import { FAILURES_CZECH } from '../core/failure-czech.ts';
import { inEnglish, sayIn } from '../core/say.ts';
import { CZECH } from './czech.ts';
import { runCommand } from './program.ts';
import { sayFor } from './say.ts';

const SOURCES = new URL('..', import.meta.url).pathname;
const FOLDERS = ['cli', 'app/field'];

/** Every text that a command says by the tag, its values as {0}, {1}, ... */
function saidIn(source: string): string[] {
  return [...source.matchAll(/(?<![\w.])say`((?:[^`\\]|\\.)*)`/g)].map(([, text = '']) => {
    let n = 0;
    return text.replace(/\$\{[^{}]*\}/g, () => `{${n++}}`).replaceAll('\\`', '`');
  });
}

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(join(SOURCES, folder))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.startsWith('czech'))
    .map((name) => readFileSync(join(SOURCES, folder, name), 'utf8')),
);
const said = new Set(sources.flatMap(saidIn));

describe('what commands say', () => {
  it('can be said in Czech, all of it', () => {
    expect(said.size).toBeGreaterThan(60);
    expect([...said].filter((text) => !Object.hasOwn(CZECH, text))).toEqual([]);
  });

  it('has the same values in both languages', () => {
    const values = (text: string) => (text.match(/\{\d\}/g) ?? []).sort();
    for (const [english, czech] of Object.entries(CZECH)) expect(values(czech), english).toEqual(values(english));
  });

  it('puts values in their places, whatever they hold', () => {
    const say = sayIn({ '{0} of {1}': '{1}: {0}' });
    expect(say`${3} of ${'{0}'}`).toBe('{0}: 3');
    expect(say`${3} off ${4}`).toBe('3 off 4');
    expect(inEnglish`${3} of ${4}`).toBe('3 of 4');
  });

  it('is in the language that is asked for, else in that of the machine', () => {
    vi.stubEnv('LC_ALL', 'cs_CZ.UTF-8');
    expect(sayFor({})`serial number ${'7'}`).toBe('výrobní číslo 7');
    expect(sayFor({ lang: 'en' })`serial number ${'7'}`).toBe('serial number 7');
    vi.stubEnv('LC_ALL', 'C');
    expect(sayFor({ lang: 'cs' })`serial number ${'7'}`).toBe('výrobní číslo 7');
    vi.unstubAllEnvs();
  });
});

describe('a failure', () => {
  it('has a text in Czech for every code, and none that is the English one', () => {
    for (const [code, { what }] of Object.entries(FAILURES))
      expect(Object.entries(FAILURES_CZECH).find(([known]) => known === code)?.[1], code).not.toBe(what);
  });

  it.each([
    ['cs', 'odecet: soubor místa nelze přečíst: '],
    ['en', 'odecet: the site file cannot be read: '],
  ])('is told in the language of the command: %s', async (language, expected) => {
    const told: string[] = [];
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => told.push(String(text)) > 0);
    const before = process.exitCode;
    await runCommand(['node', 'odecet', 'check', 'no-such-site.yaml', '--lang', language]);
    write.mockRestore();
    expect(process.exitCode).toBe(10);
    process.exitCode = before;
    expect(told.join('')).toContain(expected);
  });
});
