import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Broker, BrokerHello, BrokerSession, Delivered } from '../../src/machine/broker.ts';

export interface BrokerSubject {
  readonly name: string;
  /** Whether it knows shared subscriptions; aedes does not. */
  readonly shared: boolean;
  /** Runs a body: at once, or in virtual time. */
  run(body: (broker: Broker, machine: BrokerMachine) => Promise<void>): Promise<void>;
}

export interface BrokerMachine {
  sleep(ms: number): Promise<void>;
  /** Cuts a client's connection as a broken network would. Absent where that cannot be made. */
  readonly cut?: (clientId: string) => void;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);

interface Listener {
  readonly session: BrokerSession;
  readonly heard: Delivered[];
  /** Waits until so many were heard. */
  until(count: number): Promise<void>;
}

export function brokerContract(subject: BrokerSubject): void {
  describe(`broker: ${subject.name}`, () => {
    let open: BrokerSession[];
    beforeEach(() => {
      open = [];
    });
    afterEach(() => Promise.all(open.map((session) => session.close())));

    async function listen(
      broker: Broker,
      { sleep }: BrokerMachine,
      clientId: string,
      subscriptions: readonly string[],
      more: Partial<BrokerHello> = {},
    ): Promise<Listener> {
      const heard: Delivered[] = [];
      const onMessage = async (delivered: Delivered) => void heard.push(delivered);
      const session = await broker.connect({ clientId, clean: true, subscriptions, onMessage, ...more });
      open.push(session);
      const until = async (count: number) => {
        for (let tries = 0; heard.length < count && tries < 200; tries++) await sleep(10);
        expect(heard.length).toBeGreaterThanOrEqual(count);
      };
      return { session, heard, until };
    }

    it('carries bytes as they are to everybody who asked for the topic, and to nobody else', () =>
      subject.run(async (broker, machine) => {
        const one = await listen(broker, machine, 'a', ['odecet/1/+/up']);
        const other = await listen(broker, machine, 'b', ['odecet/1/x/down']);
        const payload = Uint8Array.from({ length: 256 }, (_, n) => n);
        await one.session.publish({ topic: 'odecet/1/x/up', payload });
        await other.session.publish({ topic: 'odecet/1/x/down', payload: bytes('2') });
        await Promise.all([one.until(1), other.until(1)]);
        expect(one.heard).toEqual([{ topic: 'odecet/1/x/up', payload, retained: false }]);
        expect(other.heard.map(({ topic }) => topic)).toEqual(['odecet/1/x/down']);
      }));

    it.skipIf(!subject.shared)('gives a shared subscription to one of its group', () =>
      subject.run(async (broker, machine) => {
        const both = [
          await listen(broker, machine, 'a', ['$share/g/odecet/1/+/up']),
          await listen(broker, machine, 'b', ['$share/g/odecet/1/+/up']),
        ];
        const speaker = await listen(broker, machine, 'c', []);
        for (let n = 0; n < 20; n++)
          await speaker.session.publish({ topic: `odecet/1/s${n}/up`, payload: bytes(String(n)) });
        const count = () => both.reduce((sum, { heard }) => sum + heard.length, 0);
        for (let tries = 0; count() < 20 && tries < 200; tries++) await machine.sleep(10);
        await machine.sleep(50);
        expect(count()).toBe(20);
      }),
    );

    it('a client that takes leave says so by no will', () =>
      subject.run(async (broker, machine) => {
        const watcher = await listen(broker, machine, 'w', ['odecet/1/+/state']);
        const will = { topic: 'odecet/1/s/state', payload: bytes('lost'), retain: true };
        const leaver = await listen(broker, machine, 's', [], { will });
        await leaver.session.publish({ topic: 'odecet/1/s/state', payload: bytes('disconnected') });
        await leaver.session.close();
        await watcher.until(1);
        await machine.sleep(50);
        expect(watcher.heard.map(({ payload }) => text(payload))).toEqual(['disconnected']);
      }));

    it('a session that is over ends, and refuses to publish', () =>
      subject.run(async (broker, machine) => {
        const { session } = await listen(broker, machine, 'a', []);
        await session.close();
        expect((await session.ended).code).toBe('broker-unreachable');
        await expect(session.publish({ topic: 'odecet/1/a/up', payload: bytes('x') })).rejects.toMatchObject({
          failure: { code: 'broker-unreachable' },
        });
      }));

    it('of two clients with one id the older loses its session', () =>
      subject.run(async (broker, machine) => {
        const { session } = await listen(broker, machine, 'twin', []);
        await listen(broker, machine, 'twin', []);
        // Mosquitto 2.0.11 does not say why, nor does MQTT 3.1.1.
        expect(['session-taken', 'broker-unreachable']).toContain((await session.ended).code);
      }));

    it('an aborted connect gives no session', () =>
      subject.run(async (broker) => {
        const hello = { clientId: 'a', clean: true, subscriptions: [], onMessage: async () => undefined };
        await expect(broker.connect(hello, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
      }));

    it('repeats the last word on a topic to who comes later, until it is taken back', () =>
      subject.run(async (broker, machine) => {
        const speaker = await listen(broker, machine, 'a', []);
        const topic = 'odecet/1/s/alert/x';
        await speaker.session.publish({ topic, payload: bytes('fire'), retain: true });
        const late = await listen(broker, machine, 'b', ['odecet/1/+/alert/+']);
        await late.until(1);
        expect(late.heard).toEqual([{ topic, payload: bytes('fire'), retained: true }]);
        await speaker.session.publish({ topic, payload: new Uint8Array(0), retain: true });
        await machine.sleep(50);
        const later = await listen(broker, machine, 'c', ['odecet/1/+/alert/+']);
        await machine.sleep(50);
        expect(later.heard).toEqual([]);
      }));

    it('keeps what comes for a client that is away and wanted that', () =>
      subject.run(async (broker, machine) => {
        const away = await listen(broker, machine, 'away', ['odecet/1/s/down'], { clean: false });
        await away.session.close();
        const speaker = await listen(broker, machine, 'a', []);
        await speaker.session.publish({ topic: 'odecet/1/s/down', payload: bytes('receipt') });
        const back = await listen(broker, machine, 'away', ['odecet/1/s/down'], { clean: false });
        await back.until(1);
        expect(text(back.heard[0]!.payload)).toBe('receipt');
      }));

    it('speaks the will of a client whose connection breaks', () =>
      subject.run(async (broker, machine) => {
        if (!machine.cut) return;
        const watcher = await listen(broker, machine, 'w', ['odecet/1/+/state']);
        const will = { topic: 'odecet/1/s/state', payload: bytes('lost'), retain: true };
        const broken = await listen(broker, machine, 's', [], { will });
        machine.cut('s');
        expect((await broken.session.ended).code).toBe('broker-unreachable');
        await watcher.until(1);
        expect(text(watcher.heard[0]!.payload)).toBe('lost');
      }));
  });
}
