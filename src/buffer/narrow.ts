/**
 * Narrow checks of what a row says. The checksum has proved that the bytes are ours; these prove that this program
 * understands them, field by field, at a fraction of what a schema costs. They throw TypeError with what was expected.
 */

export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw expected('an object', value);
  return value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asArray(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw expected('a list', value);
  return value;
}

/** A list of so many. */
export function asTuple(value: unknown, length: number): readonly unknown[] {
  const list = asArray(value);
  if (list.length !== length) throw expected(`a list of ${length}`, value);
  return list;
}

export function asText(value: unknown): string {
  if (typeof value !== 'string') throw expected('a text', value);
  return value;
}

export function asTexts(value: unknown): readonly string[] {
  return asArray(value).map(asText);
}

export function asWhole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw expected('a whole number', value);
  return value;
}

export function asNumber(value: unknown): number {
  if (typeof value !== 'number') throw expected('a number', value);
  return value;
}

export function asWholes(value: unknown): readonly number[] {
  return asArray(value).map(asWhole);
}

export function asBoolean(value: unknown): boolean {
  if (typeof value !== 'boolean') throw expected('true or false', value);
  return value;
}

/** One of the words of a closed list. */
export function asWord<T extends string>(value: unknown, words: ReadonlySet<T>): T {
  for (const word of words) if (word === value) return word;
  throw expected(`one of ${[...words].join(', ')}`, value);
}

/** One of the names that a table has. */
export function asNameOf<T extends string>(value: unknown, table: Readonly<Record<T, unknown>>): T {
  if (!isNameOf(value, table)) throw expected(`one of ${Object.keys(table).join(', ')}`, value);
  return value;
}

export function isNameOf<T extends string>(value: unknown, table: Readonly<Record<T, unknown>>): value is T {
  return typeof value === 'string' && Object.hasOwn(table, value);
}

function expected(what: string, value: unknown): TypeError {
  return new TypeError(`expected ${what}, found ${JSON.stringify(value)?.slice(0, 60)}`);
}
