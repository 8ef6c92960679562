import type { ReadResult } from '../../src/core/driver.ts';
import type { Answer, RegisterRange } from './registers.ts';

/** What one dialogue wants to know, free of framing: which registers to ask for, and what the answers mean. */
export interface Inquiry {
  /** The next requests, given all answers so far in the order asked; none when enough is known. */
  next(answers: readonly Answer[]): readonly RegisterRange[];
  result(answers: readonly Answer[]): ReadResult;
}
