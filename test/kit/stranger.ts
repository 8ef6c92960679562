import { mqttBroker } from '../../src/host/broker-mqtt.ts';

import { openReceipt } from '../../src/uplink/relay/protocol.ts';
import { filterOf, placeOf } from '../../src/uplink/relay/topics.ts';
import { clock } from './centre.ts';

export interface Stranger {
  /** How many envelopes and receipts he has said. */
  said(): number;
  /** Why relays refused what he said. */
  refusals(): ReadonlySet<string>;
  close(): Promise<void>;
}

/** So many are gathered, then said again, the last first. */
const GATHERED = 8;

/**
 * Somebody who came past the broker's access list. He hears everything that goes up and down, says it again in another order,
 * each envelope also with another body and each receipt with another signature.
 */
export async function startStranger(url: string): Promise<Stranger> {
  const seen = new Set<string>();
  const refusals = new Set<string>();
  let gathered: { topic: string; payload: Uint8Array }[] = [];
  let said = 0;
  const session = await mqttBroker({ url, protocolVersion: 5 }).connect({
    clientId: 'stranger',
    clean: true,
    subscriptions: [filterOf('up'), filterOf('down')],
    async onMessage({ topic, payload }) {
      const head = placeOf(topic)?.what === 'down' ? openReceipt(payload)?.head : undefined;
      if (head?.stage === 'refused') for (const { code } of head.reasons) refusals.add(code);
      // His own words come back to him.
      const mark = `${topic} ${Buffer.from(payload.subarray(0, 256)).toString('latin1')}`;
      if (seen.has(mark)) return;
      seen.add(mark);
      gathered.push({ topic, payload });
      if (gathered.length >= GATHERED) void sayAll();
    },
  });

  async function sayAll(): Promise<void> {
    const all = gathered.reverse();
    gathered = [];
    for (const { topic, payload } of all) {
      const forged = Uint8Array.from(payload);
      // A digit of the signature.
      forged[0] = forged[0] === 0x30 ? 0x31 : 0x30;
      seen.add(`${topic} ${Buffer.from(forged.subarray(0, 256)).toString('latin1')}`);
      for (const bytes of [forged, payload]) {
        await session.publish({ topic, payload: bytes }).catch(() => undefined);
        said += 1;
      }
    }
  }

  return {
    said: () => said,
    refusals: () => refusals,
    async close() {
      await clock.sleep(200);
      await session.close();
    },
  };
}
