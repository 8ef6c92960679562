import { resolve } from 'node:path';
import { hostCodec, loadSigner } from '../host/signer.ts';
import type { Clock } from '../machine/clock.ts';
import type { GatewayParts } from './gateway.ts';
import type { LoadedSite } from './site-files.ts';

/** The site's way to the operator, and what ends it. */
export interface Way extends Pick<GatewayParts, 'deliver' | 'relay' | 'certificates'> {
  close(): Promise<void>;
}

/**
 * What the site's uplink needs from files, checked before anything starts; of the two ways only the site's own is loaded.
 * Throws OdecetError, each with the file.
 */
export async function loadWay(loaded: LoadedSite, clock: Clock): Promise<Way> {
  const { site, folder } = loaded;
  const { uplink } = site;
  if (uplink.kind === 'direct') {
    const { certificatesOf, loadOperatorCredentials, operatorWay, sitePackOf } = await import('./uplink.ts');
    const credentials = await loadOperatorCredentials(uplink, folder);
    const way = operatorWay({ operator: uplink, credentials, packOf: sitePackOf(loaded), clock });
    return { ...way, certificates: certificatesOf(credentials) };
  }
  const { loadBroker } = await import('./broker.ts');
  const signer = await loadSigner(resolve(folder, uplink.key));
  const { broker, certificates } = await loadBroker(uplink.broker, site.site, folder);
  return { relay: { uplink, broker, signer, codec: hostCodec() }, certificates, close: async () => undefined };
}
