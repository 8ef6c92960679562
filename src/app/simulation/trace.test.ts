import { expect, it } from 'vitest';
import { parseUtc } from '../../core/time.ts';
import { startTrace, timeIn } from './trace.ts';

const AT = parseUtc('2026-03-28T05:00:00Z');

it.each([
  ['2026-03-28T05:00:00.000Z the program ended', AT],
  ['wrong: meter-1 27ZG500SIM00000Z volume 2026-03-28T05:00:00Z in message 01792991400750: 4', AT],
  ['called written, and not on the disk: r/2026-03-28/meter-2/sampled/05:00:00.087Z', parseUtc('2026-03-28T00:00:00Z')],
  ['message id 01792991400750 was used for two contents', undefined],
])('%s: the time that it names', (complaint, at) => {
  expect(timeIn(complaint)).toBe(at);
});

it('keeps the events until an instant, and all of them count for the hash', () => {
  let now = AT;
  const trace = () =>
    startTrace(
      () => now,
      () => undefined,
      AT + 1,
    );
  const [one, other] = [trace(), trace()];
  for (const each of [one, other]) each.note('seen', 'before');
  now = AT + 2;
  one.note('seen', 'after');
  for (const each of [one, other]) expect(each.last()).toEqual(['2026-03-28T05:00:00Z seen {"what":"before"}']);
  expect(one.hash()).not.toBe(other.hash());
});
