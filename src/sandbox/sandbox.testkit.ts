import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Message } from '../core/message.ts';
import { parseUtc } from '../core/time.ts';
import {
  ELECTRICITY_POINT,
  electricityPack,
  GAS_POINTS,
  gasPack,
  madeXml,
  pointDay,
  requestOf,
  ZONE,
} from '../message/message.testkit.ts';
import { packId } from '../message/pack.ts';
import { type IssuedCertificate, issue, makeAuthority } from './certificates.ts';
import type { SandboxConfig } from './config.ts';
import { type Entry, type NewEntry, runsOf } from './journal.ts';

export const PACKS_FOLDER = fileURLToPath(new URL('../../format-packs/ote', import.meta.url));
export const DAY = '2026-03-28';

/** A folder with everything a sandbox and its client need, keys made on the spot. */
export interface Rehearsal {
  readonly folder: string;
  readonly config: SandboxConfig;
  readonly authorityPem: string;
  readonly client: IssuedCertificate;
  /** What the client's messages are signed with. */
  readonly clientSeal: IssuedCertificate;
  readonly operatorSeal: IssuedCertificate;
  remove(): Promise<void>;
}

export async function makeRehearsal(): Promise<Rehearsal> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-sandbox-'));
  const authority = await makeAuthority('rehearsal authority');
  const [server, client, clientSeal, operatorSeal] = await Promise.all([
    issue(authority, { commonName: 'sandbox', dnsNames: ['127.0.0.1', 'localhost'], usage: 'server' }),
    issue(authority, { commonName: 'gateway', usage: 'client' }),
    issue(authority, { commonName: 'gateway seal', usage: 'seal' }),
    issue(authority, { commonName: 'sandbox seal', usage: 'seal' }),
  ]);
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const pair = async (name: string, made: IssuedCertificate) => ({
    certificate: await file(`${name}.crt`, made.certificatePem),
    key: await file(`${name}.key`, made.keyPem),
  });
  const config: SandboxConfig = {
    host: '127.0.0.1',
    port: 0,
    folder: join(folder, 'data'),
    zone: ZONE,
    tls: { ...(await pair('server', server)), clientAuthorities: [await file('ca.crt', authority.certificatePem)] },
    seal: await pair('operator-seal', operatorSeal),
    trustedSeals: [await file('gateway-seal.crt', clientSeal.certificatePem)],
    packs: PACKS_FOLDER,
    points: [
      ...GAS_POINTS.map((code) => ({ code, commodity: 'gas' as const, minutes: 60 as const })),
      { code: ELECTRICITY_POINT, commodity: 'electricity', minutes: 15 },
    ],
    timestampWindowMs: 300_000,
    checkSchema: true,
    faults: [],
  };
  const remove = () => rm(folder, { recursive: true });
  return { folder, config, authorityPem: authority.certificatePem, client, clientSeal, operatorSeal, remove };
}

/** An entry as it is appended. */
export function stored({ rows, xml, ...told }: Entry): NewEntry {
  return { ...told, utf8: Buffer.from(xml), runs: runsOf(rows.map((row) => ({ ...row, start: parseUtc(row.start) }))) };
}

export interface MessageShape {
  readonly day?: string;
  readonly corrects?: string;
  readonly point?: string;
}

/** A gas day with volume and energy of one point. */
export function gasMessage(id: string, { day = DAY, corrects, point = GAS_POINTS[0] }: MessageShape = {}): Message {
  const points = [pointDay({ pack: gasPack, day, minutes: 60 }, point, ['volume', 'energy'])];
  return messageOf(gasPack, id, day, points, corrects);
}

export function electricityMessage(id: string, { day = DAY, corrects }: MessageShape = {}): Message {
  const points = [pointDay({ pack: electricityPack, day, minutes: 15 }, ELECTRICITY_POINT, ['import'])];
  return messageOf(electricityPack, id, day, points, corrects);
}

function messageOf(
  pack: typeof gasPack,
  id: string,
  day: string,
  points: ReturnType<typeof pointDay>[],
  corrects: string | undefined,
): Message {
  const request = { ...requestOf(pack, day, points), id, ...(corrects !== undefined && { corrects }) };
  const { commodity, madeAt } = request;
  return { id, commodity, day, pack: packId(pack), madeAt, xml: madeXml(pack, request), carried: [] };
}
