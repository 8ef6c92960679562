import type { Progress } from '../app/field/scan.ts';
import type { Say } from '../core/say.ts';

const WIDTH = 30;
/** Before this nothing can be said of the time that is left. */
const SHARE_TOLD_FROM = 0.02;

/** A bar on the terminal's error output, so that what is printed can be kept; nothing where there is no terminal. */
export function progressBar(say: Say): { readonly show: Progress; clear(): void } {
  const { stderr } = process;
  const isTerminal = stderr.isTTY === true;
  const startedAt = performance.now();
  const left = (share: number): string => {
    if (share < SHARE_TOLD_FROM || share >= 1) return '';
    const seconds = ((performance.now() - startedAt) / 1_000) * (1 / share - 1);
    return seconds < 90 ? say`, ${Math.ceil(seconds)} s left` : say`, ${Math.ceil(seconds / 60)} min left`;
  };
  return {
    show(share, found) {
      if (!isTerminal) return;
      const done = Math.round(share * WIDTH);
      const bar = `${'#'.repeat(done)}${'.'.repeat(WIDTH - done)}`;
      const percent = String(Math.floor(share * 100)).padStart(3);
      stderr.write(`\r[${bar}] ${percent} %, ${say`${found} found`}${left(share)}   `);
    },
    clear() {
      if (isTerminal) stderr.write('\r\u001b[K');
    },
  };
}
