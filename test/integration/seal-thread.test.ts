import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostSealCrypto } from '../../src/host/seal-crypto.ts';
import { threadSealer } from '../../src/host/sealer.ts';
import type { Seal, Sealer } from '../../src/machine/sealer.ts';
import { openBody } from '../../src/uplink/soap.ts';
import { makeSeal, NOW } from '../../src/uplink/uplink.testkit.ts';
import { verifyEnvelope } from '../../src/uplink/verify.ts';

/** The program of the thread as it is built. */
const MODULE = new URL('../../dist/src/app/seal-worker.js', import.meta.url);
const STAMPED = { now: NOW, validMs: 300_000 };

let seal: Seal;
let sealer: Sealer;

beforeAll(async () => {
  seal = await makeSeal('gateway');
  sealer = threadSealer(MODULE, seal);
});
afterAll(() => sealer.close());

const rows = Array.from(
  { length: 1_000 },
  (_, n) => `<Data value="1.001" unit="M3" n="${n}" from="2026-03-28T05:00:00Z" />`,
);
const document = `<DATA xmlns="urn:test">${rows.join('')}</DATA>`;

test('what the thread seals verifies here and there', async () => {
  const envelope = new TextDecoder().decode(await sealer.seal(document, STAMPED));
  const trust = { trusted: [seal.certificatePem], now: NOW, windowMs: 1_000 };
  const verified = await sealer.verify(envelope, trust);
  expect(verified).toEqual(verifyEnvelope(envelope, trust, hostSealCrypto()));
  if (!verified.ok) throw new Error(verified.failure.detail);
  expect(openBody(verified.body)).toMatchObject({ kind: 'document', name: 'DATA' });
  expect(await sealer.verify(envelope.replace('1.001', '1.002'), trust)).toMatchObject({
    failure: { code: 'operator-signature' },
  });
});

test('the program goes on while a large message is sealed', async () => {
  let turns = 0;
  const count = () => {
    turns += 1;
    turning = setImmediate(count);
  };
  let turning = setImmediate(count);
  await sealer.seal(document, STAMPED);
  clearImmediate(turning);
  expect(turns).toBeGreaterThan(1);
});

test('what cannot be sealed has its name also from the thread', async () => {
  await expect(sealer.seal(`<a>${'x'.repeat(100_000)}</a>`, STAMPED)).rejects.toMatchObject({
    failure: { code: 'message-too-large' },
  });
  const keyless = threadSealer(MODULE, { ...seal, keyPem: 'x' });
  await expect(keyless.seal('<a/>', STAMPED)).rejects.toMatchObject({ failure: { code: 'key-unreadable' } });
  await keyless.close();
});
