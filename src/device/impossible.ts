import { withoutSecrets } from '../core/address-secrets.ts';
import { marketDaySpan } from '../core/calendar.ts';
import { compare, decimal, decimalText, divide, multiply, parseDecimal } from '../core/decimal.ts';
import { CHANNEL_UNIT } from '../core/interval.ts';
import type { Problem } from '../core/problem.ts';
import { convert } from '../core/quantity.ts';
import type { Path, SourceDocument } from '../core/source.ts';
import { HOUR_MS, MINUTE_MS, type Millis, parseUtc } from '../core/time.ts';
import { needs } from './bind-checks.ts';
import type { DeviceModel } from './model.ts';
import type { PointConfig, Site } from './site.ts';
import { bytesKept, intervalMinutes } from './storage-sum.ts';

/**
 * What a sound site file says and what can never come about, or not as it was meant: limits that nothing reaches, rules that
 * never apply, room that is too small. Each key is well in itself; a person should look at the two together.
 */
export function warnOfImpossible(
  site: Site,
  models: ReadonlyMap<string, DeviceModel>,
  document: SourceDocument,
): Problem[] {
  return [
    ...warnOfSampling(site, document),
    ...warnOfHeat(site, document),
    ...warnOfRetention(site, document),
    ...warnOfRoom(site, models, document),
    ...warnOfSecrets(site, document),
    ...site.points.flatMap((point, n) => {
      const path = ['points', n];
      const device = site.devices.findIndex(({ id }) => id === point.device);
      const model = models.get(site.devices[device]?.model ?? '');
      return [
        ...warnOfEstimation(point, path, document),
        ...(model ? warnOfStale(point, model, path, document) : []),
        ...(model ? warnOfRollover(site, point, model, path, document) : []),
        ...warnOfMultiplier(site, point, device, document),
      ];
    }),
  ];
}

/** A day has 25 hours at most, and is closed by the next hour. */
const DAY_MS_MAX: Millis = 26 * HOUR_MS;
const DAY_MS: Millis = 24 * HOUR_MS;

function warnOfSampling({ collect, profile, points, sendAfterMs, storage }: Site, document: SourceDocument): Problem[] {
  const problems: Problem[] = [];
  if (profile.sampleGapMsMax <= collect.everyMs)
    problems.push(
      document.problem(
        ['profile', 'sampleGapMsMax'],
        String(profile.sampleGapMsMax),
        `more than collect.everyMs, ${collect.everyMs}`,
        'no index lies between two samples so far apart: where a reading at the boundary fails, the interval is missing',
      ),
    );
  const shortestMs = Math.min(...points.map(intervalMinutes)) * MINUTE_MS;
  if (profile.clockOffMsMax >= shortestMs)
    problems.push(
      document.problem(
        ['profile', 'clockOffMsMax'],
        String(profile.clockOffMsMax),
        `less than an interval, ${shortestMs}`,
        'a meter whose clock is a whole interval off would be believed',
      ),
    );
  const { samplesDays } = storage.retention;
  if (sendAfterMs + DAY_MS_MAX > samplesDays * DAY_MS)
    problems.push(
      document.problem(
        ['sendAfterMs'],
        String(sendAfterMs),
        `less than the samples of a day are kept (storage.retention.samplesDays, ${samplesDays})`,
        'the samples would be gone when their day is closed',
      ),
    );
  return problems;
}

function warnOfHeat(
  { points, combustionHeat, combustionHeatFile, combustionHeatSource }: Site,
  document: SourceDocument,
): Problem[] {
  const gas = points.findIndex(({ commodity }) => commodity === 'gas');
  const hasHeat = combustionHeat.length > 0 || combustionHeatFile !== undefined || combustionHeatSource !== undefined;
  if (gas < 0 || hasHeat) return [];
  return [
    document.problem(
      ['points', gas, 'commodity'],
      'gas without combustion heat',
      '"combustionHeatSource:", "combustionHeatFile:" or "combustionHeat:"',
      'days of gas wait until "odecet heat import" brings the heat of each',
    ),
  ];
}

/** Runs are looked for as far back as intervals are kept. */
function warnOfRetention({ storage, profile, points }: Site, document: SourceDocument): Problem[] {
  const { intervalsDays } = storage.retention;
  const stated = [
    { path: ['profile', 'validation'], validation: profile.validation },
    ...points.map(({ validation = {} }, n) => ({ path: ['points', n, 'validation'], validation })),
  ];
  return stated.flatMap(({ path, validation }) =>
    (['zeroRunHours', 'estimatedHoursMax'] as const).flatMap((key) => {
      const hours = validation[key];
      if (hours === undefined || hours < intervalsDays * 24) return [];
      const expected = `fewer hours than intervals are kept (storage.retention.intervalsDays, ${intervalsDays})`;
      return [document.problem([...path, key], String(hours), expected, 'so long a run is never seen')];
    }),
  );
}

const MEGA = 1_000_000;

function warnOfRoom(site: Site, models: ReadonlyMap<string, DeviceModel>, document: SourceDocument): Problem[] {
  const { maxBytes } = site.storage;
  const kept = bytesKept(site, models);
  const all = kept.samples + kept.readings + kept.intervals;
  if (all <= maxBytes) return [];
  const mega = (bytes: number) => Math.ceil(bytes / MEGA);
  return [
    document.problem(
      ['storage', 'maxBytes'],
      String(maxBytes),
      `room for what is kept, about ${mega(all)} MB: samples ${mega(kept.samples)}, stored readings ${mega(kept.readings)}, intervals and messages ${mega(kept.intervals)}`,
      'give more, or keep it for fewer days (storage.retention): what is too much goes before its time, samples first',
    ),
  ];
}

function warnOfSecrets({ combustionHeatSource, uplink, sparkplug }: Site, document: SourceDocument): Problem[] {
  const told: readonly (readonly [Path, string | undefined])[] = [
    [['combustionHeatSource', 'url'], combustionHeatSource?.url],
    [['uplink', 'url'], uplink.kind === 'direct' ? uplink.url : undefined],
    [['uplink', 'broker', 'url'], uplink.kind === 'relay' ? uplink.broker.url : undefined],
    [['sparkplug', 'broker', 'url'], sparkplug?.broker.url],
  ];
  return told.flatMap(([path, address = '']) => {
    const { text, masked } = withoutSecrets(address);
    if (masked === 0) return [];
    const advice =
      path[1] === 'broker'
        ? 'say "username:" and "passwordFile:"'
        : 'whoever reads the site file or the log can use it; let another program fetch it into a file (combustionHeatFile:)';
    return [document.problem(path, `"${text}"`, 'an address without names, passwords and keys', advice)];
  });
}

function warnOfEstimation(point: PointConfig, path: Path, document: SourceDocument): Problem[] {
  const { estimation, volume, commodity, validation, conversion } = point;
  const minutes = intervalMinutes(point);
  const isConverted = commodity === 'gas' && volume === 'operating';
  const problems: Problem[] = [];
  if (isConverted && validation?.sumTolerance !== undefined)
    problems.push(
      document.keyProblem(
        [...path, 'validation', 'sumTolerance'],
        '"sumTolerance:" beside "volume: operating"',
        'none',
        'sums of converted volumes are not judged',
      ),
    );
  if (!estimation) {
    if (validation?.estimatedHoursMax === undefined) return problems;
    const at = [...path, 'validation', 'estimatedHoursMax'];
    return [
      ...problems,
      document.keyProblem(at, '"estimatedHoursMax:"', '"estimation:" beside it', 'nothing is estimated'),
    ];
  }
  const { linearMinutesMax, scaled, likeDay } = estimation;
  const at = [...path, 'estimation'];
  if (linearMinutesMax === undefined && !scaled && !likeDay)
    problems.push(
      document.keyProblem(at, '"estimation:" that allows nothing', '"linearMinutesMax:", "scaled:" or "likeDay:"'),
    );
  if (linearMinutesMax !== undefined && linearMinutesMax < minutes)
    problems.push(
      document.problem(
        [...at, 'linearMinutesMax'],
        String(linearMinutesMax),
        `at least one interval, ${minutes}`,
        'no gap is shorter than that',
      ),
    );
  const isFixed = conversion?.pressureKPa !== undefined && conversion.temperatureC !== undefined;
  if (isConverted && !isFixed && (linearMinutesMax !== undefined || scaled))
    problems.push(
      document.keyProblem(
        at,
        '"linearMinutesMax:" or "scaled:" beside "volume: operating"',
        '"pressureKPa:" and "temperatureC:" under "conversion:"',
        'where they are read nobody knows them over a gap, so what passed over it is not divided',
      ),
    );
  return problems;
}

function warnOfStale(point: PointConfig, model: DeviceModel, path: Path, document: SourceDocument): Problem[] {
  if (point.validation?.staleMinutes === undefined) return [];
  const shown = point.commodity === 'gas' ? 'flow.base' : 'power.active';
  const at = [...path, 'validation', 'staleMinutes'];
  if (model.readings.some(({ quantity }) => quantity === shown)) return [];
  const expected = `a device that shows ${shown}`;
  return [
    document.keyProblem(at, `"staleMinutes:", and "${point.device}" does not show ${shown}`, expected, 'remove it'),
  ];
}

/** A counter that may pass its last digit more than once in an interval tells nothing of what was used. */
function warnOfRollover(
  site: Site,
  point: PointConfig,
  model: DeviceModel,
  path: Path,
  document: SourceDocument,
): Problem[] {
  const { multiplier = [] } = site.devices.find(({ id }) => id === point.device) ?? {};
  const ratios = multiplier.map(({ value }) => parseDecimal(value));
  const least = ratios.reduce((a, b) => (compare(a, b) < 0 ? a : b), ratios[0] ?? decimal(1));
  const most = divide(
    multiply(parseDecimal(point.capacity), decimal(intervalMinutes(point) * 12)),
    multiply(least, decimal(600)),
    6,
  );
  const unit = CHANNEL_UNIT[point.commodity === 'gas' ? 'volume' : 'import'];
  return needs(point).quantities.flatMap((quantity) => {
    const spec = model.readings.find((one) => one.quantity === quantity);
    const rollover = spec?.rollsOverAt ? parseDecimal(spec.rollsOverAt) : spec?.digits && decimal(1, spec.digits);
    if (!spec || !rollover || compare(convert(most, unit, spec.unit), rollover) < 0) return [];
    return [
      document.problem(
        [...path, 'capacity'],
        `"${point.capacity}"`,
        `less than ${quantity} counts before it begins anew, ${decimalText(rollover)} ${spec.unit}, in ${intervalMinutes(point)} minutes`,
        'correct the capacity, the multiplier or the digits in the device file',
      ),
    ];
  });
}

function warnOfMultiplier(
  { devices, zone }: Site,
  { code, commodity, from }: PointConfig,
  device: number,
  document: SourceDocument,
): Problem[] {
  const [first] = devices[device]?.multiplier ?? [];
  if (!first || from === undefined) return [];
  if (parseUtc(first.from) <= marketDaySpan(commodity, from, zone).start) return [];
  return [
    document.problem(
      ['devices', device, 'multiplier', 0, 'from'],
      `"${first.from}"`,
      `an instant before ${from} begins, the first day of ${code}`,
      'what is used before the first multiplier has no value',
    ),
  ];
}
