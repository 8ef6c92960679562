import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { FAILURES } from '../core/failure.ts';
import { FAILURES_CZECH } from '../core/failure-czech.ts';
import { inEnglish, sayIn } from '../core/say.ts';
import { CZECH } from './czech.ts';
import { DETAILS_CZECH } from './czech-details.ts';
import { HELP_CZECH } from './czech-help.ts';
import { PROBLEMS_CZECH } from './czech-problems.ts';
import { detailInCzech } from './in-czech.ts';
import { runCommand } from './program.ts';
import { sayFor } from './say.ts';

/** Something wrong of many kinds. */
const BROKEN = `
site: Park
zone: Europe/Pragu
colour: blue
lines:
  - { id: l1, kind: tcp, host: 192.0.2.1, port: 70000, framing: mbus }
  - { id: l1, kind: serial, path: ttyUSB0, framing: modbus-tcp, baud: "9600", parity: none }
  - { id: l3, kind: radio }
devices:
  - { id: m1, model: actaris/corus, line: l9, address: "1" }
  - { id: m1, model: nobody/nothing, line: l1, address: 300, secondary: 12345678 }
points:
  - { code: 27ZG, commodity: gas, metering: D, device: m7, capacity: 100 }
  - { code: "859182400500000018", commodity: electricity, metering: A, device: m1, capacity: "0", channels: [] }
market: {}
combustionHeat: [{ day: 2026-02-30, kWhPerM3: "10,5" }]
sendAfterMs: -1
uplink: { kind: direct }
storage:
`;

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

describe('details and help in Czech', () => {
  /** Every text in the sources, its values as {0}, {1}, ... in the order in which they stand. */
  const texts = new Set(
    ['cli', 'app', 'buffer', 'host', 'core', 'device'].flatMap((folder) =>
      readdirSync(join(SOURCES, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts') && !name.includes('.test') && !name.includes('czech'))
        .flatMap((name) => textsIn(readFileSync(join(SOURCES, folder, name), 'utf8'))),
    ),
  );

  function textsIn(source: string): string[] {
    const plain = [...source.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"/g)].map(([, a, b]) => a ?? b ?? '');
    const made = [...source.matchAll(/(?<![\w.])`((?:[^`\\]|\\.)*)`/g)].map(([, text = '']) => {
      let n = 0;
      return text.replace(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, () => `{${n++}}`);
    });
    return [...plain, ...made];
  }
  /** What Node or the command line's library says. */
  const isForeign = (text: string) =>
    /^(E[A-Z]+: |error: |\(Did you|Allowed choices|Usage:|Options:|Commands:|Arguments:|output the|display help)/.test(
      text,
    );

  it('know no text that nothing says any more', () => {
    const known = [...Object.keys(DETAILS_CZECH), ...Object.keys(PROBLEMS_CZECH), ...Object.keys(HELP_CZECH)].filter(
      (text) => !isForeign(text),
    );
    // A text may end with a hint: "(did you mean ...)", as the value after its last.
    const ends = ['', '{2}', '{3}'];
    const isSaid = (text: string) => ends.some((end) => texts.has(`${text.replace(/ \(did you mean .*$/, '')}${end}`));
    expect(known.filter((text) => !isSaid(text))).toEqual([]);
  });

  it('have the same values in both languages', () => {
    const values = (text: string) => (text.match(/\{\d\}/g) ?? []).sort();
    for (const table of [DETAILS_CZECH, PROBLEMS_CZECH, HELP_CZECH])
      for (const [english, czech] of Object.entries(table)) expect(values(czech), english).toEqual(values(english));
  });

  it.each([
    [
      'the site has no point "X1"; it has X2, X3 (did you mean "X2"?)',
      'místo nemá odběrné místo "X1"; má X2, X3 (nemělo to být "X2"?)',
    ],
    [
      'values.csv: line 3: 2026-07-01T06:00+02:00 stands there twice; expected a heading start;value and a line for each interval',
      'values.csv: řádek 3: 2026-07-01T06:00+02:00 je v souboru dvakrát; očekává se záhlaví start;value a řádek pro každý interval',
    ],
    [
      'heat.csv, line 2: "" is no combustion heat in kWh/m3; expected 5 to 15',
      'heat.csv, řádek 2: "" není spalné teplo v kWh/m3; očekává se 5 až 15',
    ],
    [
      'point 27ZG1, volume: 2 of 24 intervals are missing (meter-exchanged); m: meter 1, seen last A, was exchanged for 2, seen first B',
      'odběrné místo 27ZG1, volume: chybí 2 z 24 intervalů (meter-exchanged); m: měřidlo 1, naposledy viděné A, bylo vyměněno za 2, poprvé viděné B',
    ],
    [
      '2 problems\na/site.yaml:9:18: lines.0.port: found "5o2", expected a whole number from 1 to 65535\nsite.yaml:3:1: found the unknown key "lnes", expected "site", "zone" or 9 more; did you mean "lines"?',
      'chyb: 2\na/site.yaml:9:18: lines.0.port: je zde "5o2", očekává se celé číslo od 1 do 65535\nsite.yaml:3:1: je zde neznámý klíč "lnes", očekává se "site", "zone" nebo dalších 9; nemělo to být "lines"?',
    ],
    [
      'site.yaml:9:1: devices.0.line: found "l2", expected a line of this site: "l1" or "l3" (and 4 more: odecet check site.yaml)',
      'site.yaml:9:1: devices.0.line: je zde "l2", očekává se linka tohoto místa: "l1" nebo "l3" (a dalších 4: odecet check site.yaml)',
    ],
    ['something that nobody has thought of: {0}', 'something that nobody has thought of: {0}'],
  ])('a detail is known by its pattern: %s', (english, czech) => {
    expect(detailInCzech(english)).toBe(czech);
  });

  it('what check finds in a site file is in Czech, all of it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'check-'));
    const file = join(folder, 'site.yaml');
    writeFileSync(file, BROKEN);
    const told: string[] = [];
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => told.push(String(text)) > 0);
    const before = process.exitCode;
    await runCommand(['node', 'odecet', 'check', file, '--lang', 'cs']);
    write.mockRestore();
    process.exitCode = before;
    rmSync(folder, { recursive: true });
    const lines = told.join('').trim().split('\n');
    expect(lines[0]).toMatch(/soubor místa je chybný: chyb: \d+$/);
    expect(lines.length).toBeGreaterThan(12);
    const english = /\b(found|expected|an|the|with|each|remove|missing)\b/;
    expect(lines.slice(1).filter((line) => english.test(line))).toEqual([]);
  });

  it.each([
    'profile',
    'ledger',
    'trace',
    'substitute',
    'audit',
    'export',
    'verify',
    'heat',
    'backup',
    'restore',
    'release',
  ])('the help of %s is in Czech, all of it', async (name) => {
    const told: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((part) => told.push(String(part)) > 0);
    await runCommand(['node', 'odecet', ...(name === 'heat' ? ['heat', 'import'] : [name]), '--help', '--lang', 'cs']);
    vi.restoreAllMocks();
    const text = told.join('');
    expect(text).toMatch(/^Použití: odecet /);
    const lines = text.split('\n').slice(1).join(' ').replace(/\s+/g, ' ');
    for (const english of Object.keys(HELP_CZECH))
      if (english.length > 4) expect(lines.includes(` ${english} `), english).toBe(false);
    expect(lines).not.toMatch(/ (the|of|with|and) /);
  });

  it.each([
    [['profile', 'X', '--day', '2026-02-30'], "hodnota '2026-02-30' volby '--day <date>' je neplatná; zadejte datum"],
    [['profile', 'X'], "chybí povinná volba '--config <site.yaml>'"],
    [['trace', '--config', 'x'], "chybí povinný argument 'point'"],
    [['trace', 'X', '2026-03-28T07:00', '--config', 'x'], 'zadejte okamžik s časovým posunem'],
    [['ledger', '--dya', 'x', '--config', 'x'], "neznámá volba '--dya'\n(nemělo to být --day?)"],
    [['heat', 'import', 'a', 'b', '--config', 'x'], 'očekává se 1, zadáno 2'],
  ])('what is wrong in %j is said in Czech', async (words, expected) => {
    const told: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((part) => told.push(String(part)) > 0);
    vi.stubEnv('LC_ALL', 'cs_CZ.UTF-8');
    const before = process.exitCode;
    await runCommand(['node', 'odecet', ...words]);
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    expect(process.exitCode).toBe(2);
    process.exitCode = before;
    const text = told.join('');
    expect(text).toContain(expected);
    expect(text).not.toMatch(/error:|give /);
  });
});
