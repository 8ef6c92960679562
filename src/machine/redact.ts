import type { LogFields } from './log.ts';

/** Words that mark a secret wherever they stand in a field's name: `password`, `keyPassword`, `sim_pin`, `Authorization`. */
export const SECRET_WORDS: readonly string[] = [
  'password',
  'passphrase',
  'secret',
  'key',
  'pin',
  'authorization',
  'token',
];

export const REDACTED = '[redacted]';

/** A field nested deeper than this is cut: a log line is for searching, not for dumps. */
const DEPTH_MAX = 6;

/** The fields as they may be logged: secrets redacted at any depth, errors with their causes, bytes as hex, bigints as text. */
export function loggable(fields: LogFields): Record<string, unknown> {
  return objectWithoutSecrets(fields, 0);
}

function objectWithoutSecrets(fields: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isSecret(name) ? REDACTED : plain(value, depth + 1)]),
  );
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return '[deeper]';
  if (value instanceof Uint8Array) return Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (value instanceof Date) return value.toJSON();
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    return { ...objectWithoutSecrets(value, depth), name, message, stack, cause: plain(cause, depth + 1) };
  }
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1));
  return objectWithoutSecrets(value, depth);
}

function isSecret(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return words.some((word) => SECRET_WORDS.includes(word) || SECRET_WORDS.includes(word.replace(/s$/, '')));
}
