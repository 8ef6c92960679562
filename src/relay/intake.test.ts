import { expect, test } from 'vitest';
import { shiftDay } from '../core/calendar.ts';
import { type Failure, OdecetError } from '../core/failure.ts';
import { hostCodec, hostSigner, newKeyPem } from '../host/signer.ts';
import type { Log } from '../machine/log.ts';
import type { DocumentReader } from '../machine/reader.ts';
import { electricityPack, GAS_POINTS, gasPack } from '../message/message.testkit.ts';
import { packId } from '../message/pack.ts';
import { electricityMessage, gasMessage } from '../sandbox/sandbox.testkit.ts';
import { packFrame } from '../uplink/relay/frame.ts';
import { headOf, openEnvelope, packEnvelope } from '../uplink/relay/protocol.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import { createIntake } from './intake.ts';
import { plainReader, rememberingReader } from './reader.ts';
import { registryOf, type SiteLine } from './registry.ts';
import type { Kept, RelayStore } from './store.ts';

const SENDER = '27XG-CENTROPOL-P';
const ELECTRICITY_SENDER = '8591824000106';
const codec = hostCodec();
const signer = hostSigner(newKeyPem());
const message = gasMessage('00000000000001');
const OTHER_SITE = { site: 'site-b', key: 'k'.repeat(43), senders: [SENDER, ELECTRICITY_SENDER], revoked: false };
const STANDING = { stage: 'stored' as const, reasons: [], at: 0, attempts: 0 };

interface Odd {
  readonly reader?: DocumentReader;
  readonly log?: Log;
  readonly isRevoked?: () => boolean;
  readonly points?: string[];
  /** Of the registry, beside that of the site. */
  readonly others?: readonly Partial<SiteLine>[];
  readonly alert?: (site: string, problem: Failure | undefined) => void;
  /** Whose the messages in the store are. */
  readonly sites?: ReadonlyMap<string, string>;
}

const NO_SITES: ReadonlyMap<string, string> = new Map();

function intakeOver(keep: RelayStore['keep'], number?: number, odd: Odd = {}) {
  const { reader, log = quietLog, isRevoked, points, others = [], sites = NO_SITES, alert = () => undefined } = odd;
  const receipts: string[] = [];
  const details: string[] = [];
  const store: RelayStore = {
    keep,
    claim: async () => [],
    settle: async () => undefined,
    release: async () => undefined,
    shed: async () => ({ bared: 0, removed: 0, isDone: true }),
    size: async () => 0,
    standing: async () => undefined,
    siteOf: async ({ id }) => sites.get(id),
    agedTo: async () => undefined,
    oldest: async () => new Map(),
    ageTo: async () => undefined,
    counts: async () => ({ stored: 0, sent: 0, accepted: 0, rejected: 0, unknown: 0 }),
    onMended: () => undefined,
    close: async () => undefined,
  };
  const intake = createIntake({
    registry: () =>
      registryOf([
        {
          site: 'site-a',
          number,
          key: signer.publicKey,
          senders: [SENDER, ELECTRICITY_SENDER],
          revoked: isRevoked?.() ?? false,
          ...(points && { points }),
        },
        ...others.map((other) => ({ ...OTHER_SITE, ...other })),
      ]),
    codec,
    store,
    packs: new Map([gasPack, electricityPack].map((pack) => [packId(pack), pack])),
    zone: 'Europe/Prague',
    reader: reader ?? plainReader([gasPack, electricityPack], 'Europe/Prague', codec),
    senders: new Set([SENDER, ELECTRICITY_SENDER]),
    clockOffMsMax: 600_000,
    clock: { now: () => message.madeAt },
    log,
    answer: ({ id }, { stage }) => receipts.push(`${id} ${stage}`),
    refuse: ({ id }, refusal, detail) => {
      receipts.push(`${id} ${refusal}`);
      details.push(detail);
    },
    refused: () => undefined,
    alert,
    spoke: () => undefined,
    stored: () => undefined,
  });
  return { intake, receipts, details };
}

const envelope = () => packEnvelope(message, 'site-a', signer, codec);

test('no receipt before the store has the message', async () => {
  let done: ((kept: Kept[]) => void) | undefined;
  const { intake, receipts } = intakeOver(
    () =>
      new Promise((resolve) => {
        done = resolve;
      }),
  );
  const taking = intake.take('site-a', envelope());
  await expect.poll(() => done).toBeDefined();
  expect(receipts).toEqual([]);
  done?.([{ kind: 'new', standing: STANDING }]);
  await taking;
  expect(receipts).toEqual(['00000000000001 stored']);
});

test('no receipt at all when the store refuses', async () => {
  const { intake, receipts } = intakeOver(() => Promise.reject(new OdecetError('store-full', 'no room')));
  await expect(intake.take('site-a', envelope())).rejects.toMatchObject({ failure: { code: 'store-full' } });
  expect(receipts).toEqual([]);
});

test('a thread that cannot read is told; no receipt', async () => {
  const told: unknown[] = [];
  const log: Log = { ...quietLog, error: (event, fields) => void told.push([event, fields?.code]) };
  const reader: DocumentReader = {
    read: () => Promise.reject(new OdecetError('unexpected', 'a thread broke off')),
    close: async () => undefined,
  };
  const { intake, receipts } = intakeOver(async () => [], undefined, { reader, log });
  await expect(intake.take('site-a', envelope())).rejects.toThrow('broke off');
  expect(told).toEqual([['relay-cannot-read', 'unexpected']]);
  expect(receipts).toEqual([]);
});

test('an id with the number of another site is refused, one from before there were numbers is not', async () => {
  const { intake, receipts } = intakeOver(async () => [{ kind: 'new', standing: STANDING }], 7);
  const ids = ['17860000000007', '17860000000008', '01780000000001'];
  for (const id of ids) await intake.take('site-a', packEnvelope(gasMessage(id), 'site-a', signer, codec));
  expect(receipts).toEqual([`${ids[0]} stored`, `${ids[1]} wrong-number`, `${ids[2]} stored`]);
});

test('a document that corrects another message than its envelope says is refused', async () => {
  const { intake, receipts } = intakeOver(async () => [{ kind: 'new', standing: STANDING }]);
  const correction = electricityMessage('00000000000009', { corrects: '00000000000001' });
  for (const corrects of ['00000000000002', '00000000000001'])
    await intake.take('site-a', packEnvelope({ ...correction, corrects }, 'site-a', signer, codec));
  await intake.take('site-a', packEnvelope(correction, 'site-a', signer, codec));
  expect(receipts).toEqual(['bad-document', 'stored', 'bad-document'].map((word) => `00000000000009 ${word}`));
});

test('what the envelope says is held against the document: when it was made, and that its intervals were over then', async () => {
  const { intake, receipts } = intakeOver(async () => [{ kind: 'new', standing: STANDING }]);
  const { day, madeAt } = message;
  const later = { ...message, madeAt: madeAt + 60_000 };
  await intake.take('site-a', packEnvelope(later, 'site-a', signer, codec));
  // Made truly at that time, but of a day that was not over.
  const early = gasMessage(message.id, { day: shiftDay(day, 2) });
  await intake.take('site-a', packEnvelope(early, 'site-a', signer, codec));
  await intake.take('site-a', envelope());
  expect(receipts).toEqual(['bad-document', 'bad-document', 'stored'].map((word) => `${message.id} ${word}`));
});

test('the same document as another version is refused, with both versions', async () => {
  const { intake, details } = intakeOver(async () => [{ kind: 'taken', bySite: 'site-a', version: 3 }]);
  await intake.take('site-a', envelope());
  expect(details).toEqual([expect.stringMatching(/as version 3, now 1\)/)]);
});

test('the same bytes are not read again; other bytes, or another hash, are', async () => {
  let reads = 0;
  const plain = plainReader([gasPack], 'Europe/Prague', codec);
  const reader = rememberingReader(
    {
      ...plain,
      read(document, pack) {
        reads += 1;
        return plain.read(document, pack);
      },
    },
    codec,
  );
  const { packed, head } = { packed: openEnvelope(envelope())!.frame.packed, head: headOf(message, 'site-a', codec) };
  const first = await reader.read({ gzip: packed, sha256: head.hash }, head.pack);
  expect(first).toMatchObject({ kind: 'document', said: { id: message.id } });
  expect(await reader.read({ gzip: packed.slice(), sha256: head.hash }, head.pack)).toEqual(first);
  expect(reads).toBe(1);
  const other = packed.slice();
  other[other.length - 1]! ^= 1;
  expect(await reader.read({ gzip: other, sha256: head.hash }, head.pack)).toEqual({ kind: 'other' });
  expect(await reader.read({ gzip: packed, sha256: 'another' }, head.pack)).toEqual({ kind: 'other' });
  expect(reads).toBe(3);
});

test('a site that is revoked while its document is read is refused', async () => {
  let isRevoked = false;
  const reader = plainReader([gasPack], 'Europe/Prague', codec);
  const { intake, receipts } = intakeOver(() => Promise.reject(new Error('asked')), undefined, {
    reader: {
      ...reader,
      async read(document, pack) {
        const read = await reader.read(document, pack);
        isRevoked = true;
        return read;
      },
    },
    isRevoked: () => isRevoked,
  });
  await intake.take('site-a', envelope());
  expect(receipts).toEqual(['00000000000001 revoked-site']);
});

const isNew = async (): Promise<Kept[]> => [{ kind: 'new', standing: STANDING }];

test('a correction of another site’s message is refused: by the store, and where it does not know it by the number in the id', async () => {
  const sites = new Map([
    ['00000000000001', 'site-b'],
    ['17860000000008', 'site-a'],
  ]);
  const { intake, receipts } = intakeOver(isNew, 7, { sites });
  const correcting = (corrects: string) =>
    packEnvelope({ ...electricityMessage('17870000000007', { corrects }), corrects }, 'site-a', signer, codec);
  const said = [
    ['00000000000001', 'foreign-correction'],
    ['17850000000008', 'foreign-correction'],
    ['17850000000007', 'stored'],
    // Its own, from when it had another number; and one from before there were numbers that went another way.
    ['17860000000008', 'stored'],
    ['00000000000002', 'stored'],
  ] as const;
  for (const [corrects] of said) await intake.take('site-a', correcting(corrects));
  expect(receipts).toEqual(said.map(([, word]) => `17870000000007 ${word}`));
});

test('a site without a number corrects nothing that bears another’s', async () => {
  const { intake, receipts } = intakeOver(isNew, undefined, { others: [{ number: 8 }] });
  for (const corrects of ['17850000000008', '17850000000009']) {
    const correction = { ...electricityMessage('00000000000007', { corrects }), corrects };
    await intake.take('site-a', packEnvelope(correction, 'site-a', signer, codec));
  }
  expect(receipts).toEqual(['00000000000007 foreign-correction', '00000000000007 stored']);
});

test('a point that the registry gives to another site of the sender is refused, whether or not this one has a list', async () => {
  const point = GAS_POINTS[0];
  const refused = [
    { others: [{ points: [point] }] },
    { points: [GAS_POINTS[1]] },
    { points: [GAS_POINTS[1]], others: [{ points: [point] }] },
  ];
  const taken = [
    { points: [point] },
    { points: [point], others: [{ points: [point] }] },
    { others: [{ points: [point], revoked: true }] },
    { others: [{ points: [point], senders: ['another'] }] },
  ];
  for (const odd of [...refused, ...taken]) {
    const { intake, receipts } = intakeOver(isNew, undefined, odd);
    await intake.take('site-a', envelope());
    expect(receipts, JSON.stringify(odd)).toEqual([
      `${message.id} ${refused.some((one) => one === odd) ? 'wrong-point' : 'stored'}`,
    ]);
  }
});

test('a version that no database takes is no envelope', async () => {
  const { intake, receipts } = intakeOver(isNew);
  const head = { ...headOf(message, 'site-a', codec), version: 3_000_000_000 };
  const document = codec.gzip(new TextEncoder().encode(message.xml));
  expect(openEnvelope(packFrame(head, document, signer))).toBeUndefined();
  await intake.take('site-a', packFrame({ ...head, version: 2_147_483_647 }, document, signer));
  expect(receipts).toEqual([`${message.id} stored`]);
});

test('what the store does not take of several stops nobody else; a store that is away is not asked for each', async () => {
  const asked: number[] = [];
  const told: string[] = [];
  let first: (() => void) | undefined;
  const { intake, receipts } = intakeOver(
    async (messages) => {
      asked.push(messages.length);
      if (asked.length === 1) await new Promise<void>((resolve) => (first = resolve));
      if (messages.some(({ day }) => day === shiftDay(message.day, -1)))
        throw new OdecetError('unexpected', 'integer out of range');
      return messages.map(() => ({ kind: 'new', standing: STANDING }));
    },
    undefined,
    { alert: (_, problem) => void told.push(problem?.detail ?? 'good') },
  );
  const ids = ['00000000000001', '00000000000002', '00000000000003', '00000000000004'];
  const envelopes = ids.map((id, n) => gasMessage(id, { day: shiftDay(message.day, n === 2 ? -1 : 0) }));
  const taking = envelopes.map((one) =>
    intake.take('site-a', packEnvelope(one, 'site-a', signer, codec)).catch((error: Error) => error.message),
  );
  await expect.poll(() => first).toBeDefined();
  await new Promise((resolve) => setImmediate(resolve));
  first?.();
  const taken = await Promise.all(taking);
  expect(receipts).toEqual([`${ids[0]} stored`, `${ids[1]} stored`, `${ids[3]} stored`]);
  expect(taken[2]).toContain('integer out of range');
  expect(asked).toEqual([1, 3, 1, 1, 1]);
  expect(told).toContainEqual(expect.stringContaining(`message ${ids[2]} cannot be kept`));

  let times = 0;
  const away = intakeOver(() => {
    times += 1;
    return Promise.reject(new OdecetError('database-away', 'gone'));
  });
  await Promise.all(
    envelopes.map((one) => away.intake.take('site-a', packEnvelope(one, 'site-a', signer, codec)).catch(() => 0)),
  );
  expect(times).toBeLessThan(ids.length);
});
