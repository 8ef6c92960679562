import { compare, decimal, parseDecimal } from '../core/decimal.ts';
import type { Problem } from '../core/problem.ts';
import type { Path, SourceDocument } from '../core/source.ts';
import type { DeviceModel } from './model.ts';
import type { PointConfig } from './site.ts';

/** What gas in a pipe can have, both included: a figure in bar, kelvin or per cent does not pass for it. SGERG-88 holds up to 12 MPa. */
const FIGURES = [
  { key: 'ratio', least: decimal(5, -1), most: decimal(15, -1), expected: 'a ratio K = Z / Zb, 0.5 to 1.5' },
  {
    key: 'pressureKPa',
    least: decimal(50),
    most: decimal(12_000),
    expected: 'an absolute pressure in kPa, 50 to 12000',
  },
  { key: 'temperatureC', least: decimal(-60), most: decimal(100), expected: 'a gas temperature in °C, -60 to 100' },
] as const;

/** Whether a point says all that the conversion of its operating volume needs, and nothing that it does not use. */
export function judgeConversion({ volume, conversion }: PointConfig, path: Path, document: SourceDocument): Problem[] {
  if (volume !== 'operating') {
    const why = 'the corrector gives a base volume; say "volume: operating" where it does not';
    return conversion ? [document.keyProblem([...path, 'conversion'], '"conversion:"', 'none', why)] : [];
  }
  if (!conversion) {
    const expected = '"conversion:" beside "volume: operating"';
    return [document.problem([...path, 'volume'], 'an operating volume that nothing converts', expected)];
  }
  const at = [...path, 'conversion'];
  const wanted = conversion.method === 'fixed' ? 'ratio' : 'gas';
  const idle = conversion.method === 'fixed' ? 'gas' : 'ratio';
  const problems: Problem[] = [];
  if (conversion[wanted] === undefined)
    problems.push(document.problem(at, `no "${wanted}:"`, `"${wanted}:" for the method "${conversion.method}"`));
  if (conversion[idle] !== undefined)
    problems.push(document.keyProblem([...at, idle], `"${idle}:"`, `none for "${conversion.method}"`, 'remove it'));
  for (const { key, least, most, expected } of FIGURES) {
    const text = conversion[key];
    if (text === undefined) continue;
    const value = parseDecimal(text);
    if (compare(value, least) < 0 || compare(value, most) > 0)
      problems.push(document.problem([...at, key], `"${text}"`, expected));
  }
  return problems;
}

/** Pressure and temperature come from the device or from the site file. */
export function judgeGasState(
  path: Path,
  { volume, conversion, device }: PointConfig,
  model: DeviceModel,
  document: SourceDocument,
): Problem[] {
  if (volume !== 'operating' || !conversion) return [];
  const states = [
    ['pressure', 'pressureKPa'],
    ['temperature', 'temperatureC'],
  ] as const;
  return states
    .filter(
      ([quantity, key]) => conversion[key] === undefined && !model.readings.some((one) => one.quantity === quantity),
    )
    .map(([quantity, key]) =>
      document.problem(
        [...path, 'conversion'],
        `no ${quantity}: the device "${device}" does not read it`,
        `"${key}:" here, or a reading of ${quantity} in the device file`,
      ),
    );
}
