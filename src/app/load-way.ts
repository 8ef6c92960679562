import { resolve } from 'node:path';
import { hostCodec, loadSigner } from '../host/signer.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import { loadBroker } from './broker.ts';
import type { GatewayParts } from './gateway.ts';
import type { LoadedSite } from './site-files.ts';
import { loadOperatorCredentials, operatorDelivery, sitePackOf } from './uplink.ts';

/** What the site's uplink needs from files, checked before anything starts. Throws OdecetError, each with the file. */
export async function loadWay(
  loaded: LoadedSite,
  clock: Clock,
  entropy: Entropy,
): Promise<Pick<GatewayParts, 'deliver' | 'relay' | 'certificates'>> {
  const { site, folder, packs } = loaded;
  const { uplink } = site;
  if (uplink.kind === 'direct') {
    const credentials = await loadOperatorCredentials(uplink, folder);
    const deliver = operatorDelivery({ operator: uplink, credentials, packOf: sitePackOf(packs), clock, entropy });
    return { deliver };
  }
  const signer = await loadSigner(resolve(folder, uplink.key));
  const { broker, certificates } = await loadBroker(uplink.broker, site.site, folder);
  return { relay: { uplink, broker, signer, codec: hostCodec() }, certificates };
}
