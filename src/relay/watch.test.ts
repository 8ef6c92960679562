import { expect, test } from 'vitest';
import { HOUR_MS, isoUtc, MINUTE_MS, SECOND_MS } from '../core/time.ts';
import type { Publication } from '../machine/broker.ts';
import { pause } from '../machine/timers.ts';
import { simClock } from '../sim/clock.ts';
import { createWorld } from '../sim/world.ts';
import { createAlerts } from '../uplink/relay/alerts.ts';
import { type Registry, registryOf } from './registry.ts';
import { createWatch } from './watch.ts';

const START = Date.UTC(2026, 5, 1, 8);
const line = (site: string, revoked = false, enrolled?: string) => ({
  ...(enrolled !== undefined && { enrolled }),
  site,
  key: 'k'.repeat(43),
  senders: ['x'],
  revoked,
});
const bytes = (text: string) => new TextEncoder().encode(text);

function centre(seed: number) {
  const world = createWorld(seed);
  const clock = simClock(world, START);
  const retained = new Map<string, string>();
  const say = ({ topic, payload, retain }: Publication) => {
    expect(retain).toBe(true);
    // As a broker does: an empty one takes the last word back.
    if (payload.length === 0) retained.delete(topic);
    else retained.set(topic, new TextDecoder().decode(payload));
  };
  const alerts = createAlerts('centre-1', clock, say, { settleMs: HOUR_MS });
  const place: { registry: Registry } = { registry: registryOf([line('site-a'), line('site-b', true)]) };
  const registry = () => place.registry;
  const watch = createWatch({
    registry,
    alerts,
    silentAfterMs: 15 * MINUTE_MS,
    clockOffMsMax: 10 * MINUTE_MS,
    clock,
    say,
  });
  const stop = new AbortController();
  watch.online();
  void watch.run(stop.signal);
  const status = (site: string, offMs = 0, isRetained = false) =>
    watch.told(site, 'status', {
      topic: `odecet/1/${site}/status`,
      payload: bytes(JSON.stringify({ at: isoUtc(clock.now() + offMs) })),
      retained: isRetained,
    });
  const said = () => [...retained].filter(([topic]) => topic.includes('/alert/'));
  const standing = () =>
    said()
      .map(([topic]) => topic.replace('odecet/1/centre-1/alert/', ''))
      .sort();
  return { world, clock, place, status, standing, said, retained, stop, alerts, watch };
}

test('silence is an alert, retained, and taken back when the site speaks', async () => {
  const { world, status, standing, said, stop } = centre(1);
  await world.run(async () => {
    await pause(world, 10 * MINUTE_MS);
    status('site-a');
    await pause(world, 14 * MINUTE_MS);
    expect(standing()).toEqual([]);
    await pause(world, 2 * MINUTE_MS);
    // A revoked site is not expected to speak.
    expect(standing()).toEqual(['site-a-silent']);
    const [[, text] = []] = said();
    expect(JSON.parse(text!)).toMatchObject({ code: 'site-silent', since: expect.stringContaining('2026-06-01T08:2') });
    status('site-a');
    expect(standing()).toEqual([]);
    stop.abort();
  });
});

test('what nobody can read is no sign of life, and no word on the clock', async () => {
  const { world, watch, status, standing, stop } = centre(2);
  await world.run(async () => {
    status('site-a', 11 * MINUTE_MS);
    for (const junk of ['', 'junk', '{"at":"yesterday"}', '[]']) {
      await pause(world, 5 * MINUTE_MS);
      watch.told('site-a', 'status', { topic: '', payload: bytes(junk), retained: false });
    }
    expect(standing()).toEqual(['site-a-clock', 'site-a-silent']);
    stop.abort();
  });
});

test('what the broker repeats from earlier is no sign of life', async () => {
  const { world, status, standing, stop } = centre(2);
  await world.run(async () => {
    for (let n = 0; n < 20; n++) {
      await pause(world, MINUTE_MS);
      status('site-a', 0, true);
    }
    expect(standing()).toEqual(['site-a-silent']);
    stop.abort();
  });
});

test('a site whose clock is off raises an alert until it is right', async () => {
  const { world, status, standing, stop } = centre(3);
  await world.run(async () => {
    status('site-a', -11 * MINUTE_MS);
    expect(standing()).toEqual(['site-a-clock']);
    status('site-a', 30 * SECOND_MS);
    expect(standing()).toEqual([]);
    stop.abort();
  });
});

test('nothing is expected of a site that was taken out of the registry', async () => {
  const { world, place, status, standing, stop } = centre(4);
  await world.run(async () => {
    status('site-a', 11 * MINUTE_MS);
    await pause(world, 20 * MINUTE_MS);
    expect(standing()).toEqual(['site-a-clock', 'site-a-silent']);
    place.registry = registryOf([]);
    await pause(world, MINUTE_MS);
    expect(standing()).toEqual([]);
    stop.abort();
  });
});

test('a broker that forgot everything is told what stands and what does not', async () => {
  const { world, alerts, stop } = centre(5);
  await world.run(async () => {
    alerts.raise('a', { code: 'site-silent', detail: 'x' });
    alerts.raise('b', { code: 'site-silent', detail: 'x' });
    alerts.clear('b');
    const said = alerts.publications().map(({ topic, payload }) => [topic.split('/').at(-1), payload.length > 0]);
    expect(said).toEqual([
      ['a', true],
      ['b', false],
    ]);
    stop.abort();
  });
});

test('a wall clock that is set says nothing about who is silent', async () => {
  const { world, clock, status, standing, stop } = centre(6);
  await world.run(async () => {
    status('site-a');
    clock.stepWall(5 * HOUR_MS);
    await pause(world, MINUTE_MS);
    expect(standing()).toEqual([]);
    clock.stepWall(-10 * HOUR_MS);
    await pause(world, 13 * MINUTE_MS);
    expect(standing()).toEqual([]);
    await pause(world, 2 * MINUTE_MS);
    expect(standing()).toEqual(['site-a-silent']);
    stop.abort();
  });
});

test('a site that was enrolled, or is no longer revoked, has its time from then on', async () => {
  const { world, place, status, standing, stop } = centre(7);
  await world.run(async () => {
    status('site-a');
    await pause(world, 10 * HOUR_MS);
    place.registry = registryOf([line('site-b'), line('site-c')]);
    await pause(world, 14 * MINUTE_MS);
    expect(standing()).toEqual([]);
    await pause(world, 2 * MINUTE_MS);
    expect(standing()).toEqual(['site-b-silent', 'site-c-silent']);
    stop.abort();
  });
});

test('a relay that starts anew waits its time, and leaves the alert of its earlier run standing meanwhile', async () => {
  const { world, clock, said, alerts, stop } = centre(8);
  await world.run(async () => {
    await pause(world, 16 * MINUTE_MS);
    const [[topic, text] = ['', '']] = said();
    stop.abort();
    const again = createAlerts('centre-1', clock, () => undefined, { settleMs: HOUR_MS });
    again.heard({ topic, payload: bytes(text), retained: true });
    const registry = () => registryOf([line('site-a')]);
    const next = new AbortController();
    const parts = {
      registry,
      alerts: again,
      silentAfterMs: 15 * MINUTE_MS,
      clockOffMsMax: MINUTE_MS,
      clock,
      say: () => undefined,
    };
    const watch = createWatch(parts);
    watch.online();
    void watch.run(next.signal);
    await pause(world, 20 * MINUTE_MS);
    again.sweep();
    const since = alerts.standing()[0]?.since;
    expect(again.standing()).toMatchObject([{ id: 'site-a-silent', since }]);
    await pause(world, 2 * HOUR_MS);
    again.sweep();
    expect(again.standing()).toHaveLength(1);
    watch.heard('site-a');
    expect(again.standing()).toEqual([]);
    next.abort();
  });
});

test('a site that was enrolled and never spoke is shown as such; its silence counts from its enrolment', async () => {
  const { world, place, status, standing, retained, stop, watch } = centre(9);
  const stateOf = (site: string) => retained.get(`odecet/1/${site}/state`);
  const hear = (site: string, word: string) =>
    watch.told(site, 'state', { topic: '', payload: bytes(word), retained: true });
  await world.run(async () => {
    place.registry = registryOf([
      line('long', false, isoUtc(START - 24 * HOUR_MS)),
      line('fresh', false, isoUtc(START)),
      line('known', false, isoUtc(START - 24 * HOUR_MS)),
      line('revoked', true, isoUtc(START)),
    ]);
    hear('known', 'lost');
    await pause(world, MINUTE_MS);
    expect([standing(), stateOf('long')]).toEqual([[], undefined]);
    await pause(world, 2 * MINUTE_MS);
    expect(standing()).toEqual(['long-silent']);
    expect(['long', 'fresh', 'known', 'revoked'].map(stateOf)).toEqual(['never', 'never', undefined, undefined]);
    for (const site of ['long', 'fresh']) hear(site, 'never');
    await pause(world, 10 * MINUTE_MS);
    expect(standing()).toEqual(['long-silent']);
    // It speaks for the first time in the moment in which we say that it never did.
    hear('long', 'ready');
    hear('long', 'never');
    status('long');
    expect(stateOf('long')).toBe('ready');
    await pause(world, 4 * MINUTE_MS);
    expect(standing()).toEqual(['fresh-silent', 'known-silent']);
    place.registry = registryOf([]);
    await pause(world, MINUTE_MS);
    expect([standing(), stateOf('fresh'), stateOf('long')]).toEqual([[], undefined, 'ready']);
    stop.abort();
  });
});

test('silence is not told before what the broker has was heard, and of a site that never spoke in the same words from the first', async () => {
  const { world, place, retained, standing, stop, watch } = centre(10);
  const text = () => retained.get('odecet/1/centre-1/alert/new-silent');
  await world.run(async () => {
    place.registry = registryOf([line('new', false, isoUtc(START - 24 * HOUR_MS))]);
    watch.offline();
    // The broker is away for hours at the start.
    await pause(world, 3 * HOUR_MS);
    expect(standing()).toEqual([]);
    watch.online();
    await pause(world, MINUTE_MS);
    expect(standing()).toEqual([]);
    await pause(world, 2 * MINUTE_MS);
    const first = text();
    expect(first).toContain('the broker has nothing of it yet');
    await pause(world, HOUR_MS);
    expect(text()).toBe(first);
    stop.abort();
  });
});

test('an outage of the broker is no silence of the sites; what was heard of their silence before and after it counts', async () => {
  const { world, place, status, standing, stop, watch } = centre(11);
  await world.run(async () => {
    place.registry = registryOf([line('site-a'), line('site-b')]);
    status('site-a');
    status('site-b');
    await pause(world, MINUTE_MS);
    watch.offline();
    await pause(world, 5 * HOUR_MS);
    watch.online();
    await pause(world, 10 * MINUTE_MS);
    expect(standing()).toEqual([]);
    status('site-b');
    // A connection that comes and goes hides no silence.
    for (let n = 0; n < 2; n++) {
      watch.offline();
      await pause(world, MINUTE_MS);
      watch.online();
      await pause(world, 3 * MINUTE_MS);
    }
    expect(standing()).toEqual(['site-a-silent']);
    stop.abort();
  });
});
