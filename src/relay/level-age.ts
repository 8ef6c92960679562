import { z } from 'zod';
import type { UtcMs } from '../core/time.ts';
import type { Store } from '../machine/store.ts';
import { encodeRow, parseRow, readMany } from './level-rows.ts';
import type { RelayStore } from './store.ts';

const KEY = 'aged';
const schema = z.object({ at: z.number() });

/** How far time went for a store on LevelDB. Where the row is damaged it begins anew, as in a new store. */
export function levelAge(store: Store): Pick<RelayStore, 'agedTo' | 'ageTo'> {
  async function agedTo(): Promise<UtcMs | undefined> {
    const { rows } = await readMany(store, '', [KEY], (key, bytes) => parseRow(key, bytes, schema));
    return rows.get(KEY)?.at;
  }
  return {
    agedTo,
    async ageTo(at) {
      if (((await agedTo()) ?? at) > at) return;
      await store.batch([{ kind: 'put', key: KEY, value: encodeRow(KEY, { at }) }]);
    },
  };
}
