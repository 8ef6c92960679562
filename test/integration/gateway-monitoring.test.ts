import { expect, test } from 'vitest';
import { freePorts } from '../../scripts/rehearsal/processes.ts';
import { type Codec, loadCodec } from '../../src/app/sparkplug/codec.ts';
import { startEmbeddedBroker } from '../../src/host/broker-embedded.ts';
import { mqttBroker } from '../../src/host/broker-mqtt.ts';
import type { Delivered } from '../../src/machine/broker.ts';
import { layOut } from '../kit/rehearsal.ts';

/** The packed program with both views of it switched on: `/metrics`, and Sparkplug B on a real broker. */
test('a gateway that reads meters tells Prometheus and a control room of it', async () => {
  const everything = () => true;
  const rights = { isKnown: everything, maySay: everything, mayHear: everything };
  const broker = await startEmbeddedBroker({ host: '127.0.0.1', port: 0, rights });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const heard: Delivered[] = [];
  const staff = await mqttBroker({ url, protocolVersion: 4, username: 'scada', password: 'any' }).connect({
    clientId: 'scada',
    clean: true,
    subscriptions: ['spBv1.0/#'],
    onMessage: async (delivered) => void heard.push(delivered),
  });
  const [port = 0] = await freePorts(1);
  const rehearsal = await layOut({
    day: '2026-03-11',
    scale: 500,
    meters: ['corrector-main', 'meter-offices'],
    change: (site) => ({
      ...site,
      metrics: { host: '127.0.0.1', port },
      sparkplug: { group: 'park', broker: { url, mqtt: '3.1.1' as const } },
    }),
  });
  const running = [rehearsal.startSandbox(), rehearsal.startMeters(), rehearsal.startGateway()];
  const reads = async (device: string) => {
    const text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
      (answer) => answer.text(),
      () => '',
    );
    return Number(
      new RegExp(`^odecet_device_reads_total\\{device="${device}",.*\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
    );
  };
  const codec = await loadCodec();
  const values = (kind: string, device: string) => valuesOf(heard, codec, `spBv1.0/park/${kind}/demo-park/${device}`);
  try {
    for (const device of ['corrector-main', 'meter-offices'])
      await expect.poll(() => reads(device), { timeout: 20_000, interval: 500 }).toBeGreaterThan(1);
    await expect.poll(() => values('DDATA', 'meter-offices').length, { timeout: 15_000 }).toBeGreaterThan(1);
    expect(values('DBIRTH', 'corrector-main')).not.toEqual([]);
  } finally {
    await Promise.all(running.map((each) => each.stop()));
    await staff.close();
    await broker.close();
  }
  expect(heard.at(-1)?.topic).toBe('spBv1.0/park/NDEATH/demo-park');
  expect(
    rehearsal.gatewayLog.filter(({ event }) => event === 'sparkplug-ended' || event === 'metrics-not-told'),
  ).toEqual([]);
  await rehearsal.remove();
}, 60_000);

function valuesOf(heard: readonly Delivered[], codec: Codec, topic: string): unknown[] {
  const payloads = heard.filter((delivered) => delivered.topic === topic).map(({ payload }) => payload);
  return payloads.flatMap((payload) => codec.commands(payload).map(({ value }) => value));
}
