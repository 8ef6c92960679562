import { type Failure, failure } from '../core/failure.ts';

/** A format pack as far as sending asks about it. */
export interface PackStatus {
  /** `name@version` */
  readonly id: string;
  readonly status: 'verified' | 'unverified';
}

/**
 * Automatic sending to the real service needs a pack that was held against the operator's official schemas; the sandbox
 * does not. Undefined means that nothing stands in the way.
 */
export function heldByPack(environment: 'production' | 'sandbox', pack: PackStatus): Failure | undefined {
  if (environment === 'sandbox' || pack.status === 'verified') return undefined;
  return failure(
    'pack-unverified',
    `the message was made with ${pack.id}, which nobody has verified; verify the pack against the operator's schemas, or export the day as a file`,
  );
}
