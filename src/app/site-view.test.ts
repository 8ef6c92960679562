import { expect, test } from 'vitest';
import { topicOf } from '../uplink/relay/topics.ts';
import { createSiteView } from './site-view.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('what a site says reaches no terminal as a command', () => {
  const view = createSiteView();
  const clear = '\u001b[2J\u009b31m';
  const said = {
    state: `${clear}ready${'!'.repeat(1_000)}`,
    status: JSON.stringify({ v: 1, site: 'site-a', at: clear }, undefined, 1),
    'alert/x': JSON.stringify({ id: clear, code: clear, detail: clear, since: clear }),
  } as const;
  for (const what of ['state', 'status', 'alert/x'] as const)
    view.told({ topic: topicOf('site-a', what), payload: bytes(said[what]), retained: true });
  const [site] = view.sites();
  expect(site).toMatchObject({
    status: { v: 1, at: expect.stringContaining('31m') },
    alerts: [{ id: site?.status?.at }],
  });
  expect(site?.state.length).toBeLessThanOrEqual(20);
  expect(JSON.stringify(view.sites())).not.toMatch(/\\u00|\p{Cc}/u);
});

test('an alert goes with an empty word, a state and a status are replaced', () => {
  const view = createSiteView();
  const say = (what: 'state' | 'status' | 'alert/x', text: string) =>
    view.told({ topic: topicOf('site-a', what), payload: bytes(text), retained: false });
  say('alert/x', JSON.stringify({ id: 'x', code: 'c', detail: 'd', since: 's' }));
  say('state', 'init');
  say('state', 'ready');
  say('status', 'no JSON');
  expect(view.sites()).toMatchObject([{ site: 'site-a', state: 'ready', alerts: [{ id: 'x', detail: 'd' }] }]);
  say('alert/x', '');
  expect(view.sites()).toEqual([{ site: 'site-a', state: 'ready', alerts: [] }]);
});
