import type { Buffer } from '../buffer/index.ts';
import { marketDayOf, shiftDay } from '../core/calendar.ts';
import type { Commodity } from '../core/interval.ts';
import type { MessageId, Receipt } from '../core/message.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';

/** Answers to messages about days further back are history. */
const DAYS_BACK = 45;

/** What the operator said last, about whatever message. */
export interface LastAnswer {
  readonly message: string;
  readonly commodity: Commodity;
  readonly day: string;
  readonly verdict: 'accepted' | 'rejected' | 'unknown';
  /** ISO 8601, UTC */
  readonly at: string;
  readonly reasons: string;
}

/** The last answer, looked for again only when something was delivered since. */
export function createLastAnswer(
  buffer: Pick<Buffer, 'messagesOf' | 'receipt' | 'onChange'>,
  zone: string,
  now: () => UtcMs,
): () => Promise<LastAnswer | undefined> {
  let found: LastAnswer | undefined;
  let isStale = true;
  /** Messages with a last word, which is not read again. */
  let settled = new Set<MessageId>();
  buffer.onChange((streams) => {
    if (streams.has('delivery')) isStale = true;
  });

  async function look(commodity: Commodity, from: UtcMs, met: Set<MessageId>): Promise<void> {
    const today = marketDayOf(commodity, from, zone);
    for (let n = 0; n < DAYS_BACK; n++) {
      const day = shiftDay(today, -n);
      for (const message of await buffer.messagesOf(commodity, day))
        if (settled.has(message) || (await meet({ message, commodity, day }))) met.add(message);
    }
  }

  /** Whether the message has its last word. */
  async function meet(about: Pick<LastAnswer, 'message' | 'commodity' | 'day'>): Promise<boolean> {
    const receipt = await buffer.receipt(about.message);
    if (!receipt) return false;
    const said = saidIn(receipt);
    if (said.at > (found?.at ?? '')) found = { ...about, ...said };
    return said.verdict !== 'unknown';
  }

  return async () => {
    if (!isStale) return found;
    isStale = false;
    try {
      const from = now();
      const met = new Set<MessageId>();
      await look('gas', from, met);
      await look('electricity', from, met);
      settled = met;
    } catch (error) {
      isStale = true;
      throw error;
    }
    return found;
  };
}

function saidIn({ verdict, receivedAt, reasons }: Receipt): Pick<LastAnswer, 'verdict' | 'at' | 'reasons'> {
  const told = reasons.map(({ code, text }) => [code, text].filter(Boolean).join(' ')).join('; ');
  return { verdict, at: isoUtc(receivedAt), reasons: told };
}
