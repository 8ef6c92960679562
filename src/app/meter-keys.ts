import { resolve } from 'node:path';
import type { BoundDevice } from '../device/bound.ts';
import { loadMeterKey } from '../host/cipher.ts';
import type { LoadedSite } from './site-files.ts';

/** The site's devices, those that name a `keyFile` with what opens their telegrams. Throws OdecetError key-unreadable. */
export async function withMeterKeys({
  devices,
  folder,
}: Pick<LoadedSite, 'devices' | 'folder'>): Promise<ReadonlyMap<string, BoundDevice>> {
  const opened = [...devices].map(async ([id, device]): Promise<[string, BoundDevice]> => {
    const { keyFile } = device.config;
    return [id, keyFile === undefined ? device : { ...device, decrypt: await loadMeterKey(resolve(folder, keyFile)) }];
  });
  return new Map(await Promise.all(opened));
}
