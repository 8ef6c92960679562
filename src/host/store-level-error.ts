import { OdecetError } from '../core/failure.ts';

/** What classic-level and the file system say, in the words of the failure catalogue. */

export function openError(folder: string, error: unknown): OdecetError {
  const chain = causes(error);
  const text = chain.map((each) => each.message).join(': ');
  const codes = chain.map(codeOf);
  const as = (
    code: 'store-locked' | 'store-damaged' | 'store-missing' | 'store-full' | 'store-unreadable',
    hint: string,
  ) => new OdecetError(code, `${folder}: ${hint} (${text})`, { cause: error });
  if (codes.includes('LEVEL_LOCKED')) return as('store-locked', 'stop the other process first');
  if (isFull(text)) return as('store-full', 'make room on the disk');
  if (text.includes('does not exist')) return as('store-missing', 'it was there a moment ago');
  if (codes.includes('LEVEL_CORRUPTION'))
    return as('store-damaged', 'a gateway keeps a copy and repairs its store at its start; else restore a backup');
  return as('store-unreadable', 'look at the folder, its owner and the disk');
}

export function operationError(folder: string, error: unknown): OdecetError {
  if (error instanceof OdecetError) return error;
  const chain = causes(error);
  const text = chain.map((each) => each.message).join(': ');
  const because = { cause: error };
  if (isFull(text)) return new OdecetError('store-full', `${folder}: make room on the disk (${text})`, because);
  if (chain.some((each) => codeOf(each) === 'LEVEL_CORRUPTION') || isTableGone(text))
    return new OdecetError('store-damaged', `${folder}: ${text}`, because);
  return new OdecetError('store-io', `${folder}: ${text}`, because);
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** A table file that is empty (it cannot be mapped) or gone: no failure of the disk, and no wait mends it. */
function isTableGone(text: string): boolean {
  return /\.(ldb|sst): (Invalid argument|No such file)/.test(text);
}

/** LevelDB passes on the system's text, not its number: ENOSPC, EDQUOT, EFBIG. */
function isFull(text: string): boolean {
  return /No space left on device|ENOSPC|Disk quota exceeded|File too large/.test(text);
}

function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let each = error; each instanceof Error; each = each.cause) chain.push(each);
  return chain;
}
