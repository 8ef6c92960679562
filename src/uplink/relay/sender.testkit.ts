import type { Outbox } from '../../buffer/outbox.ts';
import type { Message } from '../../core/message.ts';
import { hostCodec, hostSigner, newKeyPem } from '../../host/signer.ts';
import { pause } from '../../machine/timers.ts';
import { simClock } from '../../sim/clock.ts';
import { simEntropy } from '../../sim/entropy.ts';
import { createWorld, type World } from '../../sim/world.ts';
import type { UplinkAlert } from '../sender.ts';
import { memoryOutbox, message, quietLog } from '../uplink.testkit.ts';
import { headOf, openEnvelope, packReceipt, type ReceiptText } from './protocol.ts';
import { createRelaySender, type RelaySender } from './sender.ts';
import type { RelayTrouble } from './troubles.ts';

const codec = hostCodec();
const [siteSigner, relaySigner] = [hostSigner(newKeyPem()), hostSigner(newKeyPem())];
const SITE = 'site-a';

/** What the relay says about a message of `message(id)`; with its answer where the stage has one. */
export function said(text: Pick<ReceiptText, 'id' | 'stage'> & Partial<ReceiptText>, by = relaySigner): Uint8Array {
  const { hash } = headOf(message(text.id), SITE, codec);
  const answer = ['accepted', 'rejected'].includes(text.stage) && { answer: '<r/>' };
  return packReceipt({ relay: 'centre-1', site: SITE, hash, reasons: [], at: 0, ...answer, ...text }, by, codec);
}

interface Scene {
  readonly world: World;
  readonly sender: RelaySender;
  readonly outbox: ReturnType<typeof memoryOutbox>;
  /** Ids as they left. */
  readonly published: string[];
  readonly alerts: UplinkAlert[];
  /** Errors, by their events. */
  readonly logged: string[];
  /** Those that stand. */
  readonly relayAlerts: ReadonlySet<RelayTrouble>;
}

/**
 * A sender in virtual time against a relay that says what `answer` gives, 50 ms after each publication; as in a gateway, every
 * change of the outbox rings.
 * @param seenThrough what of the outbox the sender gets to see
 */
export function senderOf(messages: readonly Message[], seenThrough: (outbox: Outbox) => Outbox = (outbox) => outbox) {
  const play = {
    isOnline: true,
    answer: (_id: string): Uint8Array | undefined => undefined,
    async run(scene: (scene: Scene) => Promise<void>): Promise<void> {
      const world = createWorld(1);
      const outbox = memoryOutbox(messages);
      const published: string[] = [];
      const alerts: UplinkAlert[] = [];
      const logged: string[] = [];
      const log = { ...quietLog, error: (event: string) => void logged.push(event) };
      const relayAlerts = new Set<RelayTrouble>();
      const sender: RelaySender = createRelaySender({
        outbox: seenThrough({
          ...outbox,
          heads: () => outbox.heads(),
          async beginAttempt(...attempt) {
            const number = await outbox.beginAttempt(...attempt);
            sender.wake();
            return number;
          },
          async endAttempt(...ended) {
            await outbox.endAttempt(...ended);
            sender.wake();
          },
        }),
        site: SITE,
        signer: siteSigner,
        codec,
        relayKeys: [relaySigner.publicKey],
        async publish(payload) {
          const id = openEnvelope(payload)!.head.id;
          published.push(id);
          const receipt = play.answer(id);
          if (receipt) void pause(world, 50).then(() => sender.received(receipt));
        },
        isOnline: () => play.isOnline,
        receiptWithinMs: 10_000,
        clock: simClock(world, 0),
        entropy: simEntropy(world.random),
        log,
        retry: { firstMs: 1_000, factor: 2, mostMs: 10_000, jitter: 0 },
        alert: (alert) => alerts.push(alert),
        relayAlert: (trouble, problem) => (problem ? relayAlerts.add(trouble) : relayAlerts.delete(trouble)),
        accepted: async () => undefined,
        settled: () => undefined,
      });
      const stop = new AbortController();
      await world.run(async () => {
        const running = sender.run(stop.signal);
        await scene({ world, sender, outbox, published, alerts, logged, relayAlerts });
        stop.abort();
        await running;
      });
    },
  };
  return play;
}
