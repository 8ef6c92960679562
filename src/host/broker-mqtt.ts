import { isIP } from 'node:net';
import { connect, type IClientOptions, type MqttClient, Store } from 'mqtt';
import { type Packet, writeToStream } from 'mqtt-packet';
import { type Failure, type FailureCode, failure, OdecetError } from '../core/failure.ts';
import { type Broker, type BrokerHello, type BrokerSession, HANDS_FULL, type Publication } from '../machine/broker.ts';

export interface MqttOptions {
  /** `mqtt://host:port` or `mqtts://host:port` */
  readonly url: string;
  /** 5, or 4 for MQTT 3.1.1. */
  readonly protocolVersion: 4 | 5;
  readonly username?: string;
  readonly password?: string;
  /** Over TLS: nothing but these authorities is trusted. */
  readonly trustPem?: readonly string[];
  readonly certificatePem?: string;
  readonly keyPem?: string;
  readonly keepaliveSeconds?: number;
  readonly connectWithinMs?: number;
}

/** How long the broker keeps what came for us while we are away. A receipt that got lost is asked for again anyway. */
const SESSION_KEPT_SECONDS = 7 * 24 * 3600;
/** The library looks for a pulse among answers only, and they stand in a row behind all that the broker has for us. */
const PULSE_EVERY_MS = 1_000;
/** A broker that does not speak the version that was asked for: CONNACK of 3.1.1 and of 5. */
const VERSION_CODES = [1, 132];
/** CONNACK codes that waiting does not mend: 3.1.1 (1, 2, 4, 5) and 5 (4.13, those of name, password and right). */
const REFUSING_CODES = [1, 2, 4, 5, 132, 133, 134, 135, 138, 140];

/** MQTT 5.0, 3.14.2.1: another connected with our client id. 3.1.1 tells no reason. */
const SESSION_TAKEN_OVER = 142;

// The library's codec keeps a buffer of each number up to 65,535, made at its first packet: 6 MB for what two bytes hold.
writeToStream.cacheNumbers = false;

/**
 * MQTT.js, used for one connection at a time: it may drop what it has queued when a connection breaks during the replay of its
 * own store (MQTT.js issue 2015), so it is given no chance to replay anything. Reconnecting is its user's business.
 */
export function mqttBroker(options: MqttOptions): Broker {
  return {
    async connect(hello, signal) {
      signal?.throwIfAborted();
      const client = await open(options, hello, signal);
      return session(client, hello, userText(options));
    },
  };
}

async function open(options: MqttOptions, hello: BrokerHello, signal?: AbortSignal): Promise<MqttClient> {
  const client = connect(options.url, clientOptions(options, hello));
  // Before the first packet: what the broker kept for us comes together with its greeting.
  takeMessages(client, hello);
  const over = new AbortController();
  const greeted = new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
    client.once('close', () => reject(new Error('the connection was closed before the broker greeted')));
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true, signal: over.signal });
  });
  try {
    client.connect();
    await greeted;
    return client;
  } catch (cause) {
    client.on('error', () => undefined);
    client.end(true);
    signal?.throwIfAborted();
    throw connectError(options, cause);
  } finally {
    over.abort();
  }
}

function clientOptions(options: MqttOptions, { clientId, clean, will }: BrokerHello): IClientOptions {
  const { protocolVersion, username, password, trustPem, certificatePem, keyPem } = options;
  const host = new URL(options.url).hostname;
  return {
    protocolVersion,
    clientId,
    clean,
    keepalive: options.keepaliveSeconds ?? 30,
    connectTimeout: options.connectWithinMs ?? 10_000,
    reconnectPeriod: 0,
    manualConnect: true,
    resubscribe: false,
    queueQoSZero: false,
    outgoingStore: new NothingKept(),
    ...(protocolVersion === 5 && {
      properties: {
        // What waits for us waits at the broker, not in front of the answers that it has for us.
        receiveMaximum: HANDS_FULL,
        ...(!clean && { sessionExpiryInterval: SESSION_KEPT_SECONDS }),
      },
    }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(trustPem && { ca: [...trustPem], rejectUnauthorized: true }),
    ...(certificatePem !== undefined && { cert: certificatePem }),
    ...(keyPem !== undefined && { key: keyPem }),
    ...(isIP(host) === 0 && { servername: host }),
    ...(will && {
      will: { topic: will.topic, payload: bytesOf(will), qos: will.qos ?? 1, retain: will.retain ?? false },
    }),
  };
}

async function session(client: MqttClient, hello: BrokerHello, user: string): Promise<BrokerSession> {
  const ended = new Promise<Failure>((resolve) => {
    const end = (why: string, code: FailureCode = 'broker-unreachable') => resolve(failure(code, why));
    client.on('error', (error) => end(error.message));
    client.on('disconnect', ({ reasonCode }) => {
      if (reasonCode === SESSION_TAKEN_OVER)
        end(`the broker gave our session to another "${hello.clientId}"`, 'session-taken');
      else end(`the broker took leave, reason ${reasonCode ?? 'not given'}`);
    });
    client.on('close', () => end('the connection was lost'));
  });
  // What the library would still hold of a connection that is gone must go with it.
  void ended.then(() => client.end(true));
  // Not Promise.race with `ended`: a promise keeps for as long as it lives whatever waits for it, here every publication.
  const waiting = new Set<(why: Failure) => void>();
  let over: Failure | undefined;
  void ended.then((why) => {
    over = why;
    for (const lose of waiting) lose(why);
  });
  const orLost = <T>(work: Promise<T>, doing: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const lose = ({ code, detail }: Failure) => reject(new OdecetError(code, detail));
      if (over) lose(over);
      waiting.add(lose);
      work
        .catch((cause: unknown) => failed(cause, user, doing))
        .then(resolve, reject)
        .finally(() => waiting.delete(lose));
    });
  if (hello.subscriptions.length > 0) {
    const doing = `subscribe to ${hello.subscriptions.join(', ')}`;
    const grants = await orLost(client.subscribeAsync([...hello.subscriptions], { qos: 1 }), doing);
    const refused = grants.find(({ qos }) => qos >= 128);
    if (refused) {
      client.end(true);
      throw new OdecetError('broker-refused', refusalText(user, `subscribe to ${refused.topic}`, 'refused'));
    }
  }
  await wish(client, hello, orLost);
  return {
    ended,
    async publish(publication) {
      const { topic, qos = 1, retain = false } = publication;
      const { came, done } = acknowledgement();
      client.publish(topic, bytesOf(publication), { qos, retain }, done);
      // Not awaited: what waits here would keep the publication.
      return orLost(came, `say ${topic}`);
    },
    close: () => client.endAsync().catch(() => undefined),
  };
}

/** Made apart from what is published: thousands may wait for theirs, and none keeps its payload. */
function acknowledgement(): { readonly came: Promise<void>; readonly done: (error?: Error) => void } {
  let done: (error?: Error) => void = () => undefined;
  const came = new Promise<void>((resolve, reject) => {
    done = (error) => (error ? reject(error) : resolve());
  });
  return { came, done };
}

/**
 * In place of the library's store, which keeps what the broker has not acknowledged for a replay that never comes. Mosquitto
 * 2.0.11 sends all that waits for us in one go, whatever `receiveMaximum` says: in a flood the acknowledgements of thousands of
 * receipts stand behind it.
 */
class NothingKept extends Store {
  override put(_packet: Packet, done: (error?: Error) => void): this {
    done();
    return this;
  }
  override del(_packet: Pick<Packet, 'messageId'>, done: (error?: Error) => void): this {
    done();
    return this;
  }
}

async function wish(
  client: MqttClient,
  { wishedSubscriptions = [] }: BrokerHello,
  orLost: <T>(work: Promise<T>, doing: string) => Promise<T>,
): Promise<void> {
  if (wishedSubscriptions.length === 0) return;
  const wished = client.subscribeAsync([...wishedSubscriptions], { qos: 1 });
  // A refusal may come as an error too; a connection that was lost over it is found lost by the next word.
  await orLost(wished, 'subscribe').catch(() => undefined);
}

/** The library takes the next packet when its callback is called: that is held back only while all hands are full. */
function takeMessages(client: MqttClient, { onMessage }: BrokerHello): void {
  let busy = 0;
  let held: (() => void) | undefined;
  let pulseAt = 0;
  client.handleMessage = (packet, callback) => {
    const { topic, payload, retain } = packet;
    // A broker that sends is alive: a centre that took thousands of messages was found dead by the library, and all were lost.
    if (performance.now() - pulseAt > PULSE_EVERY_MS) {
      pulseAt = performance.now();
      client.reschedulePing(true);
    }
    busy += 1;
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    void onMessage({ topic, payload: new Uint8Array(bytes), retained: retain })
      .catch(() => undefined)
      .then(() => {
        busy -= 1;
        const next = held;
        held = undefined;
        next?.();
      });
    if (busy < HANDS_FULL) callback();
    else held = callback;
  };
}

function bytesOf({ payload }: Publication): Buffer {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

function failed(cause: unknown, user: string, doing: string): never {
  const why = cause instanceof Error ? cause.message : String(cause);
  if (isRefusal(cause)) throw new OdecetError('broker-refused', refusalText(user, doing, why), { cause });
  throw new OdecetError('broker-unreachable', why, { cause });
}

function refusalText(user: string, doing: string, why: string): string {
  return `${user} may not ${doing} (${why}); look at the broker's access list and at "username:"`;
}

function userText({ username }: MqttOptions): string {
  return username === undefined ? 'a client without a user name' : `user "${username}"`;
}

/** Also of a publication: MQTT 5 says 135, not authorized; 3.1.1 acknowledges it and does nothing. */
function isRefusal(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'number' && REFUSING_CODES.includes(code);
}

function connectError(options: MqttOptions, cause: unknown): OdecetError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const why = cause instanceof Error ? cause.message : String(cause);
  const said = `${options.url}: ${why || String(code)}`;
  if (!isRefusal(cause)) return new OdecetError('broker-unreachable', said, { cause });
  if (typeof code === 'number' && VERSION_CODES.includes(code)) {
    const advice = `the broker does not speak this version of MQTT; write mqtt: "3.1.1" below "broker:"`;
    return new OdecetError('broker-refused', `${said}; ${advice}`, { cause });
  }
  const advice = `the broker does not let in ${userText(options)}: look at its password, and at "username:"`;
  return new OdecetError('broker-refused', `${said}; ${advice}`, { cause });
}
