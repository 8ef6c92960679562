import type { Progress } from '../app/field/scan.ts';

const WIDTH = 30;

/** A bar on the terminal's error output, so that what is printed can be kept; nothing where there is no terminal. */
export function progressBar(): { readonly show: Progress; clear(): void } {
  const { stderr } = process;
  const isTerminal = stderr.isTTY === true;
  return {
    show(share, found) {
      if (!isTerminal) return;
      const done = Math.round(share * WIDTH);
      const bar = `${'#'.repeat(done)}${'.'.repeat(WIDTH - done)}`;
      stderr.write(`\r[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %, ${found} found `);
    },
    clear() {
      if (isTerminal) stderr.write('\r\u001b[K');
    },
  };
}
