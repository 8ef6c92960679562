import type { BackoffRule } from '../core/backoff.ts';
import type { Failure } from '../core/failure.ts';
import { HOUR_MS, isoUtc, type Millis, SECOND_MS, type UtcMs } from '../core/time.ts';
import type { Broker, Delivered } from '../machine/broker.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Log } from '../machine/log.ts';
import type { DocumentReader } from '../machine/reader.ts';
import type { Codec, Signer } from '../machine/signer.ts';
import type { FormatPack } from '../message/pack.ts';
import type { Delivery, Outgoing, Turn } from '../uplink/direct.ts';
import { type AlertText, createAlerts } from '../uplink/relay/alerts.ts';
import { createLink } from '../uplink/relay/link.ts';
import { packReceipt, REFUSALS, RELAY_REASON_TYPE, type Refusal, type Stage } from '../uplink/relay/protocol.ts';
import {
  CENTRE,
  filterOf,
  placeOf,
  RELAY_HERE,
  relayClientId,
  type SiteState,
  topicOf,
} from '../uplink/relay/topics.ts';
import { createAlertBounds } from './alert-bounds.ts';
import { createCaretaker, type Retention } from './caretaker.ts';
import { createColleagues } from './colleagues.ts';
import { type Commander, createCommander } from './commander.ts';
import { createDispatcher } from './dispatcher.ts';
import type { CommandLog } from './given-command.ts';
import { createHealth, type Part } from './health.ts';
import { type Addressee, createIntake } from './intake.ts';
import { createMessageAlerts } from './message-alerts.ts';
import { createNameTaken } from './name-taken.ts';
import { createPointOwners } from './point-owners.ts';
import { createRefusals } from './refusals.ts';
import type { Registry } from './registry.ts';
import { createSenderHealth } from './sender-health.ts';
import { shareGroupOf } from './share-group.ts';
import type { RelayStore, Standing, StoreCounts } from './store.ts';
import { eachOf, sweeper, together, withinTime } from './together.ts';
import { createWatch } from './watch.ts';

/** A site asks again after what was refused within 1.3 hours: an alert that nobody raised anew in this time is over. */
const ALERT_SETTLE_MS: Millis = 2 * HOUR_MS;
/** Whoever asks for metrics waits no longer for the store. */
const COUNTS_WITHIN_MS: Millis = 3 * SECOND_MS;
/** Fewer than a broker takes without a word; one after another a thousand alerts kept a relay away for a minute. */
const SAID_AT_ONCE = 64;
const FINAL: ReadonlySet<Stage> = new Set(['accepted', 'rejected']);

export interface RelayDeps {
  /** Its own name among the topics; several relays have different ones. */
  readonly name: string;
  readonly broker: Broker;
  readonly store: RelayStore;
  readonly registry: () => Registry;
  /** Why what `registry` gives is not what somebody wrote last. */
  readonly registryProblem?: () => Failure | undefined;
  readonly signer: Signer;
  readonly codec: Codec;
  readonly packs: ReadonlyMap<string, FormatPack>;
  readonly zone: string;
  readonly reader: DocumentReader;
  readonly senders: ReadonlySet<string>;
  readonly deliver: (message: Outgoing, sender: string, signal: AbortSignal, turn: Turn) => Promise<Delivery>;
  readonly inFlightMax: number;
  readonly perSecondMax: number;
  /** Told of every answer that ended a message, with how long the message had been here. */
  readonly answered?: (waitedMs: Millis) => void;
  readonly leaseMs: Millis;
  readonly clockOffMsMax: Millis;
  readonly silentAfterMs: Millis;
  readonly retention: Retention;
  /** Kept by this relay; no site can be commanded over it where absent. */
  readonly commandLog?: CommandLog;
  readonly retry: BackoffRule;
  readonly brokerRetry: BackoffRule;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface RelayStatus {
  readonly isOnline: boolean;
  /** Absent where the store cannot tell them. */
  readonly counts?: StoreCounts;
  readonly failing: ReadonlySet<Part>;
  /** When the message came that has waited longest, of each sender who has one; absent where the store cannot tell. */
  readonly oldest?: ReadonlyMap<string, UtcMs>;
  readonly receipts: Readonly<Partial<Record<Stage, number>>>;
  readonly refused: Readonly<Partial<Record<Refusal, number>>>;
  readonly alerts: readonly AlertText[];
}

export interface Relay {
  run(signal: AbortSignal): Promise<void>;
  status(): Promise<RelayStatus>;
  readonly commander?: Commander;
}

/** The centre: what comes up is kept, then acknowledged, then sent; every answer goes down, signed. */
export function createRelay(deps: RelayDeps): Relay {
  const { name, clock, log, codec, signer } = deps;
  const receipts: Partial<Record<Stage, number>> = {};
  const say = (publication: Parameters<typeof link.publish>[0]) => {
    // Nothing is lost with it: a site asks again, and alerts are repeated at the next session.
    link.publish(publication).catch(() => undefined);
  };
  const settleMs = deps.silentAfterMs + ALERT_SETTLE_MS;
  const monotonicMs = () => clock.monotonicMs();
  const colleagues = createColleagues({ settleMs, monotonicMs, say });
  /** Of the relay itself. */
  const own = createAlerts(name, clock, say, { settleMs });
  /** Of sites: one for each site and cause, whichever relays of the centre say it. */
  const alerts = createAlerts(CENTRE, clock, say, {
    settleMs,
    shared: {
      by: name,
      isThere: colleagues.isThere,
      takenBack(id) {
        // Another relay heard the site.
        if (id.endsWith('-silent')) watch.heard(id.slice(0, -'-silent'.length));
      },
    },
  });
  const nameTaken = createNameTaken({ ...deps, alerts: own, life: deps.entropy.bytes(8).join('.'), monotonicMs });
  const bounds = createAlertBounds({ alerts, say, monotonicMs });
  const watch = createWatch({ ...deps, alerts, say });
  const health = createHealth({ ...deps, alerts: own });
  const senderHealth = createSenderHealth({ ...deps, alerts: own });
  const store = health.store(deps.store);
  const registryLook = { sweep: () => health.registry(deps.registryProblem?.()) };
  const caretaker = createCaretaker({ ...deps, alerts: own });
  const owners = createPointOwners({ ...deps, alerts });
  const refusals = createRefusals({ alerts, clock });
  const messageAlerts = createMessageAlerts({ alerts, reader: deps.reader });

  function receipt({ site, id, hash }: Addressee, { stage, reasons, answer, at }: Said): void {
    receipts[stage] = (receipts[stage] ?? 0) + 1;
    const text = { relay: name, site, id, hash, stage, reasons, at, ...(answer !== undefined && { answer }) };
    say({ topic: topicOf(site, 'down'), payload: packReceipt(text, signer, codec) });
  }

  const dispatcher = createDispatcher({
    ...deps,
    store,
    async deliver(message, sender, signal, turn) {
      try {
        const delivery = await deps.deliver(message, sender, signal, turn);
        health.tried(delivery);
        senderHealth.tried(sender, delivery);
        return delivery;
      } catch (error) {
        if (!signal.aborted) health.broke(error);
        throw error;
      }
    },
    answer(message, standing) {
      if (FINAL.has(standing.stage)) deps.answered?.(standing.at - message.receivedAt);
      if (standing.stage === 'accepted') messageAlerts.accepted(message);
      receipt(message, standing);
    },
    alert: messageAlerts.told,
  });
  const intake = createIntake({
    ...deps,
    store,
    reader: health.reader(deps.reader),
    answer: receipt,
    refuse(message, refusal, detail) {
      const reasons = [{ code: refusal, type: RELAY_REASON_TYPE, text: detail || REFUSALS[refusal] }];
      receipt(message, { stage: 'refused', reasons, at: clock.now() });
    },
    refused: refusals.refused,
    alert: refusals.told,
    spoke: owners.spoke,
    stored: () => dispatcher.wake(),
  });

  const { commandLog } = deps;
  const commander =
    commandLog &&
    createCommander({
      ...deps,
      commandLog,
      publish: (publication) => link.publish(publication),
      isAway: (site) => watch.isAway(site),
    });

  async function onMessage(delivered: Delivered): Promise<void> {
    const place = placeOf(delivered.topic);
    if (!place) return;
    const { site, what } = place;
    if (what === 'up') await intake.take(site, delivered.payload);
    else if (what === 'answer') commander?.heard(site, delivered.payload);
    else if (what.startsWith('alert/')) onAlert(site, what.slice('alert/'.length), delivered);
    else {
      if (what === 'state') onState(site, delivered);
      watch.told(site, what, delivered);
    }
  }

  function onState(site: string, { payload }: Delivered): void {
    const word = new TextDecoder().decode(payload);
    if (!deps.registry().find(site)) colleagues.toldState(site, word);
    else if (word === ('ready' satisfies SiteState)) commander?.siteIsHere(site);
  }

  function onAlert(owner: string, id: string, delivered: Delivered): void {
    if (owner === CENTRE) alerts.heard(delivered);
    else if (owner === name) own.heard(delivered);
    else if (deps.registry().find(owner)) bounds.heard(owner, id, delivered.payload);
    else colleagues.heardAlert(owner, id, delivered.payload.length === 0);
  }

  const state = (word: SiteState) => ({
    topic: topicOf(name, 'state'),
    payload: new TextEncoder().encode(word),
    retain: true,
  });
  const link = createLink({
    ...deps,
    broker: {
      connect(hello, signal) {
        alerts.forgetOthers();
        return deps.broker.connect(hello, signal);
      },
    },
    onOnline: watch.online,
    onOffline: watch.offline,
    onProblem: nameTaken.lost,
    retry: deps.brokerRetry,
    hello: {
      clientId: relayClientId(name),
      // What comes while this relay is away is for the others, or comes again.
      clean: true,
      will: state('lost'),
      subscriptions: [
        `$share/${shareGroupOf(deps)}/${filterOf('up')}`,
        filterOf('state'),
        filterOf('status'),
        filterOf('answer'),
      ],
      wishedSubscriptions: [filterOf('alert/+')],
      onMessage,
    },
    async onConnect(session) {
      await session.publish(state('ready'));
      const standing = [...own.publications(), ...alerts.publications()];
      await eachOf(standing, SAID_AT_ONCE, (publication) => session.publish(publication));
      const here = { relay: name, at: isoUtc(clock.now()) };
      await session.publish({ topic: RELAY_HERE, payload: new TextEncoder().encode(JSON.stringify(here)) });
    },
    onLeave: (session) => session.publish(state('disconnected')),
  });

  return {
    ...(commander && { commander }),
    async run(signal) {
      await together(
        [
          link,
          dispatcher,
          watch,
          caretaker,
          sweeper([registryLook, own, alerts, bounds, colleagues, owners, refusals, nameTaken], clock),
          ...(commander ? [commander] : []),
        ].map((part) => (abort) => part.run(abort)),
        signal,
      );
      log.info('relay-stopped', {});
    },
    async status() {
      const [counts, oldest] = await Promise.all([
        withinTime(deps.store.counts(), COUNTS_WITHIN_MS, clock),
        withinTime(deps.store.oldest(), COUNTS_WITHIN_MS, clock),
      ]);
      return {
        isOnline: link.isOnline(),
        ...(counts && { counts }),
        ...(oldest && { oldest }),
        failing: health.failing(),
        receipts: { ...receipts },
        refused: refusals.counts(),
        alerts: [...own.standing(), ...alerts.standing()],
      };
    },
  };
}

type Said = Pick<Standing, 'reasons' | 'answer' | 'at'> & { readonly stage: Stage };
