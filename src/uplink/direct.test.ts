import { beforeAll, expect, test } from 'vitest';
import { failure } from '../core/failure.ts';
import type { Verdict } from '../core/message.ts';
import type { Http, HttpOutcome } from '../machine/http.ts';
import type { Seal } from '../machine/sealer.ts';
import { type DirectDeps, deliver } from './direct.ts';
import { createEnvelopes } from './envelopes.ts';
import { heldByPack } from './guard.ts';
import { plainSealer } from './sealer.ts';
import { bodyOf, envelopeOf, faultEnvelope } from './soap.ts';
import { jumpingClock, makeSeal, message, NOW, receiptOf, sealMachine } from './uplink.testkit.ts';
import { verifyEnvelope } from './verify.ts';
import { sealEnvelope } from './ws-security.ts';

let us: Seal;
let operator: Seal;

beforeAll(async () => {
  [us, operator] = await Promise.all([makeSeal('us'), makeSeal('operator')]);
});

const RESPONSE = '<n0:RESPONSE xmlns:n0="urn:response" id="9"/>';

function answer(status: number, text: string): HttpOutcome {
  return { kind: 'answer', status, headers: {}, body: new TextEncoder().encode(text) };
}

function signedAnswer(document = RESPONSE, seal = operator): string {
  return sealEnvelope(document, seal, sealMachine(), { now: NOW, validMs: 300_000 });
}

interface Sent {
  bodies: string[];
  read: string[];
}

function deps(outcome: HttpOutcome, verdict: Verdict = 'accepted', sent: Sent = { bodies: [], read: [] }): DirectDeps {
  const http: Http = {
    send: async (request) => {
      sent.bodies.push(new TextDecoder().decode(request.body));
      return outcome;
    },
    close: async () => undefined,
  };
  const clock = jumpingClock();
  return {
    http,
    clock,
    envelopes: createEnvelopes({
      sealer: plainSealer(us, sealMachine()),
      clock,
      operatorCertificates: [operator.certificatePem],
      timestampWindowMs: 300_000,
    }),
    url: 'https://127.0.0.1/',
    soapAction: '',
    answerWithinMs: 1_000,
    readAnswer: (xml, asked) => {
      sent.read.push(xml);
      return receiptOf(verdict, asked);
    },
  };
}

test('a signed answer is classified from the signed text; what left was signed by us', async () => {
  const sent: Sent = { bodies: [], read: [] };
  const delivery = await deliver(message('7'), deps(answer(200, signedAnswer()), 'accepted', sent));
  expect(delivery).toMatchObject({ outcome: 'answered', receipt: { verdict: 'accepted', message: '7' } });
  expect(delivery.failure).toBeUndefined();
  expect(sent.read[0]).toContain('urn:response');
  const trust = { trusted: [us.certificatePem], now: NOW, windowMs: 1_000 };
  expect(verifyEnvelope(sent.bodies[0]!, trust, sealMachine().crypto).ok).toBe(true);
});

test.each([
  ['rejected', 'operator-rejected'],
  ['unknown', 'operator-answer-unknown'],
] as const)('an answer that says %s comes with its failure', async (verdict, code) => {
  const delivery = await deliver(message('7'), deps(answer(200, signedAnswer()), verdict));
  expect(delivery).toMatchObject({ outcome: 'answered', receipt: { verdict }, failure: { code } });
});

test('an answer that is not signed by the operator is never believed', async () => {
  for (const text of [
    envelopeOf(bodyOf(RESPONSE)),
    signedAnswer(RESPONSE, us),
    signedAnswer().replace('id="9"', 'id="8"'),
  ]) {
    const sent: Sent = { bodies: [], read: [] };
    const delivery = await deliver(message('7'), deps(answer(200, text), 'accepted', sent));
    expect(delivery).toMatchObject({ outcome: 'answered', receipt: { verdict: 'unknown', xml: text } });
    expect(delivery.failure?.code).toBe('operator-signature');
    expect(sent.read).toEqual([]);
  }
});

test('HTTP 200 with something else than SOAP leaves the outcome unknown: the message may have been taken', async () => {
  const delivery = await deliver(message('7'), deps(answer(200, '<html/>')));
  expect(delivery).toMatchObject({ outcome: 'answered', receipt: { verdict: 'unknown' } });
});

test.each([
  ['a SOAP fault', answer(500, faultEnvelope('Server', 'busy')), 'fault', 'operator-fault'],
  ['a SOAP fault under HTTP 200', answer(200, faultEnvelope('Server', 'busy')), 'fault', 'operator-fault'],
  ['an HTTP error page', answer(503, 'Service Unavailable'), 'fault', 'operator-fault'],
  [
    'no connection',
    { kind: 'not-sent', failure: failure('operator-unreachable', 'x') },
    'not-sent',
    'operator-unreachable',
  ],
  ['no answer', { kind: 'no-answer', failure: failure('operator-no-answer', 'x') }, 'no-answer', 'operator-no-answer'],
] as const)('%s is its own kind of outcome', async (_name, outcome, expected, code) => {
  const delivery = await deliver(message('7'), deps(outcome));
  expect(delivery).toMatchObject({ outcome: expected, failure: { code } });
  expect(delivery.receipt).toBeUndefined();
});

test('a message that cannot be signed is not sent', async () => {
  const sent: Sent = { bodies: [], read: [] };
  const large = { ...message('7'), xml: `<a>${'x'.repeat(100_000)}</a>` };
  const delivery = await deliver(large, deps(answer(200, ''), 'accepted', sent));
  expect(delivery).toMatchObject({ outcome: 'not-sent', failure: { code: 'message-too-large' } });
  expect(sent.bodies).toEqual([]);
});

test('production demands a verified pack, the sandbox does not', () => {
  expect(heldByPack('production', { id: 'gas@1', status: 'unverified' })?.code).toBe('pack-unverified');
  expect(heldByPack('production', { id: 'gas@1', status: 'verified' })).toBeUndefined();
  expect(heldByPack('sandbox', { id: 'gas@1', status: 'unverified' })).toBeUndefined();
});
