import { z } from 'zod';
import type { CollectorStatus } from '../collect/round.ts';
import type { MessageId, MessageState } from '../core/message.ts';
import { isoUtc, parseUtc, type UtcMs } from '../core/time.ts';
import type { Folder } from '../machine/folder.ts';
import type { RelaySeen } from '../uplink/relay/status.ts';
import type { Gateway } from './gateway.ts';
import type { LastAnswer } from './last-answer.ts';
import type { StorageStatus, WrittenBefore } from './maintenance.ts';
import type { LoadedSite } from './site-files.ts';
import type { State } from './state.ts';

/** What a running gateway says of itself, in a file and over its control socket. */
export interface GatewayStatus extends CollectorStatus {
  readonly site: string;
  readonly at: string;
  readonly waiting: readonly { readonly message: MessageId; readonly state: MessageState; readonly attempts: number }[];
  readonly storage: StorageStatus;
  /** How well the relay is heard, as in the site's status over MQTT; only where one is used. */
  readonly relay?: RelaySeen['relay'];
  /** What the operator said last; absent while it said nothing. */
  readonly lastAnswer?: LastAnswer;
}

export const STATUS_FILE = 'status.json';

export async function readStatus(
  loaded: Pick<LoadedSite, 'site'>,
  gateway: Pick<Gateway, 'status' | 'maintenance' | 'lastAnswer' | 'relaySeen'>,
  { buffer }: Pick<State, 'buffer'>,
  now: UtcMs,
): Promise<GatewayStatus> {
  const waiting = (await buffer.outbox.heads()).map(({ message, state, attempts }) => ({
    message: message.id,
    state,
    attempts,
  }));
  const storage = await gateway.maintenance.status();
  const lastAnswer = await gateway.lastAnswer();
  const relay = gateway.relaySeen()?.relay;
  return {
    site: loaded.site.site,
    at: isoUtc(now),
    ...gateway.status(),
    waiting,
    storage,
    ...(relay && { relay }),
    ...(lastAnswer && { lastAnswer }),
  };
}

/** A status that cannot be written is no reason to stop: the next one follows in seconds. */
export async function writeStatus(folder: Folder, status: GatewayStatus): Promise<void> {
  try {
    await folder.write(STATUS_FILE, JSON.stringify(status, null, 1));
  } catch {
    // The stages tell about a store or disk that fails; this file only repeats what they know.
  }
}

const writtenSchema = z.object({
  at: z.string(),
  storage: z.object({ writtenToday: z.int().min(0), writtenYesterday: z.int().min(0).exactOptional() }),
});

/**
 * What the run before counted as written: the status is on the disk anyway, so counting over a restart costs no further write.
 * Undefined where there is no status that can be read.
 */
export async function readWritten(folder: Folder): Promise<WrittenBefore | undefined> {
  try {
    const text = await folder.readText(STATUS_FILE);
    if (text === undefined) return undefined;
    const { at, storage } = writtenSchema.parse(JSON.parse(text));
    const { writtenToday: today, writtenYesterday: yesterday } = storage;
    return { at: parseUtc(at), today, ...(yesterday !== undefined && { yesterday }) };
  } catch {
    return undefined;
  }
}
