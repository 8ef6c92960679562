import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shiftDay } from '../core/calendar.ts';
import { decimal, decimalText } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import { heatSourceSchema } from '../device/profile-config.ts';
import { hostHttp } from '../host/http.ts';
import { aPoint, aReading, aSite, bench, GAS, gasDay, SILENT } from './app.testkit.ts';
import { readAudit } from './audit-texts.ts';
import { heatSupply, importHeat } from './heat-sources.ts';
import { createHeatPass } from './heat-stage.ts';
import { heatFromAnswer, heatFromCsv } from './heat-table.ts';
import { createProfiler } from './profiler.ts';
import { takeHeat } from './take-heat.ts';

const UNSEEN = async () => {};
const ZONE = 'Europe/Prague';
const NEVER = new AbortController().signal;
const texts = (table: ReadonlyMap<string, Parameters<typeof decimalText>[0]>) =>
  Object.fromEntries([...table].map(([day, heat]) => [day, decimalText(heat)]));

describe('heat that a person brings', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'heat-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is told in the audit log with what each day had before; what says nothing new is not', async () => {
    const { buffer } = await bench(0);
    const take = (text: string, file: string) =>
      takeHeat(buffer, folder, { text: `day;kWhPerM3\n${text}`, file, by: 'J. Novák' }, ZONE, 0);
    await take('2026-06-01;10,6\n2026-06-02;10.7\n', 'june.csv');
    await take('2026-06-02;10.70\n', 'again.csv');
    expect(await take('2026-06-01;10.6\n2026-06-02;10.8\n', 'mended.csv')).toMatchObject({ news: ['2026-06-02'] });
    const said = { at: '1970-01-01T00:00:00Z', what: 'heat', by: 'J. Novák' };
    expect((await buffer.auditLog()).map(({ text }) => readAudit(text))).toEqual([
      {
        ...said,
        file: 'june.csv',
        days: [
          { day: '2026-06-01', value: '10.6' },
          { day: '2026-06-02', value: '10.7' },
        ],
      },
      { ...said, file: 'mended.csv', days: [{ day: '2026-06-02', before: '10.70', value: '10.8' }] },
    ]);
  });

  it('is not taken where the audit log does not take it, where it is wrong, or nobody said who', async () => {
    const { buffer } = await bench(0);
    const order = { text: 'day;kWhPerM3\n2026-06-01;10.6\n', file: 'june.csv', by: 'J. Novák' };
    const full = { keepAudited: async () => Promise.reject(new Error('full')) };
    await expect(takeHeat(full, folder, order, ZONE, 0)).rejects.toThrow('full');
    await expect(takeHeat(buffer, folder, { ...order, by: '' }, ZONE, 0)).rejects.toThrow('a name is needed');
    const wrong = { ...order, text: 'day;kWhPerM3\n2026-06-01;38.6\n' };
    await expect(takeHeat(buffer, folder, wrong, ZONE, 0)).rejects.toThrow('june.csv, line 2');
    expect(await readdir(folder)).toEqual([]);
    expect(await buffer.auditLog()).toEqual([]);
  });
});

describe('a table of combustion heat', () => {
  it('is read with semicolons and decimal commas, or with commas and decimal points', () => {
    const expected = { '2026-06-01': '10.6649', '2026-06-02': '10.70' };
    expect(texts(heatFromCsv('\ufeffday;kWhPerM3\n2026-06-01;10,6649\n2026-06-02;10.70\n', 'f', ZONE))).toEqual(
      expected,
    );
    expect(texts(heatFromCsv('kWhPerM3,day\n10.6649,2026-06-01\n10.70,2026-06-02\n', 'f', ZONE))).toEqual(expected);
  });

  it.each([
    ['day;heat\n2026-06-01;10\n', 'f, line 2: expected the columns "day" and "kWhPerM3"'],
    ['day;kWhPerM3\n1.6.2026;10\n', 'f, line 2: "1.6.2026" is no gas day'],
    ['day;kWhPerM3\n2026-06-31;10\n', '"2026-06-31" is no gas day'],
    ['day;kWhPerM3\n2026-06-01;38.4\n', '"38.4" is no combustion heat in kWh/m3'],
    ['day;kWhPerM3\n2026-06-01;-10\n', '"-10" is no combustion heat'],
    ['day;kWhPerM3\n2026-06-01;10\n2026-06-01;11\n', 'f, line 3: 2026-06-01 stands here twice'],
    ['day;kWhPerM3\n2026-06-01\n', 'f: '],
    ['day;kWhPerM3\n\n2026-06-01;38.4\n', 'f, line 3: "38.4"'],
    ['day;kWhPerM3\n2026-06-01Tmorning;10\n', '"2026-06-01Tmorning" is no gas day'],
  ])('that is wrong says where: %j', (text, what) => {
    expect(() => heatFromCsv(text, 'f', ZONE)).toThrow(OdecetError);
    expect(() => heatFromCsv(text, 'f', ZONE)).toThrow(what);
  });

  it.each([
    ['2026-06-01T06:00:00+02:00', '2026-06-01'],
    ['2026-06-01T04:00:00Z', '2026-06-01'],
    ['2026-05-31T22:00:00Z', '2026-06-01'],
    ['2026-03-28T23:00:00.000Z', '2026-03-29'],
  ])('means the local date of an instant: %s', (text, day) => {
    expect([...heatFromCsv(`day;kWhPerM3\n${text};10\n`, 'f', ZONE).keys()]).toEqual([day]);
  });

  it('is found in the answer of a web service by the mapping of the site file', () => {
    const source = heatSourceSchema.parse({
      url: 'http://x/',
      format: 'json',
      list: 'data.days',
      day: 'gasDay',
      value: 'flueGasHeat',
    });
    const answer = JSON.stringify({
      data: {
        days: [
          { gasDay: '2026-06-01T06:00:00+02:00', flueGasHeat: 10.6649, note: null },
          // Not known yet: no reason to refuse the days that are.
          { gasDay: '2026-06-02T06:00:00+02:00', flueGasHeat: null },
        ],
      },
    });
    expect(texts(heatFromAnswer(answer, source, ZONE))).toEqual({ '2026-06-01': '10.6649' });
    for (const wrong of ['no json', '{}', '{"data":{"days":[{"gasDay":"2026-06-01"}]}}'])
      expect(() => heatFromAnswer(wrong, source, ZONE)).toThrow(OdecetError);
  });
});

describe('the sources', () => {
  const DAY = gasDay('2026-06-01');
  let folder: string;
  let server: Server;
  let answers: string[];
  let asked: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'heat-'));
    answers = [];
    asked = 0;
    server = createServer((_, response) => {
      asked += 1;
      const body = answers.shift();
      response.writeHead(body === undefined ? 503 : 200).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });

  async function open(changes: Record<string, unknown>) {
    const site = aSite(changes);
    const made = await bench(DAY.end + HOUR_MS);
    const http = hostHttp({ trustPem: [] });
    const supply = heatSupply({
      site,
      folder,
      stateFolder: join(folder, 'state'),
      clock: made.clock,
      log: SILENT,
      http,
    });
    const known = (day = '2026-06-01') => {
      const heat = supply.on(day);
      return heat && decimalText(heat);
    };
    return { ...made, site, supply, known };
  }
  const address = () => server.address() as { port: number };
  const source = () => ({
    url: `http://127.0.0.1:${address().port}/heat`,
    format: 'csv',
    day: 'day',
    value: 'heat',
    everyMinutes: 30,
  });

  it('stand in order: site file, import, file, web service', async () => {
    const { supply, known } = await open({
      combustionHeatFile: 'heat.csv',
      combustionHeatSource: source(),
      combustionHeat: [{ day: '2026-05-31', kWhPerM3: '10.9' }],
    });
    answers.push('day;heat\n2026-06-01;10.1\n2026-05-31;10.1\n');
    await supply.refresh(NEVER);
    expect([known(), known('2026-05-31')]).toEqual(['10.1', '10.9']);
    await writeFile(join(folder, 'heat.csv'), 'day;kWhPerM3\n2026-06-01;10.2\n');
    await supply.refresh(NEVER);
    expect(known()).toBe('10.2');
    await importHeat(join(folder, 'state'), heatFromCsv('day;kWhPerM3\n2026-06-01;10.3\n', 'f', ZONE), UNSEEN);
    await supply.refresh(NEVER);
    expect(known()).toBe('10.3');
  });

  it.each([
    ['a digit of it', (text: string) => text.replace('10.3', '10.7')],
    ['its day', (text: string) => text.replace('2026-06-01', '2026-06-05')],
    ['its heading', (text: string) => text.replace('kWhPerM3', 'kWhPerM5')],
  ])(
    'what was imported and is damaged is not believed, nor does the web service speak in its place: %s',
    async (_, damage) => {
      const first = await open({ combustionHeatSource: source() });
      answers.push('day;heat\n2026-06-01;10.1\n');
      await first.supply.refresh(NEVER);
      await importHeat(join(folder, 'state'), heatFromCsv('day;kWhPerM3\n2026-06-01;10.3\n', 'f', ZONE), UNSEEN);
      const file = join(folder, 'state', 'combustion-heat.csv');
      await writeFile(file, damage(await readFile(file, 'utf8')));
      await first.supply.refresh(NEVER);
      expect(first.known()).toBe('10.1');
      const { supply, known } = await open({ combustionHeatSource: source() });
      await supply.refresh(NEVER);
      expect([known(), known('2026-06-05'), supply.days()]).toEqual([undefined, undefined, []]);
      await rm(file);
      await supply.refresh(NEVER);
      expect(known()).toBe('10.1');
    },
  );

  it('a file is read again when it changes; one that is broken keeps what was known', async () => {
    const { supply, known } = await open({ combustionHeatFile: 'heat.csv' });
    const file = join(folder, 'heat.csv');
    await supply.refresh(NEVER);
    expect(known()).toBeUndefined();
    for (const [text, expected] of [
      ['day;kWhPerM3\n2026-06-01;10.2\n', '10.2'],
      ['day;kWhPerM3\n2026-06-', '10.2'],
      ['day;kWhPerM3\n2026-06-01;10.4\n', '10.4'],
    ] as const) {
      await writeFile(file, text);
      await supply.refresh(NEVER);
      expect(known()).toBe(expected);
    }
  });

  it('a web service is asked at its pace, only for days that are not known, and remembered over a restart', async () => {
    const { supply, known, clock } = await open({ combustionHeatSource: source() });
    await supply.refresh(NEVER);
    await supply.refresh(NEVER);
    expect([asked, known()]).toEqual([1, undefined]);
    clock.stepWall(30 * MINUTE_MS);
    const days = Array.from({ length: 10 }, (_, n) => shiftDay('2026-06-01', -n));
    answers.push(`day;heat\n${days.map((day) => `${day};10.5`).join('\n')}\n`);
    await supply.refresh(NEVER);
    expect([asked, known()]).toEqual([2, '10.5']);
    clock.stepWall(30 * MINUTE_MS);
    await supply.refresh(NEVER);
    expect(asked).toBe(2);
    const again = await open({ combustionHeatSource: source() });
    await again.supply.refresh(NEVER);
    expect([asked, again.known()]).toEqual([2, '10.5']);
  });

  it('a web service that corrects a day is believed the next time it is asked', async () => {
    const { supply, known, clock } = await open({ combustionHeatSource: source() });
    answers.push('day;heat\n2026-06-01;10.5\n', 'day;heat\n2026-06-01;10.7\n2026-05-31;10.6\n');
    await supply.refresh(NEVER);
    expect(known()).toBe('10.5');
    clock.stepWall(30 * MINUTE_MS);
    await supply.refresh(NEVER);
    expect([known(), known('2026-05-31')]).toEqual(['10.7', '10.6']);
  });

  it('make the energies of a day when its heat comes, and again when it changes, also over a restart', async () => {
    const { site, buffer, clock, supply } = await open({});
    const point = aPoint();
    const readings = [...cut(DAY, 60).map(({ start }) => start), DAY.end].map((at, n) =>
      aReading(at, decimal(1_000 + n)),
    );
    await buffer.keepRound(readings);
    const profiler = createProfiler({ site, points: [point], buffer, clock, heatOn: supply.on });
    await profiler.follow();
    const parts = { site, supply, profiler, buffer, clock, log: SILENT };
    const pass = createHeatPass(parts);
    const energies = async () =>
      (await buffer.intervals(GAS, 'energy', DAY)).map(({ version, value }) => `${version}: ${decimalText(value!)}`);
    await pass(NEVER);
    expect(await energies()).toEqual([]);
    await importHeat(join(folder, 'state'), heatFromCsv('day;kWhPerM3\n2026-06-01;10.3\n', 'f', ZONE), UNSEEN);
    await pass(NEVER);
    expect(await energies()).toEqual(Array(24).fill('1: 10.3'));
    await importHeat(join(folder, 'state'), heatFromCsv('day;kWhPerM3\n2026-06-01;10.4\n', 'f', ZONE), UNSEEN);
    // The program was not there when it changed.
    await createHeatPass(parts)(NEVER);
    expect(await energies()).toEqual(Array(24).fill('2: 10.4'));
    await createHeatPass(parts)(NEVER);
    expect(await energies()).toEqual(Array(24).fill('2: 10.4'));
  });
});
