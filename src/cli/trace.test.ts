import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { aReading, gasDay, SILENT } from '../app/app.testkit.ts';
import { INSTALLED_FILE } from '../app/installed.ts';
import { planPoints } from '../app/plan.ts';
import { createProfiler } from '../app/profiler.ts';
import { loadSite } from '../app/site-files.ts';
import { openState, stateFolder } from '../app/state.ts';
import { decimal } from '../core/decimal.ts';
import { cut } from '../core/schedule.ts';
import { MINUTE_MS } from '../core/time.ts';
import { changed, GAS_MODEL, POWER_MODEL, SITE } from '../device/site.testkit.ts';
import { hostClock } from '../host/clock.ts';
import { runCommand } from './program.ts';

const GAS = '27ZG500Z00000019';
const DAY = '2026-07-01';
const OPERATING = `capacity: "400"
    volume: operating
    conversion:
      method: sgerg-88
      gas: { superiorHeatMJ: 40.66, relativeDensity: 0.581, carbonDioxide: 0.006, hydrogen: 0 }
      temperatureC: "-3.15"`;
const PULSES = 'multiplier: [{ from: "2026-01-01T00:00:00Z", value: "2.5" }]';
let folder: string;
let config: string;

/** A corrector that gives its operating volume and its pressure, 60 bar and now and then a little more. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-'));
  config = join(folder, 'site.yaml');
  await mkdir(join(folder, 'device-config', 'test'), { recursive: true });
  const model = GAS_MODEL.replaceAll('volume.base.total', 'volume.operating.total');
  const pressure = `readings:
  - quantity: pressure
    unit: kPa
    kind: instantaneous
    modbus: { table: holding, block: current, offset: 2, type: u32 }
`;
  const shown = ['"0000 0001"', '"0000 0001 0000 0002"'] as const;
  await writeFile(
    join(folder, 'device-config', 'test', 'corrector.yaml'),
    changed(model, ['readings:\n', pressure], shown),
  );
  await writeFile(join(folder, 'device-config', 'test', 'meter.yaml'), POWER_MODEL);
  const packs = [
    ['pack: gas-day', 'pack: ote/gasdat'],
    ['pack: electricity-day', 'pack: ote/cdsdata'],
  ] as const;
  const pulses = ['blocks: { current: 100 }', `blocks: { current: 100 }\n    ${PULSES}`] as const;
  await writeFile(config, changed(SITE, ...packs, pulses, ['capacity: "400"', OPERATING]));
  const loaded = loadSite(config);
  const state = await openState(loaded, hostClock(), SILENT, 'gateway');
  const hours = cut(gasDay(DAY), 60);
  const device = { device: 'corrector', source: 'sampled', raw: '00c0ffee' } as const;
  const volume = { ...device, quantity: 'volume.operating.total' } as const;
  const edges = [...hours.map(({ start }) => start), hours.at(-1)!.end];
  await state.buffer.keepRound([
    ...edges.map((at, n) => aReading(at, decimal(100_000 + n * 1_500, -3), volume)),
    ...hours.flatMap(({ start }) =>
      [15, 45].map((minute) =>
        aReading(start + minute * MINUTE_MS, decimal(59_900 + minute * 4, -1), {
          ...device,
          quantity: 'pressure',
          kind: 'instantaneous',
          unit: 'kPa',
        }),
      ),
    ),
  ]);
  const points = planPoints(loaded.site, loaded.devices);
  const profiler = createProfiler({ site: loaded.site, points, buffer: state.buffer, clock: hostClock() });
  await profiler.finish(points[0]!, gasDay(DAY));
  await state.close();
  await writeFile(join(stateFolder(loaded), INSTALLED_FILE), '2025-10-24T12:00:00Z\n');
}, 30_000);
afterAll(() => rm(folder, { recursive: true }));

let printed: string;
beforeEach(() => {
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

async function trace(...words: string[]): Promise<string> {
  printed = '';
  await runCommand(['node', 'odecet', 'trace', GAS, '2026-07-01T06:30+02:00', ...words, '--config', config]);
  return printed;
}

it('an hour that was converted tells with what, in volume and energy', async () => {
  const text = await trace('--lang', 'en');
  const lines = [
    'times the multiplier 2.5',
    'operating volume converted with p 6002.0000 kPa (mean of 2 readings), t -3.15 °C (as the site file states), K 0.84261 (sgerg-88)',
    'to base conditions of 101.325 kPa and 15 °C',
    'of a gas with 40.66 MJ/m3, relative density 0.581, CO2 0.006, H2 0',
  ];
  for (const line of lines) expect(text.split('\n').filter((one) => one.trim() === line)).toHaveLength(2);
  const czech = await trace('--lang', 'cs');
  expect(czech).toContain(
    'provozní objem přepočten s p 6002.0000 kPa (průměr čtení: 2), t -3.15 °C (podle souboru místa), K 0.84261 (SGERG-88)',
  );
  expect(czech).toContain('krát násobitel 2.5');
  expect(czech).toContain('na vztažné podmínky 101.325 kPa a 15 °C');
  expect(czech).toContain('plyn: 40.66 MJ/m3, relativní hustota 0.581');
});

it('JSON has the same', async () => {
  const { channels } = JSON.parse(await trace('--json'));
  expect(channels[0].versions[0]).toMatchObject({
    quality: 'computed',
    multiplier: '2.5',
    conversion: {
      method: 'sgerg-88',
      pressureKPa: '6002.0000',
      pressureReadings: 2,
      temperatureC: '-3.15',
      temperatureReadings: 0,
      ratio: '0.84261',
      gas: { superiorHeatMJ: 40.66, relativeDensity: 0.581, carbonDioxide: 0.006, hydrogen: 0 },
      base: { pressureKPa: '101.325', temperatureC: '15' },
    },
  });
});
