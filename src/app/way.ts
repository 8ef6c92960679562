import type { Outbox } from '../buffer/outbox.ts';
import { OdecetError } from '../core/failure.ts';
import type { Message, MessageHead } from '../core/message.ts';
import type { RelayUplinkConfig } from '../device/site.ts';
import type { Broker } from '../machine/broker.ts';
import type { Codec, Signer } from '../machine/signer.ts';
import type { Delivery } from '../uplink/direct.ts';
import type { CommandTaker } from '../uplink/relay/command-taker.ts';
import { createRelayWay, type RelayWayDeps } from '../uplink/relay/way.ts';
import { createSender, newestDayFirst, type Sender } from '../uplink/sender.ts';
import type { GatewayParts } from './gateway.ts';
import { holdOf } from './hold.ts';

/** One try to hand a message to the operator. */
export type Deliver = (message: Message, signal: AbortSignal) => Promise<Delivery>;

/** What a site needs to speak over a relay. */
export interface RelayParts {
  readonly uplink: RelayUplinkConfig;
  readonly broker: Broker;
  readonly signer: Signer;
  readonly codec: Codec;
  /** What a centre may ask for; nothing where it is absent. */
  readonly taker?: CommandTaker;
}

/** Direct or over a relay: the one place where that is chosen. Both empty the same outbox by the same contract. */
export function wayOf(parts: GatewayParts, outbox: Outbox, status: RelayWayDeps['status']): Sender {
  const { loaded, relay, deliver } = parts;
  const { site } = loaded;
  const { environment, retry } = site.uplink;
  const byPack = holdOf(environment, loaded);
  const hold = (message: MessageHead) => parts.held?.hold(message) ?? byPack(message);
  const common = { ...parts, outbox, retry, hold };
  if (relay) {
    const { uplink, broker, signer, codec, taker } = relay;
    return createRelayWay({
      ...common,
      ...uplink,
      site: site.site,
      broker,
      signer,
      codec,
      status,
      ...(taker && { taker }),
    });
  }
  if (deliver) return createSender({ ...common, deliver, order: newestDayFirst });
  throw new OdecetError('unexpected', 'the gateway was given no way to the operator');
}
