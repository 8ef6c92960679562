import { expect, test } from 'vitest';
import { failure } from '../core/failure.ts';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import type { Delivery } from '../uplink/direct.ts';
import { quietLog, receiptOf } from '../uplink/uplink.testkit.ts';
import { createSenderHealth } from './sender-health.ts';

const FAULT: Delivery = { outcome: 'fault', detail: '', failure: failure('operator-fault', 'not authorised') };
const ANSWERED: Delivery = {
  outcome: 'answered',
  detail: '',
  receipt: receiptOf('accepted', { id: '00000000000001' }),
};

function place() {
  let now = 0;
  const standing = new Map<string, string>();
  const health = createSenderHealth({
    alerts: {
      raise: (id, { code, detail }) => void standing.set(id, `${code} ${detail}`),
      clear: (id) => void standing.delete(id),
    },
    clock: { now: () => now, monotonicMs: () => now },
    log: quietLog,
  });
  return {
    standing,
    tries(sender: string, delivery: Delivery, times: number, everyMs: number) {
      for (let n = 0; n < times; n++) {
        health.tried(sender, delivery);
        now += everyMs;
      }
    },
  };
}

test('a sender who gets nothing but faults for an hour is told though another works, until it is answered', () => {
  const { standing, tries } = place();
  standing.set('sender-a', 'of an earlier run');
  tries('A', ANSWERED, 1, 0);
  expect(standing.size).toBe(0);
  for (let n = 0; n < 13; n++) {
    tries('A', FAULT, 1, 5 * MINUTE_MS);
    tries('B', ANSWERED, 1, 0);
  }
  expect([...standing]).toEqual([
    ['sender-a', expect.stringMatching(/^operator-fault no message of A .*not authorised/)],
  ]);
  tries('A', ANSWERED, 1, 0);
  expect(standing.size).toBe(0);
});

test('neither few tries nor a short time is told', () => {
  const few = place();
  few.tries('A', FAULT, 4, HOUR_MS);
  expect(few.standing.size).toBe(0);
  const short = place();
  short.tries('A', FAULT, 50, MINUTE_MS);
  expect(short.standing.size).toBe(0);
});
