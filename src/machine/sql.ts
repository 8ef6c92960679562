/** Values as they go to and come from a database: whole numbers as text where they may not fit, bytes as bytes. */
export type SqlRow = Readonly<Record<string, unknown>>;

/**
 * A PostgreSQL database. A statement is all or nothing, and on the database's disk when its promise resolves.
 * Rejects with OdecetError database-away when the database is away or refuses, database-wrong when it is not what it should be and
 * waiting does not mend it, store-full when it has no room, store-damaged
 * when it cannot read its own pages, unexpected when it does not take the values.
 */
export interface Sql {
  query(text: string, values?: readonly unknown[]): Promise<readonly SqlRow[]>;
  close(): Promise<void>;
}
