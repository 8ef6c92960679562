/** Fields of a log line; names that carry secrets (password, key, pin, passphrase, authorization, token) are redacted. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log: `event` is a short constant in kebab-case that can be searched for; everything that varies is a field. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
}
