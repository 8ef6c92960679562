/**
 * A file of lines that only grows, for what must outlive the store. A line may come back damaged or not at all: whoever writes
 * them puts a checksum in.
 * Rejects with OdecetError store-full or store-io.
 */
export interface AppendLog {
  /** Every line, oldest first; none when the file does not exist. */
  lines(): AsyncIterable<string>;
  /** Resolves when the line would survive a power cut. After a failure it may be there, in part or whole. */
  append(line: string): Promise<void>;
  /**
   * Puts these lines in the place of those that are there when it begins, before the first is asked for; what is appended
   * meanwhile stays behind them. Also after a power cut there are the old ones or the new. One at a time.
   */
  rewrite(lines: AsyncIterable<string>): Promise<void>;
  /** Bytes on the disk. */
  size(): Promise<number>;
  close(): Promise<void>;
}
