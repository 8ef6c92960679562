import { OdecetError } from '../core/failure.ts';

/** What Node says of a file, as a failure of ours: a full disk, or one that refused. */
export function diskFault(place: string, error: unknown): OdecetError {
  if (error instanceof OdecetError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const why = error instanceof Error ? error.message : String(error);
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new OdecetError(isFull ? 'store-full' : 'store-io', `${place}: ${why}`, { cause: error });
}
