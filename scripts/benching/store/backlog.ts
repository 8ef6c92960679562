import type { Figure } from '../figure.ts';
export function backlogFigures(_days: number): readonly (() => Promise<Figure>)[] {
  return [];
}
