import { Temporal } from 'temporal-polyfill';
import { isCombustionHeat } from '../core/combustion-heat.ts';
import { compare, type Decimal, isNegative, parseDecimal, ZERO } from '../core/decimal.ts';
import { choice, didYouMean } from '../core/guess.ts';
import { eicCheckCharacter, gs1CheckDigit } from '../core/identifier.ts';
import type { Problem } from '../core/problem.ts';
import type { Path, SourceDocument } from '../core/source.ts';
import { parseUtc } from '../core/time.ts';
import { judgeConversion } from './conversion-checks.ts';
import { judgeLines } from './line-checks.ts';
import { judgeInstant } from './model-checks.ts';
import type { Entry, SiteParts } from './parts.ts';
import type { ValidationConfig } from './profile-config.ts';
import type { DeviceConfig, LineConfig, PointConfig } from './site.ts';
import { zoneProblem } from './zone.ts';

export interface Verdict {
  readonly problems: readonly Problem[];
  /** What may be meant so, but a person should look at. */
  readonly warnings: readonly Problem[];
}

/** What can be said of a site file without looking into the device files: names, addresses, dates, market codes. */
export function judgeSite(parts: SiteParts, document: SourceDocument): Verdict {
  const codes = [...parts.points.flatMap((point) => judgePointCode(point, document))];
  const participants = parts.participants.map((participant) => judgeParticipant(participant, document));
  return {
    problems: [
      ...judgeTwice(parts.lineIds, 'each line its own id', document),
      ...judgeTwice(parts.deviceIds, 'each device its own id', document),
      ...judgeTwice(parts.pointCodes, 'each point once', document),
      ...judgeTwice(parts.heatDays, 'each gas day once', document),
      ...judgeZone(parts, document),
      ...judgeLines(parts, document),
      ...judgeAddresses(parts, document),
      ...parts.devices.flatMap((device) => judgeMultiplier(device, document)),
      ...judgeHeat(parts, document),
      ...judgeTolerance(parts.validation, ['profile', 'validation'], document),
      ...codes,
      ...parts.points.flatMap((point) => judgePoint(point, parts, document)),
      ...participants.flatMap(({ problems }) => problems),
    ],
    warnings: [
      ...participants.flatMap(({ warnings }) => warnings),
      ...parts.points.flatMap((point) => judgeIdleKeys(point, document)),
      ...judgeIdle(parts, document),
    ],
  };
}

function judgeTwice(names: readonly Entry<string>[], expected: string, document: SourceDocument): Problem[] {
  const seen = new Set<string>();
  return names.flatMap(({ path, value }) => {
    if (seen.has(value)) return [document.problem(path, `"${value}" a second time`, expected, 'change one of the two')];
    seen.add(value);
    return [];
  });
}

function judgeZone({ zone }: SiteParts, document: SourceDocument): Problem[] {
  if (zone === undefined) return [];
  const problem = zoneProblem(zone.value);
  return problem ? [document.problem(zone.path, `"${zone.value}"`, ...problem)] : [];
}

function judgeAddresses({ lines, devices, lineIds }: SiteParts, document: SourceDocument): Problem[] {
  const seen = new Map<string, string>();
  return devices.flatMap(({ path, value }) => {
    const known = lineIds.map((line) => line.value);
    if (!known.includes(value.line)) {
      const advice = didYouMean(value.line, known, 'name the line under "lines:"');
      return [document.problem([...path, 'line'], `"${value.line}"`, `a line of this site: ${choice(known)}`, advice)];
    }
    const address = value.secondary ?? value.address;
    const place = `${value.line} ${address}`.toLowerCase();
    const other = seen.get(place);
    seen.set(place, other ?? value.id);
    if (other !== undefined) {
      const found = `${address}, which the device "${other}" has on the line "${value.line}"`;
      return [document.problem([...path, 'address'], found, 'an address of its own for every device of a line')];
    }
    const framing = lines.find((line) => line.value.id === value.line)?.value.framing;
    if (framing === undefined) return [];
    return value.secondary === undefined
      ? judgeAddress(value.address, framing, [...path, 'address'], document)
      : judgeSecondary(value, framing, path, document);
  });
}

/** EN 13757-3: a meter selected by its secondary address is spoken to at 253. */
function judgeSecondary(
  { address }: DeviceConfig,
  framing: LineConfig['framing'],
  path: Path,
  document: SourceDocument,
): Problem[] {
  if (framing !== 'mbus')
    return [document.keyProblem([...path, 'secondary'], '"secondary:"', 'none: only M-Bus has it', 'remove it')];
  if (address === 253) return [];
  const advice = 'or remove "secondary:"';
  return [document.problem([...path, 'address'], String(address), '253 beside "secondary:"', advice)];
}

function judgeAddress(
  address: number,
  framing: LineConfig['framing'],
  path: Path,
  document: SourceDocument,
): Problem[] {
  if (framing === 'mbus') {
    // EN 13757-2: 251 and 252 are reserved, 253 is for selected meters, 254 and 255 are for all.
    if (address <= 250) return [];
    return [
      document.problem(
        path,
        String(address),
        'an M-Bus address from 0 to 250',
        'read it from the meter, or give 253 and its "secondary:"',
      ),
    ];
  }
  // A Modbus TCP device that has no unit number listens to 255, see the Modbus messaging guide for TCP.
  if ((address >= 1 && address <= 247) || (framing === 'modbus-tcp' && address === 255)) return [];
  const expected = `a Modbus address from 1 to 247${framing === 'modbus-tcp' ? ', or 255' : ''}`;
  return [document.problem(path, String(address), expected, 'read it from the meter')];
}

function judgeMultiplier({ path, value }: Entry<DeviceConfig>, document: SourceDocument): Problem[] {
  const problems: Problem[] = [];
  let before: { readonly at: number; readonly text: string } | undefined;
  value.multiplier.forEach((step, n) => {
    const at = [...path, 'multiplier', n];
    problems.push(...judgePositive(step.value, [...at, 'value'], document));
    const wrong = judgeInstant(step.from, [...at, 'from'], document);
    problems.push(...wrong);
    if (wrong.length > 0) return;
    const instant = parseUtc(step.from);
    if (before !== undefined && instant <= before.at)
      problems.push(
        document.problem([...at, 'from'], `"${step.from}"`, `an instant after ${before.text}`, 'oldest first'),
      );
    before = { at: instant, text: step.from };
  });
  return problems;
}

function judgeHeat({ heat }: SiteParts, document: SourceDocument): Problem[] {
  return heat.flatMap(({ path, value }) => [
    ...(isDay(value.day) ? [] : [document.problem([...path, 'day'], `"${value.day}"`, 'a day that exists')]),
    ...(isCombustionHeat(parseDecimal(value.kWhPerM3))
      ? []
      : [document.problem([...path, 'kWhPerM3'], `"${value.kWhPerM3}"`, 'kWh/m3, 5 to 15', 'MJ/m3 divided by 3.6')]),
  ]);
}

function isDay(text: string): boolean {
  try {
    Temporal.PlainDate.from(text, { overflow: 'reject' });
    return true;
  } catch {
    return false;
  }
}

function judgePositive(text: string, path: Path, document: SourceDocument): Problem[] {
  const value: Decimal = parseDecimal(text);
  return compare(value, ZERO) > 0 ? [] : [document.problem(path, `"${text}"`, 'more than zero')];
}

function judgePoint({ path, value }: Entry<PointConfig>, parts: SiteParts, document: SourceDocument): Problem[] {
  const problems = judgePositive(value.capacity, [...path, 'capacity'], document);
  if (value.from !== undefined && !isDay(value.from))
    problems.push(document.problem([...path, 'from'], `"${value.from}"`, 'a day that exists'));
  problems.push(...judgeTolerance(value.validation, [...path, 'validation'], document));
  const known = parts.deviceIds.map((device) => device.value);
  if (!known.includes(value.device)) {
    const advice = didYouMean(value.device, known, 'name the device under "devices:"');
    const expected = `a device of this site: ${choice(known)}`;
    problems.push(document.problem([...path, 'device'], `"${value.device}"`, expected, advice));
  }
  if (!parts.markets.includes(value.commodity)) {
    const expected = `"market.${value.commodity}:" with sender, receiver and pack`;
    problems.push(document.problem([...path, 'commodity'], `"${value.commodity}"`, expected, 'add it under "market:"'));
  }
  if (value.commodity === 'gas') problems.push(...judgeConversion(value, path, document));
  if (value.commodity === 'electricity' && value.channels.length === 0)
    problems.push(document.problem([...path, 'channels'], 'an empty list', '"import", "export" or both'));
  if (new Set(value.channels).size < value.channels.length)
    problems.push(
      document.problem([...path, 'channels'], 'a channel twice', 'each channel once', 'change one of the two'),
    );
  return problems;
}

/** Below zero a sum that is exact would be told. */
function judgeTolerance(validation: ValidationConfig | undefined, path: Path, document: SourceDocument): Problem[] {
  const tolerance = validation?.sumTolerance;
  if (tolerance === undefined || !isNegative(parseDecimal(tolerance))) return [];
  return [document.problem([...path, 'sumTolerance'], `"${tolerance}"`, 'zero or more')];
}

function judgePointCode({ path, value }: Entry<PointConfig>, document: SourceDocument): Problem[] {
  const wrong = value.commodity === 'gas' ? eicFault(value.code) : gs1Fault(value.code, 18);
  return wrong ? [document.problem([...path, 'code'], `"${value.code}"`, wrong.expected, wrong.advice)] : [];
}

/** The code of a company with a wrong check digit does exist in practice, so that alone only warns. */
function judgeParticipant(
  { path, value }: Entry<{ id: string; codingScheme: '14' | '15' }>,
  document: SourceDocument,
): Verdict {
  const wrong = value.codingScheme === '15' ? eicFault(value.id) : gs1Fault(value.id, 13);
  if (!wrong) return { problems: [], warnings: [] };
  const problem = document.problem([...path, 'id'], `"${value.id}"`, wrong.expected, wrong.advice);
  return wrong.shape ? { problems: [problem], warnings: [] } : { problems: [], warnings: [problem] };
}

/** `shape`: not even a code of this kind; otherwise only the check character does not fit. */
interface CodeFault {
  readonly shape: boolean;
  readonly expected: string;
  readonly advice: string;
}

function eicFault(code: string): CodeFault | undefined {
  if (!/^[0-9A-Z-]{15}[0-9A-Z]$/.test(code))
    return { shape: true, expected: 'an EIC of 16 characters (capitals, digits, "-")', advice: count(code) };
  const check = eicCheckCharacter(code.slice(0, 15));
  return check === code[15] ? undefined : checkFault('an EIC', check);
}

function gs1Fault(code: string, length: 13 | 18): CodeFault | undefined {
  if (!/^\d+$/.test(code) || code.length !== length)
    return { shape: true, expected: `an EAN of ${length} digits`, advice: count(code) };
  const check = gs1CheckDigit(code.slice(0, -1));
  return check === code.at(-1) ? undefined : checkFault('an EAN', check);
}

function count(code: string): string {
  return `it has ${code.length} characters; copy it from the contract`;
}

function checkFault(kind: string, check: string | undefined): CodeFault {
  const last = check === undefined ? 'no such code can end well' : `these would end in "${check}"`;
  return {
    shape: false,
    expected: `${kind} whose last character checks the others (${last})`,
    advice: 'a character is mistyped; copy it from the contract',
  };
}

/** Keys that a gas point may carry but that do nothing there, and the other way round. */
function judgeIdleKeys({ path, value }: Entry<PointConfig>, document: SourceDocument): Problem[] {
  const idle = value.commodity === 'gas' ? ['channels', 'minutes'] : ['volume', 'conversion'];
  const why = value.commodity === 'gas' ? 'gas is hourly and has one direction' : 'only gas has volume counters';
  return idle
    .map((key) => [...path, key])
    .filter((at) => document.has(at))
    .map((at) => document.keyProblem(at, `"${at.at(-1)}:" on a ${value.commodity} point`, 'no such key', why));
}

function judgeIdle(parts: SiteParts, document: SourceDocument): Problem[] {
  const idleLines = parts.lines.filter(({ value }) => !parts.linesUsed.some((line) => line.value === value.id));
  const idleDevices = parts.devices.filter(({ value }) => !parts.devicesUsed.some((used) => used.value === value.id));
  return [
    ...idleLines.map(({ path, value }) =>
      document.problem([...path, 'id'], `the line "${value.id}" without devices`, 'a device on every line'),
    ),
    ...idleDevices.map(({ path, value }) =>
      document.problem(
        [...path, 'id'],
        `the device "${value.id}" that measures no point`,
        'a point for every device',
        'it is read and kept, but nothing of it is sent',
      ),
    ),
  ];
}
