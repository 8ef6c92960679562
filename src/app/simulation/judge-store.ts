import type { Buffer } from '../../buffer/index.ts';
import type { SiteLife } from './life.ts';

export interface StoreFindings {
  readonly complaints: readonly string[];
  /** Records that a flipped bit has damaged and nobody has come upon yet. */
  readonly standing: ReadonlySet<string>;
}

/** The store agrees with itself, but for the records that a flipped bit has damaged: those are named. */
export async function judgeStore(buffer: Buffer, life: SiteLife, told: ReadonlySet<string>): Promise<StoreFindings> {
  const complaints: string[] = [];
  const found = await buffer.verify();
  const { clean, damaged, quarantined } = found;
  if (life.flipped.size === 0) {
    if (!clean) complaints.push(`the store contradicts itself: ${JSON.stringify(found).slice(0, 500)}`);
    return { complaints, standing: new Set() };
  }
  const named = new Set([...damaged.map(({ key }) => key), ...quarantined, ...told, ...(await life.reported())]);
  for (const { key } of damaged) if (!life.flipped.has(key)) complaints.push(`damage that nobody did: ${key}`);
  for (const key of life.standing)
    if (!named.has(key) && life.isAsFlipped(key) && !/^[vwck]\//.test(key))
      complaints.push(`a flipped bit was not noticed: ${key}`);
  return { complaints, standing: new Set(damaged.map(({ key }) => key)) };
}
