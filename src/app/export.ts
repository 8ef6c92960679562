import { join, resolve } from 'node:path';
import type { Buffer } from '../buffer/index.ts';
import type { MessageId } from '../core/message.ts';
import { hostClock } from '../host/clock.ts';
import { hostFolder } from '../host/folder.ts';
import { hostLog } from '../host/log.ts';
import { loadSite } from './site-files.ts';
import { openState } from './state.ts';

export interface ExportedMessages {
  readonly messages: number;
  readonly rejected: number;
}

/** Writes every message of a site and its answer, verbatim, below `out`: `messages/<id>.xml` and `answers/<id>.xml`. */
export async function exportMessages(siteFile: string, out: string): Promise<ExportedMessages> {
  const site = loadSite(siteFile);
  const state = await openState(site, hostClock(), hostLog({ level: 'warn' }), 'look');
  try {
    const folder = hostFolder(resolve(out));
    const ids = await messageIds(state.buffer);
    let rejected = 0;
    for (const id of ids) {
      const message = await state.buffer.message(id);
      const receipt = await state.buffer.receipt(id);
      if (message) await folder.write(join('messages', `${id}.xml`), message.xml);
      if (receipt) await folder.write(join('answers', `${id}.xml`), receipt.xml);
      if (receipt?.verdict === 'rejected') rejected += 1;
    }
    return { messages: ids.length, rejected };
  } finally {
    await state.close();
  }
}

const CHANGES_AT_ONCE = 500;

/** Every message that was ever queued, by rising id. */
async function messageIds(buffer: Buffer): Promise<MessageId[]> {
  const ids = new Set<MessageId>();
  let after = 0;
  for (;;) {
    const changes = await buffer.changes('delivery', after, CHANGES_AT_ONCE);
    const last = changes.at(-1);
    if (!last) return [...ids].sort();
    for (const { message } of changes.flatMap((change) => change.items)) ids.add(message);
    after = last.sequence;
  }
}
