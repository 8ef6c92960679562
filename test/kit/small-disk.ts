import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small disk of its own in memory, which can be filled. */
export interface SmallDisk {
  readonly folder: string;
  /** @param leftBytes how much room stays, about; by default not one byte */
  fill(leftBytes?: number): void;
  empty(): void;
  remove(): void;
}

const PIECE_BYTES = 4096;

/** Undefined where this user may not mount one. */
export function smallDisk(megabytes: number): SmallDisk | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'odecet-disk-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  if (status !== 0) {
    remove();
    return undefined;
  }
  const filler = join(folder, 'filler');
  return {
    folder,
    fill: (leftBytes = 0) => {
      fill(filler);
      if (leftBytes > 0) truncateSync(filler, statSync(filler).size - leftBytes);
    },
    empty: () => rmSync(filler, { force: true }),
    remove: () => {
      spawnSync('umount', ['--lazy', folder]);
      remove();
    },
  };
}

function fill(file: string): void {
  const handle = openSync(file, 'w');
  const piece = new Uint8Array(PIECE_BYTES);
  try {
    for (;;) writeSync(handle, piece);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(handle);
  }
}
