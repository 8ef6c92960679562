import type { MessageHead, Outbox } from '../../buffer/outbox.ts';
import type { BackoffRule } from '../../core/backoff.ts';
import type { Failure } from '../../core/failure.ts';
import { HOUR_MS, isoUtc, type Millis } from '../../core/time.ts';
import { childAbort } from '../../machine/abort.ts';
import type { Broker, Delivered, Publication } from '../../machine/broker.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Entropy } from '../../machine/entropy.ts';
import type { Log } from '../../machine/log.ts';
import type { Codec, Signer } from '../../machine/signer.ts';
import type { Sender, UplinkAlert } from '../sender.ts';
import { alertId, createAlerts } from './alerts.ts';
import { type ClockSeen, offMsAtMost } from './clock-seen.ts';
import type { CommandLine, CommandTaker } from './command-taker.ts';
import { createLink } from './link.ts';
import { createRelaySender } from './sender.ts';
import type { RelaySeen, WholeStatus } from './status.ts';
import { boundedStatus } from './status-bounds.ts';
import { RELAY_HERE, type SiteState, siteClientId, topicOf } from './topics.ts';
import { aboutOf, type RelayHeard } from './troubles.ts';

export interface RelayWayDeps {
  readonly site: string;
  readonly outbox: Outbox;
  readonly broker: Broker;
  readonly signer: Signer;
  readonly codec: Codec;
  readonly relayKeys: readonly string[];
  readonly receiptWithinMs: Millis;
  readonly statusEveryMs: Millis;
  /** What the site knows of itself; what of it is worst is said (docs/status.schema.json). */
  readonly status: (seen: RelaySeen) => Promise<Partial<WholeStatus>>;
  /** Does what a centre asks for; nothing is heard on that topic where it is absent. */
  readonly taker?: CommandTaker;
  readonly retry: BackoffRule;
  readonly hold?: (message: MessageHead) => Failure | undefined;
  readonly alert: (alert: UplinkAlert) => void;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

const COMMAND_ALERT = 'command';
/** What an earlier run of the gateway left as an alert is taken back when this one did not find it again in this time. */
const ALERT_SETTLE_MS: Millis = 2 * HOUR_MS;
/** More than these nobody reads; a relay bears twice as many of a site. */
const ALERTS_MAX = 100;

/** A site's side of MQTT: messages up and receipts down, and what staff watch: state, status and alerts. */
export function createRelayWay(deps: RelayWayDeps): Sender {
  const { site, clock, log, taker } = deps;
  let clockSeen: ClockSeen | undefined;
  let clockSeenAt = clock.monotonicMs();
  const alerts = createAlerts(site, clock, (publication) => tell(publication), {
    settleMs: ALERT_SETTLE_MS,
    most: ALERTS_MAX,
  });
  /** For people: what the broker does not take is told in the log, and keeps no message from leaving. The next session repeats it. */
  function tell(publication: Publication): void {
    link.publish(publication).catch((error: unknown) => {
      if (link.isOnline()) log.info('not-told', { topic: publication.topic, why: String(error) });
    });
  }

  async function tellStatus(): Promise<void> {
    try {
      tell(await statusText());
    } catch (error) {
      log.info('status-not-told', { why: String(error) });
    }
  }

  /** What people see of a site, at every session anew; the alerts at once, so that what is raised or cleared from now on follows them. */
  async function introduce(): Promise<void> {
    for (const publication of alerts.publications()) tell(publication);
    await tellStatus();
    tell(state('ready'));
  }

  const sender = createRelaySender({
    ...deps,
    publish: (payload) => link.publish({ topic: topicOf(site, 'up'), payload }),
    isOnline: () => link.isOnline(),
    alert(alert, about) {
      alerts.raise(alertId('message', alert.message), alert.failure, about);
      deps.alert(alert);
    },
    relayAlert(trouble, problem) {
      if (problem) alerts.raise(trouble, problem);
      else alerts.clear(trouble);
    },
    async accepted({ id, commodity, day }) {
      // Nearly always nothing stands, and its document need not be read again.
      if (!alerts.isAbout(aboutOf({ commodity, day, carried: [] }).about)) return;
      const message = await deps.outbox.read(id).catch(() => undefined);
      if (!message) return;
      const { corrects } = message;
      const corrected = corrects !== undefined && { corrects: alertId('message', corrects) };
      alerts.settle({ ...aboutOf(message), id: alertId('message', id), ...corrected });
    },
    settled: (message) => alerts.clear(alertId('message', message)),
    clockSeen(seen) {
      clockSeen = seen;
      clockSeenAt = clock.monotonicMs();
    },
  });
  const state = (word: SiteState) => ({
    topic: topicOf(site, 'state'),
    payload: new TextEncoder().encode(word),
    retain: true,
  });
  const seen = (): RelaySeen => ({ relay: relayStatus(sender.heard()), clock: clockSeen });
  const statusText = async () => ({
    topic: topicOf(site, 'status'),
    payload: new TextEncoder().encode(JSON.stringify(boundedStatus(await deps.status(seen())))),
    retain: true,
  });
  const link = createLink({
    ...deps,
    hello: {
      clientId: siteClientId(site),
      clean: false,
      will: state('lost'),
      subscriptions: [topicOf(site, 'down'), RELAY_HERE, ...(taker ? [topicOf(site, 'command')] : [])],
      wishedSubscriptions: [topicOf(site, 'alert/+')],
      onMessage: async (delivered) => hear(delivered),
    },
    async onConnect(session) {
      await session.publish(state('init'));
    },
    onOnline() {
      void introduce();
      sender.sessionBegun();
      taker?.online();
    },
    onLeave: (session) => session.publish(state('disconnected')),
  });

  function hear(delivered: Delivered): void {
    const { topic, payload } = delivered;
    if (topic === RELAY_HERE) sender.relayIsHere();
    else if (topic === topicOf(site, 'down')) sender.received(payload);
    else if (topic === topicOf(site, 'command')) taker?.received(payload);
    else alerts.heard(delivered);
  }

  const commandLine: CommandLine = {
    isOnline: () => link.isOnline(),
    say: (payload) => link.publish({ topic: topicOf(site, 'answer'), payload }),
    sendAgain: (messages) => sender.sendAgain(messages),
    clockOffMsAtMost() {
      const passedMs = (clock.monotonicMs() - clockSeenAt) * (clock.rate ?? 1);
      return clockSeen && offMsAtMost(clockSeen, clock.now(), passedMs);
    },
    alert(problem) {
      if (problem) alerts.raise(COMMAND_ALERT, problem);
      else alerts.clear(COMMAND_ALERT);
    },
  };

  async function keepTelling(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(deps.statusEveryMs, signal).catch((reason: unknown) => {
        if (!signal.aborted) throw reason;
      });
      alerts.sweep();
      if (!signal.aborted && link.isOnline()) await tellStatus();
    }
  }

  return {
    async run(signal) {
      const failed = new AbortController();
      const either = childAbort(signal, failed.signal);
      const runs = [
        link.run(either.signal),
        sender.run(either.signal),
        keepTelling(either.signal),
        ...(taker ? [taker.run(commandLine, either.signal)] : []),
      ];
      for (const run of runs) run.catch((error: unknown) => failed.abort(error));
      await Promise.allSettled(runs);
      either.release();
      await Promise.all(runs);
    },
    wake: () => sender.wake(),
    seen,
  };
}

function relayStatus({ lastReceiptAt, ...heard }: RelayHeard): RelaySeen['relay'] {
  return { ...heard, ...(lastReceiptAt !== undefined && { lastReceiptAt: isoUtc(lastReceiptAt) }) };
}
