import { expect, test } from 'vitest';
import { HOUR_MS } from '../core/time.ts';
import { createPointOwners } from './point-owners.ts';
import { registryOf, type SiteLine } from './registry.ts';

const DAY_MS = 24 * HOUR_MS;
const line = (site: string, more: Partial<SiteLine> = {}): SiteLine => ({
  site,
  key: 'k'.repeat(43),
  senders: ['x'],
  revoked: false,
  ...more,
});

function watched(lines: SiteLine[]) {
  const standing = new Map<string, string>();
  let registry = registryOf(lines);
  let now = 0;
  const owners = createPointOwners({
    registry: () => registry,
    alerts: { raise: (id, { detail }) => void standing.set(id, detail), clear: (id) => void standing.delete(id) },
    clock: { monotonicMs: () => now },
  });
  return {
    standing,
    register(changed: SiteLine[]) {
      registry = registryOf(changed);
    },
    said: (site: string, point: string, sender = 'x') => owners.spoke({ site, sender, id: '00000000000001' }, [point]),
    after(ms: number) {
      now += ms;
      owners.sweep();
    },
  };
}

test('people are told of a point that comes from two sites, and not of one that has one', () => {
  const { said, standing } = watched([line('a'), line('b')]);
  said('a', 'P1');
  said('a', 'P1');
  said('b', 'P2');
  said('b', 'P1', 'another sender');
  expect(standing.size).toBe(0);
  said('b', 'P1');
  expect([...standing]).toEqual([['point-p1', expect.stringMatching(/comes from a .* from b/)]]);
});

test('it goes when the registry says whose it is, when one is revoked, and when only one has spoken for eight days', () => {
  const twoSpoke = () => {
    const two = watched([line('a'), line('b')]);
    two.said('a', 'P1');
    two.said('b', 'P1');
    return two;
  };
  const named = twoSpoke();
  named.after(DAY_MS);
  expect(named.standing.size).toBe(1);
  named.register([line('a', { points: ['P1'] }), line('b')]);
  named.after(1);
  expect(named.standing.size).toBe(0);

  const revoked = twoSpoke();
  revoked.register([line('a', { revoked: true }), line('b')]);
  revoked.after(1);
  expect(revoked.standing.size).toBe(0);

  const quiet = twoSpoke();
  quiet.after(5 * DAY_MS);
  quiet.said('a', 'P1');
  quiet.after(5 * DAY_MS);
  expect(quiet.standing.size).toBe(1);
  quiet.said('a', 'P1');
  quiet.after(3 * DAY_MS);
  expect(quiet.standing.size).toBe(0);
});

test('the gateway in the place of a revoked one is no second; two that the registry names both are', () => {
  const replaced = watched([line('a', { revoked: true }), line('b')]);
  replaced.said('a', 'P1');
  replaced.said('b', 'P1');
  expect(replaced.standing.size).toBe(0);
  const both = watched([line('a', { points: ['P1'] }), line('b', { points: ['P1'] })]);
  both.said('a', 'P1');
  both.said('b', 'P1');
  expect(both.standing.size).toBe(1);
});

test('two sites that name each other’s points by the thousand are told with a bound', () => {
  const { said, standing, after, register } = watched([line('a'), line('b')]);
  for (let n = 0; n < 1_500; n++) for (const site of ['a', 'b']) said(site, `P${n}`);
  expect(standing.size).toBe(1_001);
  expect(standing.get('points-more')).toContain('more than 1000 points');
  register([line('a'), line('b', { revoked: true })]);
  after(1);
  expect(standing.size).toBe(0);
});
