import { expect, test } from 'vitest';
import { createToyDriver, toyDevice } from './collect.testkit.ts';
import { dialogueRules } from './rules.ts';

test('a dialogue may hold its line for 30 s, or three reply time-outs where that is more', () => {
  const limitOf = (replyTimeoutMs: number) =>
    dialogueRules(toyDevice({ address: 1, replyTimeoutMs }), createToyDriver()).dialogueLimitMs;
  expect([limitOf(200), limitOf(10_000), limitOf(12_000)]).toEqual([30_000, 30_000, 36_000]);
});

test('a late answer may be as late as the reply time-out, unless the device says otherwise', () => {
  const lateOf = (lateAnswerMs?: number) =>
    dialogueRules(
      toyDevice({ address: 1, replyTimeoutMs: 700, ...(lateAnswerMs === undefined ? {} : { lateAnswerMs }) }),
      createToyDriver(),
    ).lateAnswerMs;
  expect([lateOf(), lateOf(1_500)]).toEqual([700, 1_500]);
});
