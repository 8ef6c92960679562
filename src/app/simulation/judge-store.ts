import type { Buffer } from '../../buffer/index.ts';
import type { SiteLife } from './life.ts';

export interface StoreFindings {
  readonly complaints: readonly string[];
  /** Records that a flipped bit has damaged and nobody has come upon yet. */
  readonly standing: ReadonlySet<string>;
}

/** The first of them may have passed the record before it was damaged. */
const ROUNDS_FIND = 2;

/** The store agrees with itself, but for the records that a flipped bit has damaged: those are named. */
export async function judgeStore(buffer: Buffer, life: SiteLife, told: ReadonlySet<string>): Promise<StoreFindings> {
  const complaints: string[] = [];
  // What the gateway found by itself; the look at the whole store tells of damage, too.
  const toldBefore = [...told];
  const verification = await buffer.verify();
  const { clean, damaged, quarantined } = verification;
  if (life.flipped.size === 0) {
    if (!clean) complaints.push(`the store contradicts itself: ${JSON.stringify(verification).slice(0, 500)}`);
    return { complaints, standing: new Set() };
  }
  const found = new Set([...quarantined, ...toldBefore, ...(await life.reported())]);
  const named = new Set([...damaged.map(({ key }) => key), ...told, ...found]);
  for (const { key } of damaged) if (!life.flipped.has(key)) complaints.push(`damage that nobody did: ${key}`);
  for (const key of life.standing) {
    if (!life.isAsFlipped(key) || /^[vwck]\//.test(key)) continue;
    if (!named.has(key)) complaints.push(`a flipped bit was not noticed: ${key}`);
    else if (!found.has(key) && life.roundsSince(key) >= ROUNDS_FIND)
      complaints.push(`a flipped bit stands after ${life.roundsSince(key)} rounds of the scrubber: ${key}`);
  }
  return { complaints, standing: new Set(damaged.map(({ key }) => key)) };
}
