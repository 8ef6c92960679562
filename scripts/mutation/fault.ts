/** A replacement of a text that stands once in a file. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** One fault that could be in the program. */
export interface Fault extends Edit {
  readonly name: string;
  /** What else has to be so for the fault to come through: another part of the program would catch it by itself. */
  readonly also?: readonly Edit[];
  /** The weather of the runs that look for it, as for `odecet sim --faults`; all when absent. */
  readonly faults?: string;
  /** Longer runs of larger sites, where short ones have no occasion. */
  readonly weeks?: string;
  readonly points?: string;
}
