import { expect, test } from 'vitest';
import { type Failure, failure } from '../core/failure.ts';
import type { Message } from '../core/message.ts';
import { hostCodec, hostSigner, newKeyPem } from '../host/signer.ts';
import type { DocumentReader } from '../machine/reader.ts';
import { GAS_POINTS, gasPack, ZONE } from '../message/message.testkit.ts';
import { gasMessage } from '../sandbox/sandbox.testkit.ts';
import { createAlerts } from '../uplink/relay/alerts.ts';
import { packEnvelope } from '../uplink/relay/protocol.ts';
import { createMessageAlerts } from './message-alerts.ts';
import { plainReader } from './reader.ts';
import type { SiteMessage } from './store.ts';

const codec = hostCodec();
const signer = hostSigner(newKeyPem());
const [A, B] = GAS_POINTS;
const rejected = failure('operator-rejected', 'wrong');
const settled = () => new Promise((resolve) => setImmediate(resolve));

function kept(message: Message, site = 'site-a'): SiteMessage {
  const { id, day } = message;
  const envelope = packEnvelope(message, site, signer, codec);
  return { sender: 'x', id, site, version: 1, hash: id, day, receivedAt: 0, envelope };
}

const first = kept(gasMessage('00000000000001', { point: A }));

function told(reader: DocumentReader = plainReader([gasPack], ZONE, codec)) {
  const alerts = createAlerts('relay', { now: () => 0, monotonicMs: () => 0 }, () => undefined, { settleMs: 1 });
  const standing = () => alerts.standing().map(({ id }) => id);
  return { ...createMessageAlerts({ alerts, reader }), standing };
}

async function afterRejection(later: SiteMessage, problem: Failure = rejected): Promise<string[]> {
  const alerts = told();
  alerts.told(first, problem);
  await settled();
  expect(alerts.standing()).toEqual(['site-a-00000000000001']);
  alerts.accepted(later);
  await settled();
  return alerts.standing();
}

test('a rejection goes when its points were accepted later, not with others of its day, site or kind', async () => {
  expect(await afterRejection(kept(gasMessage('00000000000002', { point: A })))).toEqual([]);
  for (const other of [
    kept(gasMessage('00000000000002', { point: B })),
    kept(gasMessage('00000000000000', { point: A })),
    kept(gasMessage('00000000000002', { point: A, day: '2026-01-01' })),
    kept(gasMessage('00000000000002', { point: A }), 'site-b'),
  ])
    expect(await afterRejection(other)).toEqual(['site-a-00000000000001']);
});

test('one whose document nobody can read goes with its correction only', async () => {
  const unreadable: DocumentReader = { read: () => Promise.reject(new Error('away')), close: async () => undefined };
  const alerts = told(unreadable);
  alerts.told(first, rejected);
  await settled();
  alerts.accepted(kept(gasMessage('00000000000002', { point: A })));
  await settled();
  expect(alerts.standing()).toEqual(['site-a-00000000000001']);
  alerts.accepted(kept({ ...gasMessage('00000000000003', { point: A }), corrects: '00000000000001' }));
  await settled();
  expect(alerts.standing()).toEqual([]);
});

test('what came meanwhile counts, however long a document is read', async () => {
  const release: (() => void)[] = [];
  const plain = plainReader([gasPack], ZONE, codec);
  const alerts = told({
    ...plain,
    async read(document, pack) {
      await new Promise<void>((resolve) => release.push(resolve));
      return plain.read(document, pack);
    },
  });
  alerts.told(first, rejected);
  alerts.told(first, undefined);
  release.pop()!();
  await settled();
  expect(alerts.standing()).toEqual([]);
  alerts.told(first, rejected);
  // Its document is read sooner than that of the first.
  alerts.accepted(kept(gasMessage('00000000000002', { point: A })));
  release.pop()!();
  await settled();
  release.pop()!();
  await settled();
  expect(alerts.standing()).toEqual([]);
});
