import type { MendedRow } from './store.ts';

/** What a store mended, told to whoever listens; kept until somebody does. */
export function createMended() {
  const untold: MendedRow[] = [];
  let listener: ((row: MendedRow) => void) | undefined;
  return {
    tell(rows: readonly MendedRow[]): void {
      if (listener) rows.forEach(listener);
      else untold.push(...rows);
    },
    listen(tell: (row: MendedRow) => void): void {
      listener = tell;
      untold.splice(0).forEach(tell);
    },
  };
}
