import type { CollectorStatus } from '../collect/round.ts';
import type { MessageId, MessageState } from '../core/message.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';
import type { Folder } from '../machine/folder.ts';
import type { LoadedSite } from './site-files.ts';
import type { State } from './state.ts';

/** What a running gateway says of itself; the store has one user, so others read this file. */
export interface GatewayStatus extends CollectorStatus {
  readonly site: string;
  readonly at: string;
  readonly waiting: readonly { readonly message: MessageId; readonly state: MessageState; readonly attempts: number }[];
}

export const STATUS_FILE = 'status.json';

/** A status that cannot be written is no reason to stop: the next one follows in seconds. */
export async function writeStatus(
  folder: Folder,
  loaded: LoadedSite,
  collector: CollectorStatus,
  state: State,
  now: UtcMs,
): Promise<void> {
  try {
    const waiting = (await state.buffer.outbox.waiting()).map(({ message, state, attempts }) => ({
      message: message.id,
      state,
      attempts,
    }));
    const status: GatewayStatus = { site: loaded.site.site, at: isoUtc(now), ...collector, waiting };
    await folder.write(STATUS_FILE, JSON.stringify(status, null, 1));
  } catch {
    // The stages tell about a store or disk that fails; this file only repeats what they know.
  }
}
