import { choice } from '../core/guess.ts';
import type { Problem } from '../core/problem.ts';
import { QUANTITIES, UNITS } from '../core/quantity.ts';
import type { Path, SourceDocument } from '../core/source.ts';
import type { ReadingSpec } from './model.ts';

/** Whether the unit is one of the quantity's. */
export function judgeUnit(
  { quantity, unit }: Pick<ReadingSpec, 'quantity' | 'unit'>,
  path: Path,
  document: SourceDocument,
): Problem[] {
  const { dimension } = QUANTITIES[quantity];
  if (UNITS[unit].dimension === dimension) return [];
  const units = Object.entries(UNITS).filter(([, entry]) => entry.dimension === dimension);
  const expected = `a unit of ${dimension}: ${choice(units.map(([name]) => name))}`;
  return [document.problem([...path, 'unit'], `"${unit}" for ${quantity}`, expected)];
}
