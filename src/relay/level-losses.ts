import type { ReadRows } from './level-rows.ts';
import { isClosed, type StandingRow } from './level-standing.ts';
import type { MendedRow, SiteMessage } from './store.ts';

/** Rows that are damaged or gone while others of the same message are not: what is said of them, and what stands in their place. */

/** The operator knows each id: whether or not this one was sent before, it may go again under it. */
export const AS_OPEN = 'the message goes to the operator, perhaps again, under its id';
export const AS_LOST = 'it was settled and its site was told; it is sent again only when the site asks';

/**
 * What was lost of a message that is or was here; undefined where nothing was, or it never was.
 * @param isMarked as not settled: one that is open and is not would wait for ever, and its site be told that it is stored
 */
export function lossOf(
  name: string,
  messages: ReadRows<SiteMessage>,
  standings: ReadRows<StandingRow>,
  isMarked: boolean,
): MendedRow | undefined {
  const standing = standings.rows.get(name);
  const isHere = messages.rows.has(name);
  const why = standings.damaged.get(name)?.message ?? (isHere && !standing ? goneText(name) : undefined);
  if (why !== undefined) return mendedStanding(name, why, AS_OPEN);
  if (!isHere || !standing || isClosed(standing) || isMarked) return undefined;
  return lostMark(name);
}

export function lostMark(name: string): MendedRow {
  return { key: `q/${name}`, why: `q/${name}: gone, and its message is not settled`, rebuilt: AS_OPEN };
}

export function mendedStanding(name: string, why: string, rebuilt: string): MendedRow {
  return { key: `s/${name}`, why, rebuilt };
}

export function resentMessages(
  { damaged }: ReadRows<SiteMessage>,
  written: ReadonlyMap<string, SiteMessage>,
): MendedRow[] {
  const mended = [...damaged].filter(([name]) => written.has(name));
  return mended.map(([name, { message: why }]) => ({ key: `m/${name}`, why, rebuilt: 'its site has sent it again' }));
}

export function goneText(name: string): string {
  return `s/${name}: gone, and its message is not`;
}
