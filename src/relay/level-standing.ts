import type { z } from 'zod';
import type { StoreOp } from '../machine/store.ts';
import { asideKey, encodeMessage, encodeRow, type standingSchema } from './level-rows.ts';
import type { SheddingRule, SiteMessage, Standing, StandingStage } from './store.ts';

/** A standing as LevelDB keeps it, and the rows that go with it. */
export type StandingRow = Standing & Pick<z.output<typeof standingSchema>, 'isBare' | 'isLost'>;

export function isFinal(stage: StandingStage): boolean {
  return stage === 'accepted' || stage === 'rejected';
}

export function isClosed({ stage, isLost }: StandingRow): boolean {
  return isFinal(stage) || isLost === true;
}

export function countedAs({ stage, isLost }: StandingRow): StandingStage | undefined {
  return isLost ? undefined : stage;
}

export function standingOf({ stage, reasons, answer, at, attempts }: StandingRow): Standing {
  return { stage, reasons, at, attempts, ...(answer !== undefined && { answer }) };
}

export function newStanding({ receivedAt }: SiteMessage): Standing {
  return { stage: 'stored', reasons: [], at: receivedAt, attempts: 0 };
}

export function lostStanding(at: number): StandingRow {
  return { stage: 'sent', reasons: [], at, attempts: 1, isLost: true };
}

export function standingOp({ name, to }: { readonly name: string; readonly to: StandingRow }): StoreOp {
  return { kind: 'put', key: `s/${name}`, value: encodeRow(`s/${name}`, to) };
}

export function openRowsOf([name, message]: readonly [string, SiteMessage]): StoreOp[] {
  const { day, receivedAt, site } = message;
  return [
    { kind: 'put', key: `m/${name}`, value: encodeMessage(message) },
    { kind: 'put', key: `q/${name}`, value: encodeRow(`q/${name}`, { day, receivedAt, site }) },
  ];
}

export function isToBeBared(row: StandingRow, rule: SheddingRule): boolean {
  if (row.isBare || !isClosed(row)) return false;
  return row.at < (row.stage === 'accepted' ? rule.acceptedBefore : rule.rejectedBefore);
}

export function bareRows(messages: ReadonlyMap<string, SiteMessage>) {
  return ({ name, row }: { name: string; row: StandingRow }): StoreOp[] => {
    const { answer: _, ...kept } = row;
    const message = messages.get(name);
    const bare = message && encodeMessage({ ...message, envelope: new Uint8Array(0) });
    return [
      standingOp({ name, to: { ...kept, isBare: true } }),
      ...(bare ? [{ kind: 'put' as const, key: `m/${name}`, value: bare }] : []),
    ];
  };
}

export function removal(name: string): StoreOp[] {
  const rows = ['m/', 's/', 'q/'].map((prefix) => prefix + name);
  return [...rows, ...rows.map(asideKey)].map((key) => ({ kind: 'delete', key }));
}
