import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Aedes, type PublishPacket } from 'aedes';
import { type Failure, failure, OdecetError } from '../core/failure.ts';
import {
  type Broker,
  type BrokerHello,
  type BrokerSession,
  type Delivered,
  type Publication,
  sharedFilter,
  topicFits,
} from '../machine/broker.ts';

/** Who may connect, and what each may say and hear. */
export interface BrokerRights {
  /** Also whether the user may call itself by that client id: who takes another's takes its session off. */
  isKnown(user: string, password: string, clientId: string): boolean;
  maySay(user: string, topic: string): boolean;
  mayHear(user: string, filter: string): boolean;
}

export interface EmbeddedOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly tls?: { readonly certificatePem: string; readonly keyPem: string };
  readonly rights: BrokerRights;
}

export interface EmbeddedBroker {
  /** For the program that the broker is in: no network between, and no right needed. */
  readonly broker: Broker;
  readonly port: number;
  close(): Promise<void>;
}

/** Before somebody is known: user, password, client id and a last will are short. */
const CONNECT_BYTES_MAX = 4_096;
/** As systemd/mosquitto/odecet.conf says to Mosquitto; an envelope is at most 200,000 bytes. */
const PACKET_BYTES_MAX = 262_144;

interface Member {
  readonly hello: BrokerHello;
  readonly end: (why: Failure) => void;
}

/**
 * aedes in our own process (MQTT 3.1.1). A publication that one of the program's own sessions takes is acknowledged only when
 * that session has dealt with it: here, unlike with other brokers, a PUBACK is as good as the relay's disk.
 * Throws OdecetError port-in-use.
 */
export async function startEmbeddedBroker(options: EmbeddedOptions): Promise<EmbeddedBroker> {
  const members = new Set<Member>();
  const users = new WeakMap<object, string>();
  const { rights } = options;
  const aedes = await Aedes.createBroker({
    authenticate(client, user, password, done) {
      const isKnown = user !== undefined && rights.isKnown(user, password?.toString() ?? '', client.id);
      if (isKnown) users.set(client, user);
      done(null, isKnown);
    },
    authorizePublish(client, packet, done) {
      const user = client && users.get(client);
      if (!user || !rights.maySay(user, packet.topic)) return done(new Error(`no right to ${packet.topic}`));
      take(members, deliveredOf(packet)).then(() => done(), done);
    },
    authorizeSubscribe(client, subscription, done) {
      const user = users.get(client);
      // 3.1.1 tells a refused subscription by the code 128; the client stays.
      done(null, user && rights.mayHear(user, subscription.topic) ? subscription : null);
    },
  });
  const receive = (connection: Socket) => {
    const client = aedes.handle(connection);
    const fits = packetLengths(() => (users.has(client) ? PACKET_BYTES_MAX : CONNECT_BYTES_MAX));
    // Beside aedes' own `readable` this hears what aedes reads, and reads nothing itself.
    connection.on('data', (bytes: Uint8Array) => {
      if (!fits(bytes)) connection.destroy();
    });
  };
  const server = options.tls
    ? createTlsServer({ cert: options.tls.certificatePem, key: options.tls.keyPem, minVersion: 'TLSv1.2' }, receive)
    : createTcpServer(receive);
  const port = await listen(server, options);
  return {
    port,
    broker: { connect: (hello) => join(aedes, members, hello) },
    async close() {
      for (const { end } of members) end(failure('broker-unreachable', 'the embedded broker was closed'));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function take(members: ReadonlySet<Member>, delivered: Delivered): Promise<void> {
  const groups = new Set<string>();
  const takers = [...members].filter(({ hello }) =>
    hello.subscriptions.some((subscription) => {
      const { group, filter } = sharedFilter(subscription);
      if (!topicFits(filter, delivered.topic) || (group !== undefined && groups.has(group))) return false;
      if (group !== undefined) groups.add(group);
      return true;
    }),
  );
  await Promise.all(takers.map(({ hello }) => hello.onMessage(delivered)));
}

async function join(aedes: Aedes, members: Set<Member>, hello: BrokerHello): Promise<BrokerSession> {
  let end: (why: Failure) => void = () => undefined;
  const ended = new Promise<Failure>((resolve) => {
    end = resolve;
  });
  const member = { hello, end };
  members.add(member);
  return {
    ended,
    async publish(publication) {
      if (!members.has(member)) throw new OdecetError('broker-unreachable', 'the session is over');
      await say(aedes, publication);
      // aedes hands this to its clients; the program's own sessions are ours to serve.
      void take(members, { topic: publication.topic, payload: publication.payload, retained: false }).catch(
        () => undefined,
      );
    },
    async close() {
      members.delete(member);
      end(failure('broker-unreachable', 'we took leave'));
    },
  };
}

/**
 * Follows the lengths of the packets in a stream (MQTT 3.1.1, 2.2.3), because aedes keeps whatever a length announces.
 * False as soon as one says more than may be.
 */
function packetLengths(mostBytes: () => number): (bytes: Uint8Array) => boolean {
  let left = 0;
  let length = 0;
  /** Of the length, which follows the byte with the packet's type. */
  let digit: number | undefined;
  return (bytes) => {
    for (let at = 0; at < bytes.length; ) {
      if (left > 0) {
        const step = Math.min(left, bytes.length - at);
        left -= step;
        at += step;
        continue;
      }
      const byte = bytes[at++]!;
      if (digit === undefined) {
        digit = 0;
        length = 0;
        continue;
      }
      length += (byte & 0x7f) * 128 ** digit;
      digit += 1;
      if (length > mostBytes()) return false;
      if (byte >= 0x80) continue;
      left = length;
      digit = undefined;
    }
    return true;
  };
}

function say(aedes: Aedes, { topic, payload, qos = 1, retain = false }: Publication): Promise<void> {
  const packet = { cmd: 'publish' as const, topic, payload: Buffer.from(payload), qos, retain, dup: false };
  return new Promise((resolve, reject) => {
    aedes.publish(packet, (error) =>
      error ? reject(new OdecetError('broker-unreachable', error.message)) : resolve(),
    );
  });
}

function deliveredOf({ topic, payload }: PublishPacket): Delivered {
  return { topic, payload: new Uint8Array(Buffer.from(payload)), retained: false };
}

function listen(server: Server, { host, port }: EmbeddedOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const code = cause.code === 'EADDRINUSE' ? 'port-in-use' : 'unexpected';
      reject(new OdecetError(code, `${host}:${port}: ${cause.message}; choose another port`, { cause }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
