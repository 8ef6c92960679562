import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Mosquitto, startMosquitto } from '../../scripts/rehearsal/mosquitto.ts';
import { type Postgres, postgresPrograms, startPostgres } from '../../scripts/rehearsal/postgres.ts';
import {
  allEmpty,
  type Centre,
  counted,
  layOutCentre,
  messageOf,
  type RunningSite,
  startRelay,
  startSite,
  until,
} from '../kit/centre.ts';

const SITES = 6;
const DAYS = 10;

describe.skipIf(!postgresPrograms())('two relays on PostgreSQL (skipped without the Debian package postgresql)', () => {
  let mosquitto: Mosquitto;
  let server: Postgres;
  let centre: Centre;
  let sites: RunningSite[];
  let relays: { stop(): Promise<void> }[];

  beforeEach(async () => {
    [mosquitto, server] = await Promise.all([startMosquitto(), startPostgres()]);
    centre = await layOutCentre({ sites: SITES, brokerUrl: mosquitto.url });
    await writeFile(join(centre.rehearsal.folder, 'database.url'), server.url);
    sites = [];
    relays = [];
  }, 60_000);
  afterEach(async () => {
    await Promise.all(sites.map((site) => site.stop()));
    await Promise.all(relays.map((relay) => relay.stop()));
    await Promise.all([centre.remove(), server.stop(), mosquitto.stop()]);
  }, 60_000);

  async function startRelays(parts: object): Promise<void> {
    for (const name of ['centre-1', 'centre-2']) {
      const store = { kind: 'postgres', urlFile: 'database.url', connections: 2 };
      relays.push(await startRelay(await centre.relayFile(name, { store, ...parts })));
    }
  }

  test('together they let no more messages go to the operator than one may', async () => {
    const perSecondMax = 10;
    await startRelays({ perSecondMax });
    sites = Array.from({ length: SITES }, (_, n) =>
      startSite(
        centre,
        n,
        Array.from({ length: DAYS }, (__, day) => messageOf(n, day)),
        { brokerUrl: mosquitto.url },
      ),
    );
    await until(() => allEmpty(sites), 60_000, 'every outbox is empty');
    const entries = await centre.entries();
    expect(counted(entries)).toEqual({ accepted: SITES * DAYS, doubled: 0, rejected: 0 });
    const times = entries.map(({ receivedAt }) => Date.parse(receivedAt)).sort((a, b) => a - b);
    // A busy machine is only ever slower. Two that counted each for itself would need half of this.
    const seconds = (times.at(-1)! - times[0]!) / 1_000;
    expect(seconds).toBeGreaterThan((SITES * DAYS) / perSecondMax - 1);
  }, 90_000);
});
