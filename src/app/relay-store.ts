import { join } from 'node:path';
import { isoUtc } from '../core/time.ts';
import { hostFolder } from '../host/folder.ts';
import { postgres } from '../host/sql-postgres.ts';
import { openLevelStore } from '../host/store-level.ts';
import type { Clock } from '../machine/clock.ts';
import type { RelayStore } from '../relay/store.ts';
import { openLevelRelayStore } from '../relay/store-level.ts';
import { openPostgresRelayStore } from '../relay/store-postgres.ts';
import { readSecret } from './broker.ts';
import { INSTALLED_FILE } from './installed.ts';
import { STORE_FOLDER } from './open-store.ts';
import type { RelayConfig } from './relay.ts';

/**
 * Opens what a relay keeps. As with a gateway, `installed` stands beside a LevelDB store and is written after it was created:
 * where it stands and the store does not, the store was lost, with messages whose sites hold the receipt `stored`; that is told,
 * never mended by an empty one. A store of an earlier program gets its mark when it is opened.
 * @param at resolves a name from relay.yaml
 * Throws OdecetError store-missing and whatever opening throws.
 */
export async function openRelayStore(
  config: RelayConfig['store'],
  at: (name: string) => string,
  clock: Pick<Clock, 'now' | 'monotonicMs'>,
): Promise<RelayStore> {
  if (config.kind === 'postgres') {
    const url = await readSecret(at(config.urlFile));
    return openPostgresRelayStore(postgres(url, config.connections));
  }
  const path = at(config.folder);
  const folder = hostFolder(path);
  const isNew = (await folder.readText(INSTALLED_FILE)) === undefined;
  const store = await openLevelStore({ folder: join(path, STORE_FOLDER), create: isNew });
  if (isNew) await folder.write(INSTALLED_FILE, `${isoUtc(clock.now())}\n`);
  return openLevelRelayStore(store, clock);
}
