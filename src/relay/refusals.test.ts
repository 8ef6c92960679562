import { expect, test } from 'vitest';
import { type Failure, failure } from '../core/failure.ts';
import { MINUTE_MS } from '../core/time.ts';
import { REFUSALS, type Refusal } from '../uplink/relay/protocol.ts';
import { createRefusals, UNBELIEVED, UNBELIEVED_SHOWN_MS } from './refusals.ts';

function refusalsAt(start: number) {
  let at = start;
  const standing = new Map<string, string>();
  let said = 0;
  const refusals = createRefusals({
    alerts: {
      raise(id: string, { detail }: Failure) {
        if (standing.get(id) !== detail) said += 1;
        standing.set(id, detail);
      },
      clear: (id) => void standing.delete(id),
    },
    clock: { now: () => at, monotonicMs: () => at },
  });
  const refuse = (refusal: Refusal) =>
    refusals.refused('site-a', refusal, failure('envelope-refused', `${refusal}: ${REFUSALS[refusal]}`));
  const pass = (ms: number) => {
    at += ms;
  };
  return { refusals, refuse, standing, said: () => said, pass };
}

test('what another may have said in a site’s name stands for a day after the last, whatever good messages come', () => {
  const { refusals, refuse, standing, pass } = refusalsAt(0);
  for (const refusal of UNBELIEVED) {
    refuse(refusal);
    refusals.told('site-a', undefined);
    expect([...standing.keys()]).toEqual(['site-a-unbelieved']);
    pass(UNBELIEVED_SHOWN_MS - MINUTE_MS);
    refusals.sweep();
    expect(standing.get('site-a-unbelieved')).toContain(refusal);
  }
  expect(standing.get('site-a-unbelieved')).toContain(`${UNBELIEVED.size}, the last of which`);
  pass(MINUTE_MS);
  refusals.sweep();
  expect(standing.size).toBe(0);
});

test('what the site itself did wrong is over with its next good message', () => {
  const { refusals, refuse, standing } = refusalsAt(0);
  for (const refusal of ['clock-off', 'wrong-point', 'no-way', 'wrong-number'] as const) {
    refuse(refusal);
    expect([...standing.keys()]).toEqual(['site-a-refused']);
    refusals.told('site-a', undefined);
    expect(standing.size).toBe(0);
  }
});

test('a flood is counted, and said once a minute', () => {
  const { refusals, refuse, standing, said } = refusalsAt(0);
  for (let n = 0; n < 1_000; n++) refuse('bad-signature');
  refuse('clock-off');
  expect(said()).toBe(2);
  refusals.sweep();
  expect(said()).toBe(3);
  expect(standing.get('site-a-unbelieved')).toContain('1000, the last');
  expect(refusals.counts()).toEqual({ 'bad-signature': 1_000, 'clock-off': 1 });
});
