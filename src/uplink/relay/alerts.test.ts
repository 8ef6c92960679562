import { describe, expect, test } from 'vitest';
import { failure } from '../../core/failure.ts';
import { HOUR_MS, MINUTE_MS } from '../../core/time.ts';
import type { Publication } from '../../machine/broker.ts';
import { pause } from '../../machine/timers.ts';
import { simBroker } from '../../sim/broker.ts';
import { simClock } from '../../sim/clock.ts';
import { createWorld, type World } from '../../sim/world.ts';
import { ALERT_BYTES_MAX, createAlerts } from './alerts.ts';

const START = Date.UTC(2026, 5, 1, 8);
const DAY_MS = 24 * HOUR_MS;
const refused = failure('relay-refused', 'no such site');
const rejected = failure('operator-rejected', 'message 1: wrong');

/** Programs at one broker whose alerts are read back, each from the moment it starts. */
function place() {
  const world = createWorld(1);
  const broker = simBroker(world, { random: world.random });
  const clock = simClock(world, START);
  const seen = new Map<string, string>();
  const takenBack: string[] = [];
  const gone = new Set<string>();
  /** @param by where `name` is a place that several share */
  async function start(name: string, by?: string, most?: number) {
    let say: (publication: Publication) => void = () => undefined;
    const shared = by !== undefined && {
      by,
      isThere: (relay: string) => !gone.has(relay),
      takenBack: (id: string) => void takenBack.push(`${by} ${id}`),
    };
    const alerts = createAlerts(name, clock, (publication) => say(publication), {
      settleMs: 2 * HOUR_MS,
      ...(shared && { shared }),
      ...(most !== undefined && { most }),
    });
    const session = await broker.connect({
      clientId: by ?? name,
      clean: true,
      subscriptions: [`odecet/1/${name}/alert/+`],
      onMessage: async (delivered) => alerts.heard(delivered),
    });
    say = (publication) => void session.publish(publication);
    for (const publication of alerts.publications()) say(publication);
    await pause(world, MINUTE_MS);
    const leave = () => {
      gone.add(by ?? name);
      return session.close();
    };
    return { alerts, leave };
  }
  async function watch() {
    await broker.connect({
      clientId: 'staff',
      clean: true,
      subscriptions: ['odecet/1/+/alert/+'],
      async onMessage({ topic, payload }) {
        if (payload.length === 0) seen.delete(topic);
        else seen.set(topic, new TextDecoder().decode(payload));
      },
    });
  }
  const topics = () => [...seen.keys()].map((topic) => topic.replace('odecet/1/', '')).sort();
  return { world, clock, start, watch, topics, seen, takenBack };
}

const within = (world: World, run: () => Promise<void>) => world.run(run);

test('what an earlier run left is taken back when this one does not find it again, and keeps its time when it does', async () => {
  const { world, start, watch, topics, seen } = place();
  await within(world, async () => {
    await watch();
    const before = await start('site-a');
    before.alerts.raise('message-1', refused);
    before.alerts.raise('message-2', refused);
    await before.leave();
    await pause(world, HOUR_MS);
    const { alerts } = await start('site-a');
    expect(alerts.standing().map(({ id }) => id)).toEqual(['message-1', 'message-2']);
    alerts.raise('message-2', refused);
    alerts.sweep();
    expect(topics()).toHaveLength(2);
    await pause(world, 2 * HOUR_MS);
    alerts.sweep();
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual(['site-a/alert/message-2']);
    expect(seen.get('odecet/1/site-a/alert/message-2')).toContain('2026-06-01T08:0');
  });
});

test('what an earlier run left is cleared at once by what clears it', async () => {
  const { world, start, watch, topics } = place();
  await within(world, async () => {
    await watch();
    const before = await start('site-a');
    before.alerts.raise('message-1', refused);
    await before.leave();
    const { alerts } = await start('site-a');
    alerts.clear('message-1');
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual([]);
    expect(alerts.publications()).toEqual([]);
  });
});

test('a rejection outlives a restart until every point of its day was accepted later, or thirty days', async () => {
  const { world, start, watch, topics, seen } = place();
  await within(world, async () => {
    await watch();
    const before = await start('site-a');
    before.alerts.raise('message-1', rejected, { about: 'gas 2026-05-31', points: ['A', 'B'] });
    before.alerts.raise('message-2', rejected, { about: 'gas 2026-05-30', points: ['A'] });
    // As an earlier program says it.
    before.alerts.raise('message-3', rejected, { about: 'gas 2026-05-31' });
    await before.leave();
    const { alerts } = await start('site-a');
    await pause(world, DAY_MS);
    alerts.sweep();
    const about = 'gas 2026-05-31';
    alerts.settle({ about, id: 'message-0', points: ['A', 'B'] });
    alerts.settle({ about, id: 'message-4', points: ['B', 'C'] });
    await pause(world, MINUTE_MS);
    expect(topics()).toHaveLength(3);
    expect(JSON.parse(seen.get('odecet/1/site-a/alert/message-1') ?? '')).toMatchObject({ about, points: ['A'] });
    alerts.settle({ about, id: 'message-5', points: ['A'] });
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual(['site-a/alert/message-2', 'site-a/alert/message-3']);
    alerts.settle({ about, id: 'message-6', points: [], corrects: 'message-3' });
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual(['site-a/alert/message-2']);
    await pause(world, 30 * DAY_MS);
    alerts.sweep();
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual([]);
  });
});

test.each([{}, { points: [] }])(
  'a rejection that names no point (%j) is settled by its correction only',
  async (points) => {
    const { world, start } = place();
    await within(world, async () => {
      const { alerts } = await start('site-a');
      const about = 'gas 2026-05-31';
      alerts.raise('message-1', rejected, { about, ...points });
      alerts.settle({ about, id: 'message-2', points: ['A'] });
      expect(alerts.standing()).toHaveLength(1);
      alerts.settle({ about, id: 'message-3', points: [], corrects: 'message-1' });
      expect(alerts.standing()).toEqual([]);
    });
  },
);

test.each(['ahead', 'back'])(
  'a wall clock that was set %s by years takes nothing back and keeps nothing for ever',
  async (way) => {
    const { world, clock, start, watch, topics } = place();
    const stepMs = (way === 'ahead' ? 3 : -3) * 365 * DAY_MS;
    await within(world, async () => {
      await watch();
      const before = await start('site-a');
      before.alerts.raise('message-1', rejected);
      before.alerts.raise('message-2', refused);
      await before.leave();
      const { alerts } = await start('site-a');
      alerts.raise('message-3', rejected);
      alerts.sweep();
      clock.stepWall(stepMs);
      alerts.sweep();
      await pause(world, MINUTE_MS);
      expect(topics()).toHaveLength(3);
      await pause(world, 2 * HOUR_MS);
      alerts.sweep();
      await pause(world, MINUTE_MS);
      expect(topics()).toEqual(['site-a/alert/message-1', 'site-a/alert/message-3']);
      clock.stepWall(-stepMs);
      await pause(world, 30 * DAY_MS);
      alerts.sweep();
      await pause(world, MINUTE_MS);
      expect(topics()).toEqual([]);
    });
  },
);

describe('relays that share one place', () => {
  const silent = (since: string) => failure('site-silent', `nothing since ${since}`);

  test('say one alert for one cause, and whoever sees it over takes it back', async () => {
    const { world, start, watch, topics, seen, takenBack } = place();
    await within(world, async () => {
      await watch();
      const one = await start('relay', 'centre-1');
      const two = await start('relay', 'centre-2');
      one.alerts.raise('site-a-silent', silent('8:00:01'), { site: 'site-a' });
      await pause(world, MINUTE_MS);
      const text = seen.get('odecet/1/relay/alert/site-a-silent');
      expect(JSON.parse(text ?? '')).toMatchObject({ by: 'centre-1', site: 'site-a' });
      for (let n = 0; n < 5; n++) {
        two.alerts.raise('site-a-silent', silent('8:00:02'), { site: 'site-a' });
        one.alerts.raise('site-a-silent', silent('8:00:01'), { site: 'site-a' });
        await pause(world, MINUTE_MS);
        expect(seen.get('odecet/1/relay/alert/site-a-silent')).toBe(text);
      }
      two.alerts.clear('site-a-silent');
      await pause(world, MINUTE_MS);
      expect(topics()).toEqual([]);
      expect(takenBack).toEqual(['centre-1 site-a-silent']);
      expect(one.alerts.standing()).toEqual([]);
    });
  });

  test('take over what a dead one said, with its time; what none of them finds again goes', async () => {
    const { world, start, watch, topics } = place();
    await within(world, async () => {
      await watch();
      const one = await start('relay', 'centre-1');
      const two = await start('relay', 'centre-2');
      one.alerts.raise('site-a-silent', silent('8:00:01'));
      one.alerts.raise('site-b-refused', refused);
      await pause(world, 5 * HOUR_MS);
      // Its own relay looks after it.
      two.alerts.sweep();
      expect(topics()).toHaveLength(2);
      await one.leave();
      two.alerts.raise('site-a-silent', silent('8:00:02'));
      await pause(world, 3 * HOUR_MS);
      two.alerts.sweep();
      await pause(world, MINUTE_MS);
      expect(topics()).toEqual(['relay/alert/site-a-silent']);
      expect(two.alerts.standing()).toMatchObject([{ by: 'centre-2', since: expect.stringContaining('T08:0') }]);
      const three = await start('relay', 'centre-3');
      expect(three.alerts.standing()).toHaveLength(1);
      three.alerts.clear('site-a-silent');
      await pause(world, MINUTE_MS);
      expect(topics()).toEqual([]);
    });
  });

  test('a rejection of which one took points back stands, also when that one goes', async () => {
    const { world, start, watch, topics } = place();
    await within(world, async () => {
      await watch();
      const one = await start('relay', 'centre-1');
      const two = await start('relay', 'centre-2');
      one.alerts.raise('message-1', rejected, { about: 'gas 2026-05-31', points: ['A', 'B'] });
      await pause(world, MINUTE_MS);
      two.alerts.settle({ about: 'gas 2026-05-31', id: 'message-2', points: ['A'] });
      await pause(world, MINUTE_MS);
      expect(one.alerts.standing()).toMatchObject([{ by: 'centre-2', points: ['B'] }]);
      await two.leave();
      await pause(world, 3 * HOUR_MS);
      one.alerts.sweep();
      await pause(world, MINUTE_MS);
      expect(topics()).toEqual(['relay/alert/message-1']);
    });
  });

  test('what was taken back while one was away is not said again by it', async () => {
    const { world, start, watch, topics } = place();
    await within(world, async () => {
      await watch();
      const one = await start('relay', 'centre-1');
      const two = await start('relay', 'centre-2');
      one.alerts.raise('x', refused);
      await pause(world, MINUTE_MS);
      await two.leave();
      one.alerts.clear('x');
      two.alerts.forgetOthers();
      expect(two.alerts.publications()).toEqual([]);
      expect(two.alerts.standing()).toEqual([]);
      await pause(world, MINUTE_MS);
      expect(topics()).toEqual([]);
    });
  });
});

test('no more stand than may; when one is over, the next is shown', async () => {
  const { world, start, watch, topics } = place();
  await within(world, async () => {
    await watch();
    const { alerts } = await start('site-a', undefined, 3);
    for (let n = 0; n < 6; n++) alerts.raise(`message-${n}`, failure('relay-refused', 'x'.repeat(5_000)));
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual(['message-0', 'message-1', 'message-2', 'more'].map((id) => `site-a/alert/${id}`));
    alerts.clear('message-5');
    alerts.clear('message-0');
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual(['message-1', 'message-2', 'message-3', 'more'].map((id) => `site-a/alert/${id}`));
    alerts.clear('message-1');
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual(['message-2', 'message-3', 'message-4'].map((id) => `site-a/alert/${id}`));
    for (const { payload } of alerts.publications()) expect(payload.length).toBeLessThan(3_000);
  });
});

test('what is raised, cleared and raised again in one moment stands', async () => {
  const { world, start, watch, topics } = place();
  await within(world, async () => {
    await watch();
    const { alerts } = await start('relay', 'centre-1');
    for (let n = 0; n < 3; n++) {
      alerts.raise('x', refused);
      alerts.clear('x');
    }
    alerts.raise('x', refused);
    await pause(world, MINUTE_MS);
    expect(alerts.standing()).toHaveLength(1);
    expect(topics()).toEqual(['relay/alert/x']);
  });
});

test('an alert about thousands of points is no longer than relays take, and is settled by all of them only', () => {
  const said: Publication[] = [];
  const alerts = createAlerts('site-a', simClock(createWorld(1), START), (publication) => said.push(publication), {
    settleMs: HOUR_MS,
  });
  const points = Array.from({ length: 2_000 }, (_, n) => String(859_182_400_500_000_000 + n));
  alerts.raise('message-1', failure('operator-rejected', '\u0001'.repeat(5_000)), { about: 'gas 2026-05-31', points });
  const settle = (settled: readonly string[]) =>
    alerts.settle({ about: 'gas 2026-05-31', points: settled, id: 'message-2' });
  settle(points.slice(0, 1_500));
  expect(alerts.standing()).toHaveLength(1);
  expect(alerts.publications()).toHaveLength(1);
  for (const { payload } of [...said, ...alerts.publications()]) {
    expect(payload.length).toBeGreaterThan(100);
    expect(payload.length).toBeLessThanOrEqual(ALERT_BYTES_MAX);
  }
  settle(points.slice(1_500));
  expect(alerts.standing()).toEqual([]);
});
