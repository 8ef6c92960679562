import { expect, test } from 'vitest';
import { failure } from '../../core/failure.ts';
import { HOUR_MS, MINUTE_MS } from '../../core/time.ts';
import type { Publication } from '../../machine/broker.ts';
import { pause } from '../../machine/timers.ts';
import { simBroker } from '../../sim/broker.ts';
import { simClock } from '../../sim/clock.ts';
import { createWorld, type World } from '../../sim/world.ts';
import { createAlerts } from './alerts.ts';

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
  async function start(name: string, isRelay?: (name: string) => boolean) {
    let say: (publication: Publication) => void = () => undefined;
    const alerts = createAlerts(
      name,
      () => clock.now(),
      (publication) => say(publication),
      {
        settleMs: 2 * HOUR_MS,
        ...(isRelay && { isRelay, takenBack: (id) => takenBack.push(`${name} ${id}`) }),
      },
    );
    const session = await broker.connect({
      clientId: name,
      clean: true,
      subscriptions: [`odecet/1/${isRelay ? '+' : name}/alert/+`],
      onMessage: async (delivered) => alerts.heard(delivered),
    });
    say = (publication) => void session.publish(publication);
    for (const publication of alerts.publications()) say(publication);
    await pause(world, MINUTE_MS);
    return { alerts, leave: () => session.close() };
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
  return { world, start, watch, topics, seen, takenBack };
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

test('a rejection outlives a restart until a later message of its day is accepted, or thirty days', async () => {
  const { world, start, watch, topics } = place();
  await within(world, async () => {
    await watch();
    const before = await start('site-a');
    before.alerts.raise('message-1', rejected, 'gas 2026-05-31');
    before.alerts.raise('message-2', rejected, 'gas 2026-05-30');
    await before.leave();
    const { alerts } = await start('site-a');
    await pause(world, DAY_MS);
    alerts.sweep();
    alerts.clearAbout('gas 2026-05-31', 'message-0');
    await pause(world, MINUTE_MS);
    expect(topics()).toHaveLength(2);
    alerts.clearAbout('gas 2026-05-31', 'message-3');
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual(['site-a/alert/message-2']);
    await pause(world, 30 * DAY_MS);
    alerts.sweep();
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual([]);
  });
});

test('an alert of one relay is taken back by another, also of one that is gone', async () => {
  const { world, start, watch, topics, takenBack } = place();
  const isRelay = (name: string) => name.startsWith('centre');
  await within(world, async () => {
    await watch();
    const one = await start('centre-1', isRelay);
    const two = await start('centre-2', isRelay);
    one.alerts.raise('site-a-refused', refused);
    one.alerts.raise('site-a-silent', failure('site-silent', 'nothing'));
    await pause(world, MINUTE_MS);
    two.alerts.clearEverywhere('site-a-refused');
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual(['centre-1/alert/site-a-silent']);
    expect(one.alerts.standing().map(({ id }) => id)).toEqual(['site-a-silent']);
    expect(takenBack).toEqual(['centre-1 site-a-refused']);
    await one.leave();
    const three = await start('centre-3', isRelay);
    three.alerts.clearEverywhere('site-a-silent');
    await pause(world, MINUTE_MS);
    expect(topics()).toEqual([]);
  });
});

test('what is raised, cleared and raised again in one moment stands', async () => {
  const { world, start, watch, topics } = place();
  await within(world, async () => {
    await watch();
    const { alerts } = await start('centre-1', () => true);
    for (let n = 0; n < 3; n++) {
      alerts.raise('x', refused);
      alerts.clear('x');
    }
    alerts.raise('x', refused);
    await pause(world, MINUTE_MS);
    expect(alerts.standing()).toHaveLength(1);
    expect(topics()).toEqual(['centre-1/alert/x']);
  });
});
