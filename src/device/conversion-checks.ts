import { compare, parseDecimal, ZERO } from '../core/decimal.ts';
import type { Problem } from '../core/problem.ts';
import type { Path, SourceDocument } from '../core/source.ts';
import type { DeviceModel } from './model.ts';
import type { PointConfig } from './site.ts';

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
  for (const key of ['ratio', 'pressureKPa'] as const) {
    const text = conversion[key];
    if (text !== undefined && compare(parseDecimal(text), ZERO) <= 0)
      problems.push(document.problem([...at, key], `"${text}"`, 'more than zero'));
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
