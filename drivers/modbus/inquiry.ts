import type { ReadResult } from '../../src/core/driver.ts';
import type { Ask } from './pdu.ts';
import type { Answer } from './registers.ts';

/** What one dialogue wants to know, free of framing: what to ask for, and what the answers mean. */
export interface Inquiry {
  /** The next requests, given the answers to all reads so far in the order asked; none when enough is known. */
  next(answers: readonly Answer[]): readonly Ask[];
  result(answers: readonly Answer[]): ReadResult;
}
