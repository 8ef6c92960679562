import { open } from 'node:fs/promises';
import { OdecetError } from '../core/failure.ts';

/** A file that a command keeps something in; it is never written over another. Throws OdecetError usage. */
export async function openNew(file: string) {
  try {
    return await open(file, 'wx');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError('usage', `${file}: ${why}; give the name of a new file`, { cause });
  }
}
