import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { freePorts } from '../../scripts/rehearsal/processes.ts';
import { enroll } from '../../src/app/enroll.ts';
import { PROJECT_FOLDER } from '../../src/app/project.ts';
import { loadRelayConfig } from '../../src/app/relay.ts';
import { runRelay } from '../../src/app/run-relay.ts';
import { createSiteView } from '../../src/app/site-view.ts';
import type { Site } from '../../src/device/site.ts';
import { mqttBroker } from '../../src/host/broker-mqtt.ts';
import { hostSigner, newKeyPem } from '../../src/host/signer.ts';
import { quietLog } from '../../src/uplink/uplink.testkit.ts';
import { ACCEPTED_ONCE, outcomeOf, untilAccepted } from '../kit/outcome.ts';
import { lastWords, layOut } from '../kit/rehearsal.ts';

/** A whole rehearsed day of the real gateway, over the relay with its own broker; the relay is away for some hours of it. */
const SITE = 'demo-park';
const PATIENCE_MS = 30_000;

test('a day of a gateway that sends over the relay is accepted once, and staff see the site', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-relay-day-'));
  const [port = 0] = await freePorts(1);
  const url = `mqtt://127.0.0.1:${port}`;
  const relayPem = newKeyPem();
  await writeFile(join(folder, 'relay.key'), relayPem);
  let direct: Extract<Site['uplink'], { kind: 'direct' }> | undefined;
  let senders: string[] = [];
  const rehearsal = await layOut({
    day: '2026-03-11',
    scale: 3_000,
    meters: ['corrector-boilers', 'meter-hall-1'],
    change(site) {
      if (site.uplink.kind !== 'direct') throw new Error('the demo sends directly');
      direct = site.uplink;
      senders = [site.market.gas!.sender.id, site.market.electricity!.sender.id];
      const broker = { url, mqtt: '3.1.1' as const, passwordFile: join(folder, SITE, 'broker.password') };
      const relayKeys = [hostSigner(relayPem).publicKey];
      const key = join(folder, SITE, 'site.key');
      const { environment, retry } = site.uplink;
      const timing = { commands: [], receiptWithinMs: 1_000, statusEveryMs: 1_000 };
      return { ...site, uplink: { kind: 'relay', environment, broker, key, relayKeys, retry, ...timing } };
    },
  });
  await enroll({ site: SITE, registry: join(folder, 'registry.yaml'), senders, out: join(folder, SITE), csr: false });
  await writeFile(join(folder, 'staff.password'), 'look');
  const { kind: _, retry, ...operator } = direct!;
  const inSite = (name: string) => join(rehearsal.folder, name);
  const identity = (pair: { certificate: string; key: string }) => ({
    certificate: inSite(pair.certificate),
    key: inSite(pair.key),
  });
  const relayYaml = {
    relay: 'centre-1',
    key: 'relay.key',
    registry: 'registry.yaml',
    packs: [join(PROJECT_FOLDER, 'format-packs', 'ote')],
    embeddedBroker: { port, staffPasswordFile: 'staff.password' },
    store: { kind: 'level', folder: 'data' },
    // Processes do not agree on the rehearsed time to the second.
    clockOffMsMax: 7_200_000,
    retry,
    senders: senders.map((id) => ({
      ...operator,
      id,
      tls: { ...identity(operator.tls), trust: operator.tls.trust.map(inSite) },
      seal: identity(operator.seal),
      operatorCertificates: operator.operatorCertificates.map(inSite),
    })),
  };
  await writeFile(join(folder, 'relay.yaml'), stringify(relayYaml));
  const loaded = await loadRelayConfig(join(folder, 'relay.yaml'));
  const start = () => {
    const stop = new AbortController();
    return { stop, running: runRelay(loaded, true, rehearsal.clock, quietLog, stop.signal) };
  };
  const programs = [rehearsal.startMeters(), rehearsal.startSandbox(), rehearsal.startGateway()];
  let relay = start();
  try {
    await rehearsal.clock.sleep(6_000);
    relay.stop.abort();
    await relay.running;
    await rehearsal.clock.sleep(3_000);
    relay = start();
    await untilAccepted(rehearsal, PATIENCE_MS);
    const words = await lastWords(rehearsal, 'gateway');
    expect(await outcomeOf(rehearsal), words).toMatchObject({ ...ACCEPTED_ONCE, intervalsAccepted: 72 });
    const view = createSiteView();
    const staff = await mqttBroker({ url, protocolVersion: 4, username: 'staff', password: 'look' }).connect({
      clientId: 'staff',
      clean: true,
      subscriptions: view.filters,
      onMessage: async (delivered) => view.told(delivered),
    });
    const seen = () => view.sites().find(({ site }) => site === SITE);
    await expect.poll(() => seen()?.status?.outbox?.depth, { timeout: PATIENCE_MS }).toBe(0);
    expect(seen()).toMatchObject({ state: 'ready', status: { site: SITE, devices: [{}, {}], points: [{}, {}, {}] } });
    await staff.close();
  } finally {
    await Promise.all(programs.map((program) => program.stop()));
    relay.stop.abort();
    await relay.running;
    await rehearsal.remove();
    await rm(folder, { recursive: true });
  }
}, 120_000);
