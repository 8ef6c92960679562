import { expect, test } from 'vitest';
import { failure } from '../core/failure.ts';
import type { Sealer } from '../machine/sealer.ts';
import { deliver } from './direct.ts';
import { createEnvelopes } from './envelopes.ts';
import { jumpingClock, message } from './uplink.testkit.ts';

const WINDOW_MS = 300_000;

function office() {
  const clock = jumpingClock();
  let seals = 0;
  const sealer: Sealer = {
    seal: async (document) => new TextEncoder().encode(`${++seals} ${JSON.stringify(document)}`),
    verify: async () => ({ ok: false, failure: failure('operator-signature', '') }),
    close: async () => undefined,
  };
  const envelopes = createEnvelopes({ sealer, clock, operatorCertificates: [], timestampWindowMs: WINDOW_MS });
  return { clock, envelopes, seals: () => seals };
}

test('the same bytes again while they are fresh; then a new seal', async () => {
  const { clock, envelopes } = office();
  const first = await envelopes.sealed(message('1'));
  await clock.sleep(WINDOW_MS / 2);
  expect(await envelopes.sealed(message('1'))).toBe(first);
  await clock.sleep(1);
  expect(await envelopes.sealed(message('1'))).not.toBe(first);
});

test('a wall clock set back, or another document under the id, makes it anew', async () => {
  const { clock, envelopes } = office();
  const first = await envelopes.sealed(message('1'));
  await clock.sleep(-1_000);
  const second = await envelopes.sealed(message('1'));
  expect(second).not.toBe(first);
  expect(new TextDecoder().decode(await envelopes.sealed({ ...message('1'), xml: '<other/>' }))).toContain('<other/>');
});

test('only so many are kept', async () => {
  const { envelopes, seals } = office();
  const ids = Array.from({ length: 17 }, (_, n) => String(n));
  for (const id of ids) await envelopes.sealed(message(id));
  await envelopes.sealed(message('16'));
  expect(seals()).toBe(17);
  await envelopes.sealed(message('0'));
  expect(seals()).toBe(18);
});

test.each([
  ['not-sent', true],
  ['no-answer', false],
] as const)('after %s the same bytes go again: %s', async (kind, isSame) => {
  const { clock, envelopes } = office();
  const bodies: string[] = [];
  const http = {
    async send({ body }: { readonly body?: Uint8Array }) {
      bodies.push(new TextDecoder().decode(body));
      return { kind, failure: failure('operator-unreachable', '') };
    },
    close: async () => undefined,
  };
  const deps = { http, clock, envelopes, url: '', soapAction: '', answerWithinMs: 1 };
  const readAnswer = () => {
    throw new Error('there is no answer');
  };
  for (const _try of [1, 2]) await deliver(message('1'), { ...deps, readAnswer });
  expect(bodies[0] === bodies[1]).toBe(isSame);
});
